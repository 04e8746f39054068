"""``bmtick lsp`` as an editor sees it: over standard input and output, and in Neovim."""

import json
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("pygls")

SCRIPT = """var crit = 90.0

stream
    |from()
        .measurement('postfix_queue')
        .groupBy('host', 'queue')
    |where(lambda: "length" > 5)
    |alert()
        .id('{{ index .Tags "host" }}/{{ index .Tags "queue" }}')
        .crit(lambda: "age" > crit)
        .slack('#a')
"""
URI = "file:///tmp/a.tick"


class Client:
    """Speaks the protocol: requests wait for their answer, notifications are kept."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bmtick", "lsp", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.number = 0
        self.notes = []
        self.capabilities = self.request(
            "initialize", processId=None, rootUri=None, capabilities={}
        )
        self.notify("initialized")

    def _send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _read(self):
        length = 0
        while (line := self.process.stdout.readline().strip()) or not length:
            assert self.process.poll() is None, self.process.stderr.read().decode()
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.process.stdout.read(length))

    def notify(self, method, **params):
        self._send(method=method, params=params)

    def request(self, method, **params):
        self.number += 1
        self._send(id=self.number, method=method, params=params)
        while (message := self._read()).get("id") != self.number:
            self.notes.append(message)
        assert "error" not in message, message
        return message["result"]

    def open(self, text, uri=URI):
        document = {"uri": uri, "languageId": "tickscript", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)
        return self.diagnostics()

    def diagnostics(self):
        while True:
            message = self.notes.pop(0) if self.notes else self._read()
            if message.get("method") == "textDocument/publishDiagnostics":
                return message["params"]["diagnostics"]

    def at(self, method, line, character, uri=URI):
        position = {"line": line, "character": character}
        return self.request(f"textDocument/{method}", textDocument={"uri": uri}, position=position)

    def completions(self, text, uri=URI):
        """Complete at the end of a text."""
        self.open(text, uri)
        lines = text.split("\n")
        answer = self.at("completion", len(lines) - 1, len(lines[-1]), uri)
        return {item["label"]: item for item in answer["items"]}

    def close(self):
        self.request("shutdown")
        self.notify("exit")
        assert self.process.wait(120) == 0


@pytest.fixture(scope="module")
def client():
    client = Client()
    yield client
    client.close()


def test_findings_come_while_one_types(client):
    (found,) = client.open(SCRIPT)
    assert found["range"]["start"] == {"line": 10, "character": 9}
    assert found["severity"] == 1
    assert "write .slack().channel('#a')" in found["message"]
    change = {"text": SCRIPT.replace(".slack('#a')", ".slack()")}
    document = {"uri": URI, "version": 2}
    client.notify("textDocument/didChange", textDocument=document, contentChanges=[change])
    assert client.diagnostics() == []


def test_columns_are_counted_as_the_protocol_does(client):
    uri = "file:///tmp/wide.tick"
    (found,) = client.open("stream|from().where(lambda: \"\U0001f600\" == 'x' && TRUE)|log()", uri)
    assert found["range"]["start"]["character"] == len('stream|from().where(lambda: "xx" ==') + 5


def test_code_actions_mend_the_script(client):
    client.open(SCRIPT)
    at = {"line": 10, "character": 9}
    (action,) = client.request(
        "textDocument/codeAction",
        textDocument={"uri": URI},
        range={"start": at, "end": at},
        context={"diagnostics": []},
    )
    (edit,) = action["edit"]["changes"][URI]
    assert edit["newText"] == "().channel('#a')"
    assert edit["range"]["start"] == {"line": 10, "character": 14}


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        ("str", {"stream"}, {"batch"}),
        ("stream\n    |", {"from"}, {"window", "query"}),
        ("stream\n    |from()\n    |win", {"window"}, {"where"}),
        ("stream\n    |from()\n    |window()\n        .", {"period", "every"}, {"crit"}),
        ("stream\n    |from()\n    |alert()\n        .s", {"slack", "stateChangesOnly"}, {"crit"}),
        ("stream\n    |from()\n    |alert()\n        .slack()\n        .ch", {"channel"}, set()),
        ("stream\n    |from()\n        .measurement('postfix_", {"postfix_queue"}, {"cpu"}),
        (
            "stream\n    |from()\n        .measurement('postfix_queue')\n    |where(lambda: \"",
            {"length", "queue", "host"},
            {"messages"},
        ),
        (
            "stream\n    |from()\n        .measurement('postfix_queue')\n        .groupBy('",
            {"queue", "host"},
            {"length"},
        ),
        (
            (
                "stream\n    |from()\n        .measurement('postfix_queue')\n    |window()\n"
                "        .period(1m)\n        .every(1m)\n    |mean('"
            ),
            {"length", "age"},
            {"queue"},
        ),
        ("var crit = 5\nstream\n    |from()\n    |where(lambda: cr", {"crit"}, {"stream"}),
        ("stream\n    |from()\n    |where(lambda: is", {"isPresent"}, set()),
        ("var data = stream\n    |from()\n\ndata\n    |ale", {"alert"}, {"window"}),
        ("batch\n    |query('SELECT a FROM b.c.d')\n        .ev", {"every"}, set()),
    ],
)
def test_completes(client, text, there, not_there):
    found = client.completions(text, f"file:///tmp/{abs(hash(text))}.tick").keys()
    assert there <= found
    assert not not_there & found


def test_hovers_with_documentation(client):
    client.open(SCRIPT)
    assert "compares data to levels" in client.at("hover", 7, 6)["contents"]["value"].lower()
    assert "CRITICAL while this is true" in client.at("hover", 9, 10)["contents"]["value"]
    assert "field of postfix_queue, int" in client.at("hover", 6, 22)["contents"]["value"]
    assert "a float" in client.at("hover", 9, 31)["contents"]["value"]
    assert client.at("hover", 1, 0) is None


def test_goes_to_the_definition_of_a_var(client):
    client.open(SCRIPT)
    place = client.at("definition", 9, 31)
    assert place["range"]["start"] == {"line": 0, "character": 4}
    assert client.at("definition", 7, 6) is None


def test_formats(client):
    uri = "file:///tmp/ugly.tick"
    client.open("stream|from()\n|log()", uri)
    options = {"tabSize": 4, "insertSpaces": True}
    ask = {"textDocument": {"uri": uri}, "options": options}
    (edit,) = client.request("textDocument/formatting", **ask)
    assert edit["newText"] == "stream\n    |from()\n    |log()\n"
    client.open("stream|", uri + "2")
    ask["textDocument"] = {"uri": uri + "2"}
    assert client.request("textDocument/formatting", **ask) == []


@pytest.mark.parametrize(
    "text", ["", "|", "'", "stream|from(", "\x00", "var", "stream\n|from().", "(" * 300]
)
def test_no_text_stops_the_server(client, text):
    uri = "file:///tmp/odd.tick"
    client.open(text, uri)
    client.completions(text, uri)
    client.at("hover", 0, 1, uri)
    client.at("definition", 5, 5, uri)


def test_without_pygls_it_says_what_to_install(tmp_path):
    (tmp_path / "pygls.py").write_text("raise ImportError")
    done = subprocess.run(
        [sys.executable, "-m", "bmtick", "lsp"],
        capture_output=True,
        text=True,
        input="",
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'bmtick[lsp]'" in done.stderr
    assert "Traceback" not in done.stderr


LUA = """
local id = vim.lsp.start_client({ name = 'bmtick', cmd = { %(python)s, '-m', 'bmtick', 'lsp' } })
vim.cmd('edit ' .. %(script)s)
vim.lsp.buf_attach_client(0, id)
vim.wait(20000, function() return #vim.diagnostic.get(0) > 0 end, 50)
local out = { diagnostics = {}, items = {} }
for _, d in ipairs(vim.diagnostic.get(0)) do
  table.insert(out.diagnostics, { d.lnum, d.col, d.message })
end
local params = { textDocument = vim.lsp.util.make_text_document_params(0),
                 position = { line = 7, character = 6 } }
local answers = vim.lsp.buf_request_sync(0, 'textDocument/hover', params, 5000)
for _, a in pairs(answers or {}) do out.hover = a.result.contents.value end
vim.lsp.buf.formatting_sync({}, 5000)
out.lines = vim.api.nvim_buf_get_lines(0, 0, -1, false)
local file = io.open(%(out)s, 'w')
file:write(vim.json.encode(out))
file:close()
vim.cmd('qall!')
"""


@pytest.mark.skipif(not shutil.which("nvim"), reason="no nvim on this machine")
def test_in_neovim(tmp_path):
    script, lua, out = tmp_path / "a.tick", tmp_path / "run.lua", tmp_path / "out.json"
    script.write_text(SCRIPT.replace("    |alert()", "  |alert()"))
    quoted = {"python": sys.executable, "script": str(script), "out": str(out)}
    lua.write_text(LUA % {name: json.dumps(value) for name, value in quoted.items()})
    command = ["nvim", "--headless", "--clean", "-c", f"luafile {lua}"]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    seen = json.loads(out.read_text())
    assert [d[:2] for d in seen["diagnostics"]] == [[10, 9]]
    assert "Compares data to levels" in seen["hover"]
    assert "    |alert()" in seen["lines"]

"""Nodes that reach out of the task: what they post, write and read, and how eval shows it."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.engine import load_task
from bmtick.errors import BmtickError
from bmtick.points import parse_lines

AT = 1_767_600_001_500_000_000


@pytest.fixture
def show(tmp_path):
    def runner(script, lines, *options):
        (tmp_path / "s.tick").write_text(script)
        (tmp_path / "p.lp").write_text("\n".join(lines))
        files = [str(tmp_path / "s.tick"), "--points", str(tmp_path / "p.lp")]
        done = CliRunner().invoke(cli, ["eval", *files, *options])
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return runner


def results(script, lines, **options):
    task = load_task(script + "|httpOut('out')", file="s.tick", name="s", **options)
    for point in parse_lines(lines):
        task.feed(point, "", "")
    series = task.http_outputs()["out"]["series"] or []
    rows = [dict(zip(row["columns"], v, strict=True)) for row in series for v in row["values"]]
    return rows, [f"{d.node}: {d.message}" for d in task.diagnostics()]


def test_a_write_is_shown_with_its_place_and_precision(show):
    script = "stream|from()|influxDBOut().database('d').retentionPolicy('r').measurement('x')"
    found, _ = show(
        script + ".precision('ms').tag('by', 'me').cluster('c')",
        [f"m,host=a v=1i {AT}", "m v=2i -1500000"],
        "--show",
        "influxdb-out",
    )
    where = {"cluster": "c", "database": "d", "retentionPolicy": "r", "precision": "ms"}
    assert found == [
        {**where, "point": "x,by=me,host=a v=1i 1767600001500"},
        {**where, "point": "x,by=me v=2i -1"},
    ]
    found, _ = show(script, [f"m v=1 {AT}"], "--show", "influxdb-out")
    assert (found[0]["precision"], found[0]["point"]) == ("ns", f"x v=1.0 {AT}")


def test_the_loopback_is_shown(show):
    out = "|kapacitorLoopback().database('d').retentionPolicy('r').measurement('x').tag('by', 'me')"
    lines = [f"m,host=a v=1i {AT}"]
    found, _ = show("stream|from()" + out, lines, "--show", "loopback")
    assert [(f["database"], f["point"]) for f in found] == [("d", f"x,by=me,host=a v=1i {AT}")]
    # those of a batch keep their measurement, as in Kapacitor
    window = "stream|from()|window().periodCount(1).everyCount(1)"
    found, _ = show(window + out, lines, "--show", "loopback")
    assert [f["point"] for f in found] == [f"m,by=me,host=a v=1i {AT}"]


POST = "stream|from()|httpPost('http://127.0.0.1:{port}/{{ .Name }}?h={{ index .Tags \"host\" }}')"


def test_a_post_is_shown_and_not_sent(show):
    script = POST.replace("{port}", "1") + ".header('X-A', 'b')|alert().crit(lambda: TRUE)"
    found, _ = show(script, [f"m,host=a v=1i {AT}"], "--show", "http-post")
    row = {"name": "m", "tags": {"host": "a"}, "columns": ["time", "v"]}
    assert [f["url"] for f in found] == ["http://127.0.0.1:1/m?h=a"]
    assert found[0]["headers"] == {"Content-Type": "application/json", "X-A": "b"}
    values = [["2026-01-05T08:00:01.5Z", 1]]
    assert json.loads(found[0]["body"]) == {"series": [{**row, "values": values}]}
    events, _ = show(script, [f"m,host=a v=1i {AT}"])
    assert [event["level"] for event in events] == ["CRITICAL"]


def test_an_endpoint_and_a_batch_are_posted_too(show):
    script = "stream|from()|window().periodCount(2).everyCount(2)|httpPost().endpoint('e')"
    found, _ = show(script, [f"m v=1 {AT}", f"m v=2 {AT + 1}"], "--show", "http-post")
    assert [f["endpoint"] for f in found] == ["e"]
    assert len(json.loads(found[0]["body"])["series"][0]["values"]) == 2


def test_the_code_of_an_answer_that_nobody_asked_for_is_told():
    rows, problems = results(
        "stream|from()|httpPost('http://x').codeField('code')", [f"m v=1 {AT}"]
    )
    assert rows[0]["code"] == 200
    assert problems == ["http_post2: nothing was sent, the answer is taken for: 200"]
    batch = "stream|from()|window().periodCount(1).everyCount(1)"
    rows, _ = results(batch + "|httpPost('http://x').codeField('code')", [f"m v=1 {AT}"])
    assert rows[0]["code"] == 200


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            self.server.seen.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(500 if "bad" in self.path else 204)
            self.end_headers()
            if "bad" in self.path:
                self.wfile.write(b"no such thing")

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        running.seen = []
        Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_a_post_is_sent_where_asked(show, server):
    script = POST.replace("{port}", str(server.server_port))
    script += ".codeField('code').captureResponse()|httpOut('out')"
    lines = [f"m,host=a v=1i {AT}", f"bad,host=b v=1i {AT}"]
    (found,), problems = show(script, lines, "--post", "--http-out")
    assert [path for path, _ in server.seen] == ["/m?h=a", "/bad?h=b"]
    codes = [
        dict(zip(r["columns"], r["values"][0], strict=True))["code"] for r in found["out"]["series"]
    ]
    assert codes == [500]  # the last of the one group
    assert "POST returned non 2xx status code: no such thing" in problems
    unknown = "stream|from()|httpPost().endpoint('e')|httpOut('out')"
    _, problems = show(unknown, lines, "--post", "--http-out")
    assert "the endpoint 'e' is of Kapacitor's own configuration" in problems


FILES = {
    "host/a.yml": "limit: 5\nname: alpha\nup: yes\nno: here\nratio: '0.5'\nodd: [1]\nhalf: 1.5\n",
    "host/b.json": '{"limit": "7", "name": 12, "up": "false", "ratio": 2}',
    "default.yaml": "limit: 1\nname: all\n",
    "notes.txt": "nothing to read here",
    "empty.yml": "",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "side" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "side"


def sideload(folder, more=""):
    return (
        f"stream|from().groupBy('host')|sideload().source('file://{folder}')"
        ".order('host/{{ .host }}.yml', 'host/{{ .host }}.json', 'default.yaml')"
        f".field('limit', 0).field('ratio', 0.25).field('up', FALSE).tag('name', 'none'){more}"
    )


def test_values_come_from_the_first_file_that_has_them(folder):
    lines = [f"m,host={host} v=1i {AT}" for host in "abc"]
    rows, problems = results(sideload(folder) + "|eval(lambda: \"name\").as('n').keep()", lines)
    kept = [{k: v for k, v in row.items() if k not in ("time", "v")} for row in rows]
    assert kept == [
        {"limit": 5, "ratio": 0.5, "up": True, "n": "alpha"},
        {"limit": 7, "ratio": 2.0, "up": False, "n": "12"},
        {"limit": 1, "ratio": 0.25, "up": False, "n": "all"},
    ]
    assert [type(row["ratio"]) for row in rows] == [float] * 3
    assert problems == []


def test_a_key_that_yaml_takes_for_a_truth_value_is_one_in_kapacitor_too(folder):
    rows, _ = results(
        sideload(folder, ".field('false', '').field('no', '')"), [f"m,host=a v=1i {AT}"]
    )
    assert (rows[0]["false"], rows[0]["no"]) == ("here", "")


def test_values_come_into_batches(folder):
    rows, _ = results(
        sideload(folder).replace("|sideload", "|window().periodCount(1).everyCount(1)|sideload"),
        [f"m,host=a v=1i {AT}"],
    )
    assert rows[0]["limit"] == 5


def test_a_value_of_another_type_is_told_and_the_default_counts(folder):
    more = ".field('odd', 3).field('half', 4)"
    rows, problems = results(sideload(folder, more), [f"m,host=a v=1i {AT}"])
    assert (rows[0]["odd"], rows[0]["half"]) == (3, 4)
    assert problems == [
        "sideload2: failed to load key odd: cannot convert the value [1] to a int",
        "sideload2: failed to load key half: cannot convert 1.5 to an int",
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bad.yml", "a: [1", "failed to unmarshal values"),
        ("bad.json", "{", "failed to unmarshal values"),
        ("list.yml", "- 1", "not a map"),
        (".hidden.yml", "a: 1", "begins with a dot"),
        ("latin.json", b'{"a": "\xff"}', "failed to unmarshal values"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_line(folder, name, text, message):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BmtickError, match=message) as raised:
        load_task("var x = 1\n" + sideload(folder), file="s.tick", name="s")
    assert name in raised.value.message
    assert raised.value.location.line == 2

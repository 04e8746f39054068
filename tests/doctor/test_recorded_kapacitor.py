"""What a real Kapacitor 1.5.7 answered, as it was and with one thing wrong: no server is needed."""

import copy
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bmtick.deploy.answers import SeriesAnswer
from bmtick.deploy.client import connect
from bmtick.doctor.checks import kapacitor as check
from bmtick.doctor.context import Context
from bmtick.settings import parse

RECORDED = json.loads((Path(__file__).parent / "recorded/kapacitor-1.5.7.json").read_text("utf-8"))


@pytest.fixture
def recorded():
    return copy.deepcopy(RECORDED)


@pytest.fixture
def look(recorded):
    """Examine a Kapacitor that answers as recorded; return its checks by name."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0].removeprefix("/kapacitor/v1/")
            key = {"ping": "ping", "config/smtp": "smtp"}.get(path, "task")
            answer = {"ping": {}, **recorded}.get(key)
            body = json.dumps(answer if answer is not None else {"error": "none"}).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("X-Kapacitor-Version", "1.5.7")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(recorded.get("test", {"success": True, "message": ""})).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    settings = parse(
        f'[kapacitor]\nurl = "{url}"\n[notify]\nrecipients = ["a@example.org"]\n'
        "[alerts.bounce_rate]\n",
        file="bmtick.toml",
    )
    subscribed = SeriesAnswer(
        "telegraf",
        columns=["retention_policy", "name", "mode", "destinations"],
        values=[["autogen", "kapacitor-1", "ANY", [url]]],
    )

    def go(*, refusal="", **changes):
        def ask(*_):
            if refusal == "down":
                raise ConnectionRefusedError("Connection refused")
            return refusal

        context = Context(
            settings=settings,
            now=time.time(),
            get=lambda _: None,
            query=lambda *_: recorded.get("subscriptions", [subscribed]),
            kapacitor=lambda name: connect(name, settings.kapacitor[name], {"HOME": "/"}),
            ask_mail_server=ask,
            **changes,
        )
        return {found.name: found for found in check.run(context)}

    yield go
    server.shutdown()
    server.server_close()


TASK, MAIL, FED = "kapacitor: tasks: bounce_rate", "kapacitor: mail", "kapacitor: subscription"


def test_as_it_was_recorded_all_is_green(look):
    assert {name: found.status for name, found in look(test_mail=True).items()} == dict.fromkeys(
        ("kapacitor", FED, TASK, MAIL), "ok"
    )


def _nodes(recorded):
    return recorded["task"]["stats"]["node-stats"]


@pytest.mark.parametrize(
    ("change", "name", "status", "finding", "remedy"),
    [
        (lambda r: r.update(task=None), TASK, "broken", "not deployed", "bmtick apply"),
        (lambda r: r["task"].update(error="no such node"), TASK, "broken", "no such node", "bmtick"),
        (lambda r: r["task"].update(executing=False), TASK, "broken", "not running", "bmtick apply"),
        (
            lambda r: r["task"].update(modified="2100-01-01T00:00:00Z"),
            TASK, "broken", "older script", "bmtick apply",
        ),
        (lambda r: _nodes(r)["alert2"].update(errors=7), TASK, "broken", "7 errors", "journalctl -u kapacitor"),
        (lambda r: r["task"].pop("stats"), TASK, "skipped", "no point has reached", "bmtick status"),
        (lambda r: r.update(smtp=None), MAIL, "skipped", "does not tell", "bmtick fire NAME"),
        (
            lambda r: r["smtp"]["elements"][0]["options"].update(enabled=False),
            MAIL, "broken", "no mail server", "[smtp]: enabled = true",
        ),
        (
            lambda r: r.update(test={"success": False, "message": "no sender"}),
            MAIL, "broken", "no sender", "kapacitor.conf",
        ),
        (lambda r: r.update(subscriptions=[]), FED, "broken", "to no Kapacitor", "disable-subscr"),
    ],
    ids=["deleted", "error", "stopped", "stale", "node_errors", "no_points", "config_is_secret",
         "no_mail", "mail_fails", "no_subscription"],
)  # fmt: skip
def test_one_thing_wrong_is_red_there_and_nowhere_else(
    look, recorded, change, name, status, finding, remedy
):
    change(recorded)
    found = look(test_mail=True)
    wrong = {n: f for n, f in found.items() if f.status != "ok"}
    assert list(wrong) == [name]
    assert wrong[name].status == status
    assert finding in wrong[name].finding
    assert remedy in wrong[name].remedy


@pytest.mark.parametrize(
    ("refusal", "finding"),
    [("550 no such user", "refuses the mail: 550 no such user"), ("down", "does not answer")],
)
def test_the_mail_server_is_asked_itself(look, refusal, finding):
    found = look(test_mail=True, refusal=refusal)[MAIL]
    assert found.status == "broken"
    assert finding in found.finding

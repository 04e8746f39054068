"""Channels: each service's request against a loopback sink; secrets stay secret; none waits."""

import http.server
import json
import stat
import threading
from pathlib import Path

import pytest
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram
from apprise.plugins.workflows import NotifyWorkflows
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.engine.events import AlertEvent
from bmtick.errors import BmtickError
from bmtick.watch.channels import open_channels, read_channels, tell
from bmtick.watch.failure import DeliveryError
from bmtick.watch.outbox import Delivery

SECRET = "s3cr3ts3cr3ts3cr3t"
EVENT = {
    "id": "sender_outbreak_mx",
    "message": "[CRITICAL] mx: eve@example.org sends spam \u202e<!channel>",
    "details": "<p>80 addresses</p><p>1 &lt; 2</p>",
    "level": "CRITICAL",
}


class Sink:
    """Keeps what it is sent; ``status`` and ``answers`` are what it answers."""

    def __init__(self):
        self.status, self.requests = 200, []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _take(self):
                length = int(self.headers.get("Content-Length") or 0)
                sink.requests.append((self.command, self.path, self.rfile.read(length).decode()))
                self.send_response(sink.status)
                self.end_headers()
                self.wfile.write(sink.answer(self.path).encode())

            do_POST = do_PUT = do_GET = _take  # noqa: N815 -- names of the library

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def answer(path):
        if "joined_rooms" in path:
            return '{"joined_rooms": ["!room:127.0.0.1"]}'
        if "login" in path:
            return '{"user_id": "@u:127.0.0.1", "access_token": "t", "home_server": "127.0.0.1"}'
        if "/send/" in path:
            return '{"event_id": "$1"}'
        if "directory" in path or "join" in path:
            return '{"room_id": "!room:127.0.0.1"}'
        return '{"ok": true, "result": []}' if "bot" in path else "ok"

    @property
    def said(self):
        return "\n".join(body for _, _, body in self.requests)


@pytest.fixture
def http_sink(monkeypatch):
    sink = Sink()
    base = f"http://127.0.0.1:{sink.port}"
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{base}/slack")
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{base}/bot")
    monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", f"{base}/pagerduty")
    yield sink
    sink.server.shutdown()
    sink.server.server_close()


def urls(port):
    here = f"127.0.0.1:{port}"
    return {
        "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#mail",
        "telegram": "tgram://123456789:abcdefg_hijklmnopabcdefg_hijklmnop/-100123/",
        "matrix": f"matrix://user:{SECRET}@{here}/!room:127.0.0.1",
        "ntfy": f"ntfy://{here}/topic",
        "signal": f"signal://{here}/+15551234567/+15557654321",
        "pagerduty": f"pagerduty://{'i' * 32}@apikey{SECRET}",
        "webhook": f"json://{here}/{SECRET}",
        "form": f"form://{here}/{SECRET}",
    }


def send(channels, name, event=EVENT):
    delivery = Delivery("k", f"channel:{name}", [], {}, event, 0.0)
    channels.deliveries()[f"channel:{name}"](delivery)


@pytest.mark.parametrize("name", list(urls(0)))
def test_each_service_gets_the_alert(http_sink, name):
    channels = open_channels({name: urls(http_sink.port)[name]}, "WARNING", tell)
    send(channels, name)
    said = http_sink.said.replace("%40", "@").replace("+", " ")
    assert "eve@example.org sends spam" in said
    assert "80 addresses" in said
    assert "\u202e" not in said
    http_sink.status = 500
    with pytest.raises(DeliveryError) as caught:
        send(channels, name)
    assert f"channel {name}: " in str(caught.value)
    for secret in (SECRET, "TIiajkdnlazkcOXrIdevi7FQ", "abcdefg_hijklmnop", "i" * 32):
        assert secret not in str(caught.value)


def test_teams_gets_the_alert(monkeypatch):
    asked = []

    class Reply:
        status_code, content = 202, b""

    monkeypatch.setattr(
        "apprise.plugins.workflows.requests.post",
        lambda url, **given: asked.append((url, given["data"])) or Reply(),
    )
    assert NotifyWorkflows.secure_protocol
    channels = open_channels({"teams": f"workflows://teams.example:443/{SECRET}/sig"}, "INFO", tell)
    send(channels, "teams")
    ((url, data),) = asked
    assert url.startswith("https://teams.example")
    assert "eve@example.org sends spam" in json.dumps(json.loads(data))


def test_slack_reads_no_mention_out_of_a_name(http_sink):
    send(open_channels({"slack": urls(0)["slack"]}, "INFO", tell), "slack")
    assert "<!channel>" not in http_sink.said


def test_a_service_that_is_away_is_tried_again(http_sink):
    http_sink.server.shutdown()
    http_sink.server.server_close()
    with pytest.raises(DeliveryError):
        send(open_channels({"ntfy": urls(http_sink.port)["ntfy"]}, "INFO", tell), "ntfy")


def test_a_service_that_hangs_holds_up_no_other(http_sink):
    asked, go_on = threading.Event(), threading.Event()

    class Hanging(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.set()
            go_on.wait(120)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    given = {
        "bad": f"json://127.0.0.1:{server.server_port}/?rto=120",
        "good": f"json://127.0.0.1:{http_sink.port}/",
    }
    channels, failed = open_channels(given, "INFO"), []

    def hang():
        try:
            send(channels, "bad")
        except DeliveryError as error:
            failed.append(str(error))

    thread = threading.Thread(target=hang)
    thread.start()
    assert asked.wait(120)
    send(channels, "good")  # while the other waits for its answer
    http_sink.status = 500
    with pytest.raises(DeliveryError, match=r"channel good: .*500"):
        send(channels, "good")
    assert not failed
    go_on.set()
    thread.join()
    server.shutdown()
    server.server_close()
    assert failed
    assert "500" not in failed[0], "each has its own reason"


def event(level, previous="OK"):
    return AlertEvent(0, "i", level, previous, "m", "d", {}, {}, 0, "n", "t", "p", [])


def test_channels_are_told_from_a_level_on_and_of_the_end():
    told = open_channels({"n": "ntfy://127.0.0.1/x"}, "WARNING").handlers
    assert [h.kind for h in told(event("CRITICAL"))] == ["channel:n"]
    assert [h.kind for h in told(event("OK", "WARNING"))] == ["channel:n"]
    assert told(event("INFO")) == told(event("OK", "INFO")) == []


def test_the_file_and_the_environment():
    text = '# for the night\noncall = pagerduty://x@y\n\nteam = "ntfy://h/t"\n'
    environment = {"BMTICK_CHANNEL_NIGHT": "ntfy://h/n", "BMTICK_CHANNEL_": "x", "OTHER": "y"}
    assert read_channels(text, "f", environment) == {
        "oncall": "pagerduty://x@y",
        "team": "ntfy://h/t",
        "night": "ntfy://h/n",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"slack://{SECRET}", "f:1: error: this line is not NAME = URL"),
        (f"a = b://{SECRET}\na = c://x", "f:2: error: there are two channels 'a'"),
    ],
)
def test_a_wrong_line_is_named_but_not_shown(text, message):
    with pytest.raises(BmtickError) as caught:
        read_channels(text, "f", {})
    assert str(caught.value).startswith(message)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", [f"nonsense://{SECRET}", SECRET, f"syslog://{SECRET}", "slack://", "dbus://"]
)
def test_a_url_that_is_none_is_named_but_not_shown(url):
    with pytest.raises(BmtickError) as caught:
        open_channels({"team": url}, "INFO")
    assert "channel 'team' is not understood" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.fixture
def place(tmp_path, monkeypatch, http_sink):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bmtick.toml").write_text(
        '[notify]\nrecipients = ["admin@example.org"]\nlog = "{0}/alerts.log"\n'
        '[channels]\nfile = "channels"\n[watch]\nhost = "mx"\nstate = "{0}/state"\n'
        "[alerts.sender_outbreak]\n".replace("{0}", str(tmp_path))
    )
    file = tmp_path / "channels"
    here = f"127.0.0.1:{http_sink.port}"
    local = {name: urls(http_sink.port)[name] for name in ("matrix", "ntfy", "signal", "form")}
    file.write_text(
        f"bad = json://127.0.0.1:1/{SECRET}\ngood = json://{here}/x\n"
        + "".join(f"{name} = {url}\n" for name, url in local.items())
    )
    file.chmod(0o600)
    return tmp_path


def run(*args):
    return CliRunner().invoke(cli, args)


@pytest.mark.parametrize("command", [("watch", "--test-mail"), ("fire", "sender_outbreak")])
def test_each_is_tried_whatever_becomes_of_the_others(place, http_sink, command):
    result = run(*command, "--mails", "mails")
    assert result.exit_code == 1, result.output
    assert "a test mail to admin@example.org was handed on" in result.stdout
    for name in ("good", "matrix", "ntfy", "signal", "form"):
        assert f"a test by {name} was handed on" in result.stdout
    assert "the test by bad did not go: channel bad: " in result.stderr
    assert SECRET not in result.output
    assert "[TEST]" in http_sink.said
    assert len(list((place / "mails").iterdir())) == 1
    if command[0] == "fire":
        assert "a test by log was handed on" in result.stdout
        assert "[TEST]" in (place / "alerts.log").read_text()


def test_fire_of_an_alert_that_is_not_on(place):
    result = run("fire", "postfix_queue")
    assert (result.exit_code, "enable no alert 'postfix_queue'" in result.stderr) == (2, True)


def test_a_file_that_others_may_read_is_refused(place):
    (place / "channels").chmod(0o640)
    result = run("watch", "--test-mail", "--mails", "mails")
    assert result.exit_code == 2
    assert "chmod 600" in result.stderr


def test_an_outbreak_goes_to_the_channels_while_one_fails(place, http_sink):
    log = Path(__file__).parents[2] / "examples/outbreak/mail.log"
    result = run("watch", "--once", "--log", str(log), "--mails", "mails")
    assert result.exit_code == 1, "what fails has to wait"
    assert "p.martin@example.org sends spam" in http_sink.said
    assert SECRET not in result.output
    history = json.loads((place / "state.history").read_text().splitlines()[0])
    told = {f"channel:{name}" for name in ("bad", "good", "matrix", "ntfy", "signal", "form")}
    assert set(history["handlers"]) == told | {"email", "log"}
    assert stat.S_IMODE((place / "state").stat().st_mode) == 0o600
    assert SECRET not in (place / "state").read_text(errors="replace")

"""Peers that misbehave: every command ends, in time, without taking memory for their answers."""

import contextlib
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bmtick.cli._notify import mailer
from bmtick.cli.root import cli
from bmtick.deploy.answers import PageAnswer
from bmtick.deploy.client import connect
from bmtick.deploy.influx import connect_influx
from bmtick.doctor import mail_server
from bmtick.doctor.checks import chronograf
from bmtick.doctor.checks import guard as guard_check
from bmtick.durations import SECOND
from bmtick.errors import BmtickError
from bmtick.guard.helper import Helper
from bmtick.guard.subject import Subject
from bmtick.history.flux import flux_measurements, flux_points
from bmtick.history.model import Connection, HistoryError, Span
from bmtick.history.read import read_points
from bmtick.history.write import write_points
from bmtick.httpclient import HttpClient, HttpError, fetch
from bmtick.incident import probe
from bmtick.incident.audit import blocklists
from bmtick.incident.networks import TrustedNetworks
from bmtick.points import Point
from bmtick.settings import parse
from bmtick.watch import handlers
from bmtick.watch.channels import tell_apart
from bmtick.watch.failure import DeliveryError
from bmtick.watch.mail import Mail, SmtpMailer, compose
from bmtick.watch.outbox import Delivery
from tests.support.rude import (
    DNS_MANNERS,
    HTTP_MANNERS,
    SMTP_MANNERS,
    rude,
    rude_resolver,
)

QUICK = 0.5  # seconds
SETTINGS = """
[kapacitor]
url = "http://127.0.0.1:{0}"
timeout = "500ms"
[influxdb]
url = "http://127.0.0.1:{0}"
timeout = "500ms"
[notify]
recipients = ["a@example.org"]
[alerts.postfix_queue]
"""


def in_time(work, seconds=120):
    """Run in a thread, so that a test of what hangs fails and does not hang itself."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert results, "it hangs, or raises what it should not"
    return results[0]


def memory(what):
    """Return a figure of this process, in bytes."""
    return int(re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) << 10


@contextlib.contextmanager
def little_memory():
    """Assert that what is done here takes less than 100 MiB at any moment."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    yield
    assert memory("VmHWM") - before < 100 << 20


def failure(work, error):
    def attempt():
        try:
            work()
        except error as raised:
            return [raised]
        return [None]

    return in_time(attempt)[0]


def connection(url, **more):
    return Connection(url, "telegraf", "autogen", timeout=QUICK, **more)


def settings(url):
    port = url.rpartition(":")[2]
    return parse(SETTINGS.format(port), file="bmtick.toml")


def ask_kapacitor(url):
    client = connect("default", settings(url).kapacitor["default"], {})
    client.list_tasks("*")


def ask_chronograf(url):
    [check] = chronograf.run(
        SimpleNamespace(
            settings=parse(f'[chronograf]\nurl = "{url}"', file="bmtick.toml"),
            get=lambda url: fetch(url, seconds=QUICK),
        )
    )
    if check.status == "broken":
        raise BmtickError(check.finding)


def post(url):
    properties = {"timeout": int(QUICK * SECOND)}
    handlers._post(Delivery("k", "post", [url], properties, EVENT, 0.0))


def tell(url, seconds=3):
    failed = tell_apart(url.replace("http", "json"), "t", "b", "OK", seconds=seconds)
    if failed:
        raise DeliveryError(failed)


EVENT = {"id": "i", "message": "m", "details": "d", "level": "OK", "time": 0, "duration": 0} | {
    "previousLevel": "OK", "data": {}, "recoverable": True
}  # fmt: skip
POINT = Point("postfix_queue", {"queue": "active"}, {"length": 1}, 1)
WHOLE = Span(0, 10**18)
# What asks by HTTP; the answers of another form that are no error to it: it does not read them.
HTTP_CLIENTS = {
    "a request": lambda url: HttpClient(url, timeout=QUICK, limit=1 << 20).read(
        PageAnswer, "GET", "/x"
    ),
    "kapacitor": ask_kapacitor,
    "kapacitor log": lambda url: list(
        connect("default", settings(url).kapacitor["default"], {}).log_errors()._open().lines()
    ),
    "influxdb": lambda url: connect_influx(settings(url).influxdb, {}).query("SHOW DATABASES"),
    "influxdb points": lambda url: list(read_points(connection(url), ["m"], WHOLE)),
    "influxdb 2": lambda url: list(flux_points(connection(url, token="t"), "m", WHOLE, {})),
    "influxdb 2 names": lambda url: flux_measurements(connection(url, token="t"), WHOLE),
    "influxdb write": lambda url: write_points(connection(url), [POINT], sleep=lambda _: None),
    "chronograf": ask_chronograf,
    "post": post,
    "apprise": tell,
}
UNREAD = {"kapacitor log", "influxdb write", "chronograf", "post", "apprise"}
PATIENT = {"influxdb write"}  # asks five times


@pytest.mark.parametrize("manner", HTTP_MANNERS)
@pytest.mark.parametrize("client", HTTP_CLIENTS)
def test_who_asks_by_http_ends(client, manner):
    with rude(manner) as peer, little_memory():
        ask = partial(HTTP_CLIENTS[client], f"http://127.0.0.1:{peer.port}")
        if client == "apprise" and manner == "wrong type":
            ask = partial(ask, seconds=120)  # it is an answer, to a program that has to start first
        raised = failure(ask, (BmtickError, DeliveryError))
    if manner == "wrong type" and client in UNREAD:
        assert raised is None
    else:
        assert raised is not None
        assert "Traceback" not in str(raised)
        assert len(str(raised)) < 2000
    assert peer.asked <= (5 if client in PATIENT else 4)
    assert peer.sent < 100 << 20


def ask_smtp(port):
    if refused := mail_server.ask_mail_server("127.0.0.1", port, "a@x.org", ["b@x.org"]):
        raise OSError(refused)


def letter():
    return compose({"message": "m", "details": "d"}, "a@x.org", ["b@x.org"], "k", 1_767_600_000)


SMTP_CLIENTS = {
    "mailer": lambda port: SmtpMailer("127.0.0.1", port, timeout=QUICK).send(letter()),
    "doctor": ask_smtp,
    "audit": lambda port: probe.probe("127.0.0.1", port, TrustedNetworks([]), []),
}


@pytest.mark.parametrize("manner", SMTP_MANNERS)
@pytest.mark.parametrize("client", SMTP_CLIENTS)
def test_who_asks_by_smtp_ends(client, manner, monkeypatch):
    monkeypatch.setattr(mail_server, "_TIMEOUT", QUICK)
    monkeypatch.setattr(probe, "_TIMEOUT", QUICK)
    with rude(manner) as peer, little_memory():
        ask = partial(SMTP_CLIENTS[client], peer.port)
        raised = failure(ask, (BmtickError, DeliveryError, OSError, smtplib.SMTPException))
    # what was said before it misbehaves is an answer
    enough = {"mailer": {"smtp drip quit"}}.get(client, {"smtp drip quit", "smtp drip after data"})
    assert (raised is None) == (manner in enough)
    assert peer.sent < 16 << 20


@pytest.mark.parametrize("manner", DNS_MANNERS)
def test_who_asks_a_resolver_ends(manner):
    with rude_resolver(manner) as peer, little_memory():
        lookup = blocklists.resolver(f"127.0.0.1:{peer.port}", timeout=QUICK)
        raised = failure(lambda: lookup("2.0.0.127.list.example", "A"), OSError)
    assert raised is not None
    assert peer.asked


GUARD_MANNERS = ("silent", "drip head", "endless line", "reset", "nonsense", "wrong type")


@pytest.mark.parametrize("manner", GUARD_MANNERS)
def test_who_asks_the_guard_or_its_helper_ends(manner, tmp_path, monkeypatch):
    monkeypatch.setattr(guard_check, "_TIMEOUT", QUICK)
    path = str(tmp_path / "socket")
    with rude(manner, path=path), little_memory():
        check = in_time(lambda: guard_check._answers(f"unix:{path}"))
        assert check.status == "broken"
        hold = partial(Helper(path, QUICK).hold, Subject("user", "bob"), ["ABCDEF"])
        raised = failure(hold, BmtickError)
    assert "does not answer" in raised.message


@pytest.mark.parametrize("manner", ["reset", "nonsense", "short"])
def test_the_reason_is_told_though_the_time_is_over_when_it_is_tried_again(manner):
    with rude(manner) as peer:
        client = HttpClient(f"http://127.0.0.1:{peer.port}", timeout=QUICK)
        raised = failure(lambda: client.request("GET", "/x"), HttpError)
    assert "did not answer" not in raised.message


@pytest.mark.parametrize("manner", ["drip head", "drip body", "endless line"])
@pytest.mark.parametrize(
    "command",
    ["plan", "apply --yes", "status", "backtest --from 7d", "doctor"],
    ids=lambda command: command.split()[0],
)
def test_a_command_ends(command, manner, tmp_path):
    with rude(manner) as peer:
        path = tmp_path / "bmtick.toml"
        path.write_text(SETTINGS.format(peer.port))
        arguments = [*command.split(), "--config", str(path)]
        result = in_time(lambda: CliRunner().invoke(cli, arguments))
    assert result.exit_code == (1 if command == "doctor" else 2)
    assert "Traceback" not in result.output
    assert "127.0.0.1" in result.output


def test_the_points_of_a_server_come_in_order_or_not_at_all():
    """A server that gives the same chunk for ever is left."""
    from bmtick.history.read import sorted_points
    from bmtick.points import Point

    def endless():
        while True:
            yield Point("m", {}, {"v": 1}, 5)
            yield Point("m", {}, {"v": 1}, 4)

    with pytest.raises(HistoryError, match="order"):
        list(islice(sorted_points(endless(), Span(0, 10)), 100))
    with pytest.raises(HistoryError, match="asked for"):
        list(sorted_points(iter([Point("m", {}, {"v": 1}, 11)]), Span(0, 10)))


def _drip_in_tls(listener, context):
    """A mail server that is polite in the clear and never ends its first answer in TLS."""
    with listener, listener.accept()[0] as plain:
        plain.sendall(b"220 mail\r\n")
        plain.recv(1000)
        plain.sendall(b"250-mail\r\n250 STARTTLS\r\n")
        plain.recv(1000)
        plain.sendall(b"220 go\r\n")
        with context.wrap_socket(plain, server_side=True) as secret:
            secret.recv(1000)
            secret.sendall(b"250-")
            with suppress(OSError):
                while True:
                    secret.sendall(b"x")
                    time.sleep(0.05)


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on this machine")
def test_a_mail_server_that_drips_in_tls_is_left(tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key",
         "-out", "pem", "-subj", "/CN=mail", "-days", "2"],
        check=True, cwd=tmp_path, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem", tmp_path / "key")
    listener = socket.create_server(("127.0.0.1", 0))
    given = parse(
        f'[smtp]\nhost = "127.0.0.1"\nport = {listener.getsockname()[1]}\n'
        'tls = "starttls"\nverify = false\ntimeout = "1s"\n[watch]\nmail = "smtp"\n',
        file="bmtick.toml",
    )
    threading.Thread(target=_drip_in_tls, args=(listener, context), daemon=True).start()
    now = datetime.now(UTC)
    mail = Mail("a@example.org", ("b@example.org",), "s", "key", now, "text", "<p>text</p>")
    raised = failure(lambda: mailer(given, None).send(mail), DeliveryError)
    assert raised is not None

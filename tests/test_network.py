"""Peers that misbehave: every command ends, in time, without taking memory for their answers."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

import pytest
from click.testing import CliRunner

from bmtick.cli._notify import mailer
from bmtick.cli.root import cli
from bmtick.history.model import Connection, HistoryError, Span
from bmtick.history.read import read_points
from bmtick.httpclient import HttpClient, HttpError
from bmtick.settings.load import parse
from bmtick.watch.mail import DeliveryError, Mail
from tests.support.rude import HTTP_MANNERS, rude

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
    assert results, "it hangs"
    return results[0]


def failure(work, error):
    def attempt():
        try:
            work()
        except error as raised:
            return raised
        return None

    return in_time(attempt)


@pytest.mark.parametrize("manner", HTTP_MANNERS)
def test_a_request_ends(manner):
    with rude(manner) as peer:
        client = HttpClient(f"http://127.0.0.1:{peer.port}", timeout=QUICK, limit=1 << 20)
        from bmtick.deploy.answers import PageAnswer

        raised = failure(lambda: client.read(PageAnswer, "GET", "/x"), HttpError)
    assert raised is not None
    assert peer.sent < 64 << 20
    assert peer.asked <= 4


@pytest.mark.parametrize("manner", HTTP_MANNERS)
def test_a_long_answer_ends(manner):
    with rude(manner) as peer:
        where = Connection(f"http://127.0.0.1:{peer.port}", "telegraf", "autogen", timeout=QUICK)
        points = lambda: list(read_points(where, ["m"], Span(0, 10**18)))  # noqa: E731
        raised = failure(points, HistoryError)
    assert raised is not None
    assert peer.sent < 64 << 20


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
    from bmtick.history.read import settled
    from bmtick.points import Point

    def endless():
        while True:
            yield Point("m", {}, {"v": 1}, 5)
            yield Point("m", {}, {"v": 1}, 4)

    with pytest.raises(HistoryError, match="order"):
        list(islice(settled(endless(), Span(0, 10)), 100))
    with pytest.raises(HistoryError, match="asked for"):
        list(settled(iter([Point("m", {}, {"v": 1}, 11)]), Span(0, 10)))


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
    settings = parse(
        f'[smtp]\nhost = "127.0.0.1"\nport = {listener.getsockname()[1]}\n'
        'tls = "starttls"\nverify = false\ntimeout = "1s"\n[watch]\nmail = "smtp"\n',
        file="bmtick.toml",
    )
    threading.Thread(target=_drip_in_tls, args=(listener, context), daemon=True).start()
    now = datetime.now(UTC)
    mail = Mail("a@example.org", ("b@example.org",), "s", "key", now, "text", "<p>text</p>")
    raised = failure(lambda: mailer(settings, None).send(mail), DeliveryError)
    assert raised is not None

"""Mails and other handlers, against real servers; the same as through a real Kapacitor."""

import http.server
import json
import socket
import stat
import threading
import time
from email import message_from_bytes, policy

import pytest

from bmtick.engine import load_task
from bmtick.errors import BmtickError
from bmtick.points import Point
from bmtick.watch.failure import DeliveryError, PermanentError
from bmtick.watch.handlers import SUPPORTED, Notifier, alert_json, check_handlers
from bmtick.watch.mail import FolderMailer, SendmailMailer, SmtpMailer, compose
from bmtick.watch.outbox import Outbox
from tests.support.servers import free_port, wait_for
from tests.watch.support import alert

NOW = 1_767_600_000
EVENT = {
    "id": "postfix_queue_bm-master",
    "message": "[CRITICAL] Grüße: 300 messages\nBcc: evil@example.org",
    "details": "<h2>Größer als 200 – &lt;b&gt;</h2>\n.\n<p>" + "x" * 1200 + "</p>",
    "time": NOW * 10**9,
    "duration": 0,
    "level": "CRITICAL",
    "data": {"series": [{"name": "m", "columns": ["time", "value"], "values": [["t", 1.0]]}]},
    "previousLevel": "OK",
    "recoverable": True,
}


def mail(recipients=("a@example.org", "b@example.org")):
    return compose(EVENT, "bmtick@mail.example", recipients, "k" * 32, NOW)


def test_a_hostile_message_adds_no_header():
    parsed = message_from_bytes(mail().as_bytes(), policy=policy.default)
    assert parsed["Bcc"] is None
    assert parsed["Subject"] == "[CRITICAL] Grüße: 300 messages Bcc: evil@example.org"
    assert html_of(parsed) == EVENT["details"]


def html_of(parsed):
    return parsed.get_body(("html",)).get_content().replace("\r\n", "\n").rstrip("\n")


def test_smtp(sink):
    SmtpMailer("127.0.0.1", sink.port).send(mail())
    got = sink.messages[-1]
    assert got["Subject"].startswith("[CRITICAL] Grüße")
    assert html_of(got) == EVENT["details"]
    assert sink.recipients[-1] == ["a@example.org", "b@example.org"]


def test_smtp_server_that_is_not_there():
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1"):
        SmtpMailer("127.0.0.1", free_port(), timeout=2).send(mail())


def answering(*lines):
    """Start a server that says these lines, one after each that it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        there, _ = server.accept()
        with there, there.makefile("rb") as read:
            for line in lines:
                there.sendall(line.encode() + b"\r\n")
                if not read.readline():
                    return

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (("220 hi", "250 ok", "250 ok", "550 no such user", "221 bye"), PermanentError),
        (("220 hi", "250 ok", "250 ok", "450 try later", "221 bye"), DeliveryError),
        (("220 hi", "250 ok", "452 full", "221 bye"), DeliveryError),
        (("554 go away",), PermanentError),
        (("421 busy",), DeliveryError),
    ],
)
def test_what_a_server_refuses(lines, error):
    port = answering(*lines)
    with pytest.raises(error) as raised:
        SmtpMailer("127.0.0.1", port, timeout=5).send(mail(["a@e.org"]))
    assert type(raised.value) is error


def test_sendmail(tmp_path):
    program = tmp_path / "sendmail"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/args\ncat > {tmp_path}/mail\n')
    program.chmod(0o755)
    SendmailMailer(str(program)).send(mail())
    wanted = "-oi -f bmtick@mail.example -- a@example.org b@example.org\n"
    assert (tmp_path / "args").read_text() == wanted
    got = message_from_bytes((tmp_path / "mail").read_bytes(), policy=policy.default)
    assert html_of(got) == EVENT["details"]
    program.write_text("#!/bin/sh\necho full >&2\nexit 75\n")
    with pytest.raises(DeliveryError, match="ended with 75: full"):
        SendmailMailer(str(program)).send(mail())


def test_folder(tmp_path):
    mailer = FolderMailer(tmp_path / "mails")
    for _ in range(2):  # the same mail again takes its own place
        mailer.send(mail())
    (path,) = (tmp_path / "mails").iterdir()
    assert path.name == "20260105T080000Z-0001-kkkkkkkkkkkkkkkk.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"Subject: " in path.read_bytes()


def delivery(kind, *args, **properties):
    from bmtick.watch.outbox import Delivery

    return Delivery("k", kind, list(args), properties, EVENT, NOW)


def postman():
    return Notifier(FolderMailer("/nonexistent"), "s@e.org", lambda: NOW)


def test_exec_log_tcp(tmp_path):
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/arg\ncat > {tmp_path}/stdin\n')
    program.chmod(0o755)
    postman().deliver(delivery("exec", str(program), "$(touch /tmp/evil)"))
    assert (tmp_path / "arg").read_text() == "$(touch /tmp/evil)\n"
    assert (tmp_path / "stdin").read_bytes() == alert_json(EVENT)
    for _ in range(2):
        postman().deliver(delivery("log", str(tmp_path / "log"), mode=0o640))
    assert (tmp_path / "log").read_bytes() == alert_json(EVENT) * 2
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) & 0o077 in (0o040, 0)
    server = socket.create_server(("127.0.0.1", 0))
    postman().deliver(delivery("tcp", f"127.0.0.1:{server.getsockname()[1]}"))
    there, _ = server.accept()
    with there:
        assert there.makefile("rb").read() == alert_json(EVENT) + b"\n"


@pytest.mark.parametrize(
    ("one", "error"),
    [
        (delivery("exec", "/nonexistent"), PermanentError),
        (delivery("exec", "/bin/false"), PermanentError),
        (delivery("log", "/nonexistent/log"), DeliveryError),
        (delivery("tcp", "nowhere"), PermanentError),
        (delivery("tcp", "127.0.0.1:1"), DeliveryError),
        (delivery("post", "http://127.0.0.1:1/"), DeliveryError),
        (delivery("post", "ftp://127.0.0.1/"), PermanentError),
        (delivery("post"), PermanentError),
        (delivery("email"), PermanentError),
        (delivery("slack"), PermanentError),
    ],
)
def test_what_fails_says_whether_to_try_again(one, error):
    with pytest.raises(DeliveryError) as raised:
        postman().deliver(one)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("status", "error"), [(200, None), (204, None), (400, PermanentError), (503, DeliveryError)]
)
def test_post(status, error):
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    one = delivery("post", f"http://127.0.0.1:{server.server_port}/a", header=[["X-Key", "v"]])
    if error is None:
        postman().deliver(one)
    else:
        with pytest.raises(DeliveryError) as raised:
            postman().deliver(one)
        assert type(raised.value) is error
    server.server_close()
    headers, body = got[0]
    assert (headers["Content-Type"], headers["X-Key"]) == ("application/json", "v")
    assert body == alert_json(EVENT)


def test_handlers_that_only_kapacitor_has_are_refused():
    check_handlers([alert(post={"url": "http://127.0.0.1/"}), alert()])
    with pytest.raises(BmtickError, match="'slack'"):
        check_handlers([alert(slack={"channel": "#mail"})])
    assert "email" in SUPPORTED


SCRIPT = """
stream
    |from()
        .measurement('same_mail')
        .groupBy('host')
    |alert()
        .crit(lambda: "value" > 3)
        .stateChangesOnly()
        .id('same_{{ index .Tags "host" }}')
        .message('[{{ .Level }}] Grüße: {{ index .Fields "value" }} at {{ .Time }}')
        .details('''<h2>{{ .Message }}</h2>
<p>é {{ index .Fields "text" }} {{ .Duration }}</p>''')
        .email('admin@domain.net', 'other@domain.net')
        .log('LOG')
"""


def test_the_same_mail_and_the_same_log_as_through_kapacitor(kapacitor, sink, tmp_path):
    script = SCRIPT.replace("LOG", str(tmp_path / "kapacitor.log"))
    assert kapacitor.define("same-mail", script).status_code == 200
    points = [
        Point(
            "same_mail",
            {"host": "<mail>"},
            {"value": value, "text": 'a & "b" <c>'},
            (NOW + i) * 10**9,
        )
        for i, value in enumerate((1, 5, 9, 2))
    ]
    before = len(sink.messages)
    kapacitor.write([point.to_line() for point in points])
    wait_for(lambda: len(sink.messages) >= before + 2, "Kapacitor's mails")
    time.sleep(0.3)
    theirs = sink.messages[before:]
    kapacitor.delete("same-mail")

    task = load_task(
        script.replace("kapacitor.log", "bmtick.log"), file="-", name="same-mail", now=None
    )
    outbox = Outbox(100, 60.0, lambda _: None)
    for point in points:
        task.feed(point)
        for event in task.take_events():
            outbox.put(event, NOW)
    mine = Notifier(SmtpMailer("127.0.0.1", sink.port), "bmtick@mail.example", lambda: NOW)
    before = len(sink.messages)
    for one in list(outbox.due(NOW)):
        mine.deliver(one)
    ours = sink.messages[before:]
    assert len(theirs) == len(ours) == 2
    for their, our in zip(theirs, ours, strict=True):
        assert our["Subject"] == their["Subject"]
        assert our["To"] == their["To"]
        assert their.get_content_type() == "text/html"
        assert html_of(our).rstrip() == their.get_content().replace("\r\n", "\n").rstrip()
    their_log = (tmp_path / "kapacitor.log").read_text().splitlines()
    our_log = (tmp_path / "bmtick.log").read_text().splitlines()
    assert [json.loads(line) for line in our_log] == [json.loads(line) for line in their_log]
    assert our_log == their_log

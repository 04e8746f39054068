"""Texts of a log in mails: never interpreted, by nobody, in no header and no body.

The mails go through a real SMTP server; what counts are the bytes that it gets.
"""

import re
from email import message_from_bytes, policy

import pytest

from bmtick.watch.failure import PermanentError
from bmtick.watch.mail import SmtpMailer, compose, message_id, plain_text, shown
from tests.support.hostile import KNOWN, hostile
from tests.support.servers import smtp_sink

NOW = 1_767_600_000
HEADERS = [
    "Date",
    "From",
    "To",
    "Subject",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]


@pytest.fixture(scope="module")
def raw_sink():
    with smtp_sink() as server:
        yield server


def test_500_hostile_lines_stay_texts(raw_sink):
    mailer = SmtpMailer("127.0.0.1", raw_sink.port)
    for number, text in enumerate(hostile(500)):
        content = {"message": f"[CRITICAL] {text} sends spam", "details": f"<h2>{text}</h2>\r\n."}
        mail = compose(content, "bmtick@mail.example.org", ["a@example.org"], f"k{number}", NOW)
        mailer.send(mail)
        raw = raw_sink.raw[-1]
        assert raw_sink.recipients[-1] == ["a@example.org"], text
        check_bytes(raw, text)
        parsed = message_from_bytes(raw, policy=policy.default)
        assert parsed["Subject"] == mail.subject == shown(mail.subject), text
        if len(text) < 300:
            assert shown(" ".join(text.split())) in mail.subject
        plain, html = (parsed.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert html.replace("\r\n", "\n").rstrip("\n") == shown(content["details"]).rstrip("\n")
        assert plain.strip()
        assert not re.search(
            r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain + html
        )
    assert len(raw_sink.raw) == 500


def check_bytes(raw, text):
    head, _, body = raw.partition(b"\r\n\r\n")
    assert re.fullmatch(rb"[ -~\r\n]*", head), text
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw), text
    assert max(map(len, raw.split(b"\r\n"))) <= 998, text
    names = [line.split(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert [name for name in names if not name.startswith("X-")] == HEADERS, text
    assert body.isascii(), text


def test_the_reported_attack_shows_as_it_is():
    mail = compose({"message": KNOWN[0], "details": ""}, "b@x.org", ["a@x.org"], "k", NOW)
    parsed = message_from_bytes(mail.as_bytes(), policy=policy.default)
    assert parsed["Bcc"] is None
    assert parsed["Subject"] == KNOWN[0]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@b\r\nBcc: c",
        "a b@c",
        "a@b, c@d",
        "<a@b>",
        "=?utf-8?q?a?=@b c",
        "a@\ud800",
        "a@b\n",
    ],
)
def test_what_is_no_address_is_refused(address):
    for sender, to in ((address, "a@x.org"), ("a@x.org", address)):
        with pytest.raises(PermanentError, match="no mail address"):
            compose({"message": "m", "details": ""}, sender, [to], "k", NOW)


def test_a_domain_in_another_script_is_written_in_ascii():
    mail = compose({"message": "m", "details": ""}, "a@x.org", ["b@bücher.example"], "k", NOW)
    assert mail.recipients == ("b@xn--bcher-kva.example",)


@pytest.mark.parametrize("header", [("Bcc\n", "x"), ("X", "a\r\nBcc: x"), ("X", "é"), ("X:", "a")])
def test_what_is_no_header_is_refused(header):
    with pytest.raises(PermanentError, match="no header"):
        compose({"message": "", "details": ""}, "a@x.org", ["a@x.org"], "k", NOW, dict([header]))


def test_a_later_mail_refers_to_an_earlier_one():
    first = message_id("a b\n<>", "b@x.org")
    assert first == "<bmtick.a_b___@x.org>"
    mail = compose(
        {"message": "", "details": ""}, "b@x.org", ["a@x.org"], "k", NOW, {"References": first}
    )
    parsed = message_from_bytes(mail.as_bytes(), policy=policy.default)
    assert parsed["References"] == first


def test_html_as_text():
    html = (
        "<style>p {}</style><h2>Queue &gt; 200</h2><p>One <b>two</b>\n three</p>"
        "<ul><li>a</li><li>b</li></ul><table><tr><td>x</td><td>1</td></tr></table>"
        '<a href="https://x.example">page</a>'
    )
    assert plain_text(html) == (
        "Queue > 200\n\nOne two three\n\n- a\n\n- b\n\nx  1\n\npage (https://x.example)\n"
    )

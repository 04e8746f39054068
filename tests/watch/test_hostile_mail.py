"""Texts of a log in mails: never interpreted, by nobody, in no header and no body.

The mails go through a real SMTP server; what counts are the bytes that it gets.
"""

import random
import re
from email import message_from_bytes, policy

import pytest

from bmtick.watch.failure import PermanentError
from bmtick.watch.mail import SmtpMailer, compose, message_id, plain_text, shown
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
KNOWN = [
    "=?utf-8?q?x=0d=0aBcc:_v@evil.org=0d=0a=0d=0aevil?=",
    "=?utf-8?q?ab üand =?utf-8?b?YJJj?= x",
    "=?utf-8?b?DQpCY2M6IHZAZXZpbC5vcmc=?=",
    "=?utf-8?b?????=",
    "=?x-unknown?q?=80?= =?utf-8?q?=ff=fe?=",
    "x\r\nBcc: v@evil.org\r\n\r\nevil",
    "x\rBcc: v@evil.org",
    "x\n.\r\nMAIL FROM:<v@evil.org>",
    "\x00\x01\x08\x1b[2J\x7f\x85\x9b31m",
    "\u202egnp.exe \u2066hidden\u2069 \u200f\u061c",
    "a\u2028Bcc: v\u2029b\x0bc\x0cd\x1ce",
    "\ud800\udcff\udfff \ufffe\uffff\ufeff",
    "\U000e0041\U000e0042 tags",
    "--===============1234567890==\r\nContent-Type: text/html\r\n\r\n<script>",
    "<script>alert(1)</script><!-- --> ]]> &#8238; &bogus;",
    "{{ .Level }} %s %(x)s ${x} `id` $(id)",
    "é" * 3000,
    "x" * 5000,
    " " * 2000 + ".",
    "\t\tFolded: yes\n\tand more",
]


def hostile(count):
    """Return the known attacks and as many made of their parts."""
    dice = random.Random(14)
    parts = [
        *KNOWN[:16],
        "=?",
        "?=",
        "?q?",
        "\r\n",
        "Bcc:",
        "é",
        "\u202e",
        "\udc80",
        ".",
        " ",
        "=0a",
    ]
    made = ["".join(dice.choices(parts, k=dice.randint(1, 12))) for _ in range(count - len(KNOWN))]
    return KNOWN + made


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

"""Texts that attack whoever shows them, and a mail log in which they stand in every place."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator

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
    "\"><evil onevil=1 x='><svg/onload=evil()>",
    "' onevil=1 </title></script></style></textarea><evil>",
    "evil, sasl_username=victim@example.org",
    "evil>, size=1, nrcpt=999999 (queue active)",
    "=HYPERLINK(1)",
    "@SUM(1)\ttab",
    "-rf --help",
    "a,b c=d\\",
    '\\" field=1i 0\\',
    "'''\\' ''' | lambda: TRUE //",
    "\x1b]0;title\x07\x1b[31m[bold]red[/bold] #012Bcc:#015",
    "action=OK\n\naction=REJECT evil",
    '","evil":1,"x":"',
    "\udc80\udcff\udce2\udc80",
]
_PARTS = [
    *KNOWN[:16],
    *KNOWN[20:],
    *("=?", "?=", "?q?", "\r\n", "Bcc:", "é", "\u202e", "\udc80", ".", " ", "=0a", "\\", "'", '"'),
    *(">", "<", ",", "=", "{{", "}}", "\n", "\x00", "%", "#", "|", "\x9b", "[", "]", ": ", "\x85"),
]


def hostile(count: int) -> list[str]:
    """Return the known attacks and as many made of their parts; the same in each run."""
    dice = random.Random(14)
    made = ["".join(dice.choices(_PARTS, k=dice.randint(1, 12))) for _ in range(count - len(KNOWN))]
    return KNOWN + made


def in_a_line(text: str) -> bytes:
    """Return a text as it can stand in one line of a log; a surrogate becomes no UTF-8."""
    return text.replace("\n", "\v").encode("utf-8", "surrogatepass")


def log_of(texts: list[str], begin: int) -> bytes:
    """Return a log in which each text is a login, a host, an envelope sender, a recipient and more.

    Each sends three messages of ten recipients, all refused as spam, from three addresses; half a
    second lies between two of them. The logins end in a number, so that no two are the same.
    """
    return b"".join(
        time.strftime(
            "%Y-%m-%dT%H:%M:%S+00:00 mx postfix/", time.gmtime(begin + number // 2)
        ).encode()
        + line
        + b"\n"
        for number, text in enumerate(texts)
        for line in _lines(number, in_a_line(text))
    )


def _lines(number: int, evil: bytes) -> Iterator[bytes]:
    user = evil[:150] + b"%03d" % number
    host = bytes(byte for byte in evil[:80] if byte not in b" []")
    quoted = b'"%s"@evil.org' % re.sub(rb'["\\]', rb"\\\g<0>", evil)  # as Postfix logs an address
    for turn in range(3):
        sid = b"%06X" % (0xA00000 + number * 4 + turn)
        client = b"%s[203.%d.%d.%d]" % (host, turn, number // 200, number % 200 + 1)
        yield b"smtpd[1]: %s: client=%s, sasl_method=PLAIN, sasl_username=%s" % (sid, client, user)
        yield b"cleanup[2]: %s: message-id=<%s>" % (sid, evil)
        yield b"qmgr[3]: %s: from=<%s>, size=500, nrcpt=10 (queue active)" % (sid, evil)
        for copy in range(10):
            forwarded = b", orig_to=<%s>" % quoted if turn == copy == 0 else b""
            yield (
                b"smtp[4]: %s: to=<%s%d>%s, relay=mx[198.51.100.1]:25, delay=1, delays=0/0/0/1, "
                b"dsn=5.7.1, status=bounced (host mx said: 550 5.7.1 spam %s)"
            ) % (sid, quoted, 10 * turn + copy, forwarded, evil)
    tried = b"SASL LOGIN authentication failed: "
    yield b"smtpd[1]: warning: %s: %s%s, sasl_username=%s" % (client, tried, evil, user)
    yield b"pickup[5]: B%05X: uid=33 from=<%s>" % (number, quoted)
    yield (
        b"smtpd[1]: NOQUEUE: reject: RCPT from %s: 554 5.7.1 <%s>: Relay access denied; from=<%s> "
        b"to=<%s> proto=ESMTP helo=<%s>"
    ) % (client, quoted, quoted, quoted, evil)
    yield b"%s: evil" % evil

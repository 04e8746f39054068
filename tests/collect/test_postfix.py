"""One line, one event; the lines are those of a live Postfix 3.7, some as an attacker makes them."""

import pytest

from bmtick.collect import events as e
from bmtick.collect.postfix import parse_line

HEAD = b"Jun 21 08:34:30 mx1 postfix/"

CASES = [
    (
        b"smtpd[1]: 1C205316C411: client=gateway[192.168.122.111]",
        e.Client("1C205316C411", "gateway", "192.168.122.111"),
    ),
    (
        b"submission/smtpd[1]: 4XyZ3k1: client=unknown[2001:db8::1]:4711, sasl_method=LOGIN, sasl_username=a,b c=d",
        e.Client("4XyZ3k1", "unknown", "2001:db8::1", "LOGIN", "a,b c=d"),
    ),
    (
        b"smtpd[1]: AAAAA1: client=h[1.2.3.4], sasl_method=PLAIN, sasl_username=x, sasl_username=victim@example.org",
        e.Client("AAAAA1", "h", "1.2.3.4", "PLAIN", "x, sasl_username=victim@example.org"),
    ),
    (
        b"smtpd[1]: AAAAA1: client=h[1.2.3.4], sasl_method=PLAIN, sasl_username=u, sasl_sender=v, orig_queue_id=BBBBB1",
        e.Client("AAAAA1", "h", "1.2.3.4", "PLAIN", "u", "v, orig_queue_id=BBBBB1"),
    ),
    (
        b"smtpd[1]: AAAAA2: client=localhost[127.0.0.1], orig_queue_id=AAAAA1, orig_client=mail.example.org[203.0.113.9]",
        e.Client(
            "AAAAA2",
            "localhost",
            "127.0.0.1",
            orig_queue_id="AAAAA1",
            orig_client_name="mail.example.org",
            orig_client="203.0.113.9",
        ),
    ),
    (b"smtpd[1]: NOQUEUE: client=h[1.2.3.4]", e.Client("", "h", "1.2.3.4")),
    (
        b'qmgr[1]: AAAAA1: from=<"x>, size=1, nrcpt=99 (queue active)"@example.org>, size=233, nrcpt=3 (queue active)',
        e.Active("AAAAA1", '"x>, size=1, nrcpt=99 (queue active)"@example.org', 233, 3),
    ),
    (
        b"smtp[1]: AAAAA1: to=<u@example.net>, orig_to=<root>, relay=mx[1.2.3.4]:25, conn_use=2, delay=1.5, delays=0/0/1/0.5, dsn=5.7.1, status=bounced (host mx[1.2.3.4] said: 550 dsn=2.0.0, status=sent (ok))",
        e.Delivery(
            "AAAAA1",
            "u@example.net",
            "root",
            "mx[1.2.3.4]:25",
            1.5,
            "5.7.1",
            "bounced",
            "host mx[1.2.3.4] said: 550 dsn=2.0.0, status=sent (ok)",
            agent="smtp",
        ),
    ),
    (
        b'local[1]: AAAAA1: to=<"a>, relay=x, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (no)"@example.net>, relay=none, delay=1, delays=0/0/0/0, dsn=4.3.0, status=deferred (later)',
        e.Delivery(
            "AAAAA1",
            '"a>, relay=x, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (no)"@example.net',
            "",
            "none",
            1.0,
            "4.3.0",
            "deferred",
            "later",
            agent="local",
        ),
    ),
    (
        b"qmgr[1]: AAAAA1: from=<u@example.org>, status=expired, returned to sender",
        e.Expired("AAAAA1", "u@example.org"),
    ),
    (b"qmgr[1]: AAAAA1: removed", e.Removed("AAAAA1")),
    (b"postsuper[1]: AAAAA1: removed", e.Removed("AAAAA1")),
    (
        b"bounce[1]: AAAAA1: sender non-delivery notification: AAAAA2",
        e.Bounce("AAAAA1", "AAAAA2", "non-delivery"),
    ),
    (b"pickup[1]: AAAAA1: uid=33 from=<www-data>", e.Pickup("AAAAA1", 33, "www-data")),
    (
        b"pickup[1]: AAAAA2: uid=101 from=<u@x> orig_id=AAAAA1",
        e.Pickup("AAAAA2", 101, "u@x", "AAAAA1"),
    ),
    (
        b"smtpd[1]: warning: unknown[1.2.3.4]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=x, sasl_username=victim",
        e.AuthFailure("unknown", "1.2.3.4", "LOGIN", "UGFzc3dvcmQ6", "x, sasl_username=victim"),
    ),
    (
        b"smtpd[1]: warning: unknown[1.2.3.4]: SASL PLAIN authentication failed: authentication failure, sasl_username=(unavailable)",
        e.AuthFailure("unknown", "1.2.3.4", "PLAIN", "authentication failure", ""),
    ),
    (b"smtpd[1]: warning: SASL authentication failure: Password verification failed", None),
    (b"smtpd[1]: connect from unknown[1.2.3.4]", None),
    (
        b"smtpd[1]: NOQUEUE: reject: RCPT from unknown[1.2.3.4]: 554 5.7.1 <a@b>: Relay access denied; from=<c@d> to=<a@b> proto=ESMTP helo=<x>",
        e.Reject(
            "",
            "reject",
            "RCPT",
            "unknown",
            "1.2.3.4",
            "554 5.7.1 <a@b>: Relay access denied; from=<c@d> to=<a@b> proto=ESMTP helo=<x>",
        ),
    ),
    (
        b"smtpd[1]: message repeated 2 times: [ warning: h[1.2.3.4]: SASL LOGIN authentication failed: no, sasl_username=u]",
        e.AuthFailure("h", "1.2.3.4", "LOGIN", "no", "u"),
    ),
]


@pytest.mark.parametrize(("message", "expected"), CASES)
def test_a_line_says(message, expected):
    assert parse_line(HEAD + message) == expected
    assert parse_line(HEAD + message + b"\n") == expected
    iso = b"2023-06-21T08:34:30.123456+02:00 mx1 postfix-out/" + message
    assert parse_line(iso) == expected


def test_text_of_another_program_is_no_event():
    line = b"Jun 21 08:34:30 mx1 app[1]: postfix/smtpd[1]: AAAAA1: client=h[1.2.3.4], sasl_method=LOGIN, sasl_username=u"
    assert parse_line(line) is None
    inner = (
        HEAD
        + b"smtpd[1]: warning: h[1.2.3.4]: SASL LOGIN authentication failed: no, sasl_username=postfix/smtpd[1]: AAAAA1: client=h[1.2.3.4]"
    )
    assert isinstance(parse_line(inner), e.AuthFailure)

"""Texts of remote servers, by the words that real ones use. ``blocked``: refused for reputation."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """One answer."""

    dsn: str
    text: str
    blocked: bool = False
    program: str = "smtp"


_HOST = "host mx1.bigmail.example[198.51.100.30] said: "

BOUNCES = (
    Text(
        "5.1.1",
        _HOST + "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual "
        "mailbox table (in reply to RCPT TO command)",
    ),
    Text(
        "5.4.4",
        "Host or domain name not found. Name service error for name=gone.example "
        "type=A: Host not found",
    ),
    Text("5.2.2", _HOST + "552 5.2.2 Mailbox size limit exceeded (in reply to RCPT TO command)"),
    Text(
        "5.0.0",
        _HOST + "550 5.0.0 my status=sent (250 ok) and dsn=2.0.0 are only text "
        "(in reply to DATA command)",
    ),
    Text(
        "5.1.10",
        _HOST + "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by "
        "SMTP address lookup (in reply to end of DATA command)",
    ),
    Text(
        "5.7.1",
        _HOST + "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using "
        "zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.25 "
        "(in reply to RCPT TO command)",
        blocked=True,
    ),
    Text(
        "5.7.1",
        _HOST + "550-5.7.1 [192.0.2.25 12] Our system has detected that this message is "
        "550-5.7.1 likely unsolicited mail. To reduce the amount of spam, 550 5.7.1 this message "
        "has been blocked. (in reply to end of DATA command)",
        blocked=True,
    ),
    Text(
        "5.7.606",
        _HOST + "550 5.7.606 Access denied, banned sending IP [192.0.2.25]. To request "
        "removal from this list please visit https://sender.office.com/ "
        "(in reply to RCPT TO command)",
        blocked=True,
    ),
)

DEFERRALS = (
    Text(
        "4.2.0",
        _HOST + "450 4.2.0 <{to}>: Recipient address rejected: Greylisted, see "
        "http://postgrey.schweikert.ch/help/example.org.html (in reply to RCPT TO command)",
    ),
    Text("4.4.1", "connect to mx.slow.example[198.51.100.77]:25: Connection timed out"),
    Text(
        "4.2.2",
        _HOST + "452 4.2.2 The email account that you tried to reach is over quota "
        "(in reply to RCPT TO command)",
    ),
    Text(
        "4.7.1",
        _HOST + "450 4.7.1 Service unavailable; client [192.0.2.25] blocked using "
        "bl.example.net, try again later (in reply to RCPT TO command)",
        blocked=True,
    ),
)

PLAIN_BOUNCES = tuple(i for i, t in enumerate(BOUNCES) if not t.blocked)
BLOCKED_BOUNCES = tuple(i for i, t in enumerate(BOUNCES) if t.blocked)
PLAIN_DEFERRALS = tuple(i for i, t in enumerate(DEFERRALS) if not t.blocked)
BLOCKED_DEFERRALS = tuple(i for i, t in enumerate(DEFERRALS) if t.blocked)

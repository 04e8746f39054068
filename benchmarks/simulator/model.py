"""What happens on the simulated server: messages, failed logins and other lines, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Outcome(NamedTuple):
    """What becomes of one recipient.

    ``attempts`` are the refusals before the last word, each with its delay in seconds since the
    attempt before; ``final`` is ``sent``, ``bounced`` or ``expired``.
    """

    final: str
    text: int = 0  # index into replies.BOUNCES or replies.DEFERRALS
    attempts: tuple[float, ...] = ()


SENT = Outcome("sent")


@dataclass(slots=True)
class Message:
    """One message as a client hands it in; ``user`` is empty without SASL."""

    time: float
    client: str
    user: str
    sender: str
    recipients: list[str]
    outcomes: dict[int, Outcome] = field(default_factory=dict)  # those that are not just sent
    size: int = 2000
    name: str = "unknown"  # the client's host name
    kind: str = "ordinary"
    aborted: bool = False  # the session dies after client=
    local: bool = False  # handed in by pickup, no client at all


@dataclass(slots=True)
class Failure:
    """One failed login, ``repeats`` further ones folded by the log daemon."""

    time: float
    client: str
    user: str
    named: bool = True  # newer Postfix logs the name
    repeats: int = 0


@dataclass(slots=True)
class Reject:
    """One NOQUEUE reject."""

    time: float
    client: str
    sender: str
    recipient: str


@dataclass(slots=True)
class Person:
    """One account and its habits."""

    name: str
    weight: float
    homes: list[str]
    recipients: float = 1.4  # mean of a message
    phone: bool = False
    roams: bool = False  # a new address with nearly every message, on some days
    night: bool = False  # a program: no day and night
    sender: str = ""


@dataclass(slots=True)
class Outbreak:
    """One abused account; times in seconds since the epoch."""

    user: str
    style: str
    start: float
    end: float
    per_minute: float
    recipients: tuple[int, int]
    addresses: list[str]
    dead: float  # share of addresses that do not exist
    blocking: float  # share refused as spam once the world has noticed
    messages_sent: int = 0
    recipients_sent: int = 0
    first: float = 0.0
    last: float = 0.0

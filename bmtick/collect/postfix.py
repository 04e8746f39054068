"""One line of Postfix's log to one typed event: exact, for tools that want every detail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bmtick.collect import patterns as p
from bmtick.collect.clock import LogClock
from bmtick.collect.events import (
    Active,
    AuthFailure,
    Bounce,
    Client,
    Delivery,
    Event,
    Expired,
    MessageId,
    Pickup,
    Reject,
    Removed,
)
from bmtick.collect.raw import UNAVAILABLE, address, text, username

_HEAD = re.compile(p.HEAD)
_REPEATED = re.compile(p.REPEATED)


def _client(m: re.Match[bytes]) -> Event:
    queue_id = text(m["queue_id"])
    return Client(
        "" if queue_id == "NOQUEUE" else queue_id,
        text(m["name"]),
        address(m["address"]),
        text(m["method"]),
        username(m["username"] or b""),
        text(m["sasl_sender"]),
        text(m["orig_queue_id"]),
        text(m["orig_name"]),
        address(m["orig_address"]) if m["orig_address"] else "",
    )


def _delivery(m: re.Match[bytes]) -> Event:
    queue_id, recipient, orig_to, relay, delay, dsn, status, reply = m.groups()
    return Delivery(
        queue_id.decode(),
        text(recipient),
        text(orig_to),
        text(relay),
        float(delay),
        dsn.decode(),
        status.decode(),
        text((reply or b"").removesuffix(b")")),
    )


def _auth_failure(m: re.Match[bytes]) -> Event:
    name = m["username"] or b""
    return AuthFailure(
        text(m["name"]),
        address(m["address"]),
        text(m["method"]),
        text(m["reason"]),
        "" if name == UNAVAILABLE else username(name),
    )


def _reject(m: re.Match[bytes]) -> Event:
    queue_id = text(m["queue_id"])
    return Reject(
        "" if queue_id == "NOQUEUE" else queue_id,
        text(m["action"]),
        text(m["stage"]),
        text(m["name"]),
        address(m["address"]),
        text(m["text"]),
    )


def _pickup(m: re.Match[bytes]) -> Event:
    return Pickup(text(m["queue_id"]), int(m["uid"]), text(m["sender"]), text(m["orig_queue_id"]))


def _active(m: re.Match[bytes]) -> Event:
    queue_id, sender, size, nrcpt = m.groups()
    return Active(queue_id.decode(), text(sender), int(size), int(nrcpt))


_Rule = tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], Event]]

_REJECT: _Rule = (re.compile(p.REJECT, re.DOTALL), _reject)
_DELIVERY: _Rule = (re.compile(p.DELIVERY, re.DOTALL), _delivery)
_REMOVED: _Rule = (re.compile(p.REMOVED), lambda m: Removed(text(m["queue_id"])))
_SMTPD: list[_Rule] = [
    (re.compile(p.CLIENT, re.DOTALL), _client),
    (re.compile(p.AUTH_FAILURE, re.DOTALL), _auth_failure),
    _REJECT,
]
_QMGR: list[_Rule] = [
    (re.compile(p.ACTIVE, re.DOTALL), _active),
    _REMOVED,
    (
        re.compile(p.EXPIRED, re.DOTALL),
        lambda m: Expired(text(m["queue_id"]), text(m["sender"])),
    ),
    _DELIVERY,
]
_RULES: dict[bytes, list[_Rule]] = {
    b"smtpd": _SMTPD,
    b"qmgr": _QMGR,
    b"nqmgr": _QMGR,
    b"oqmgr": _QMGR,
    b"pickup": [(re.compile(p.PICKUP, re.DOTALL), _pickup)],
    b"postsuper": [_REMOVED],
    b"bounce": [
        (
            re.compile(p.BOUNCE),
            lambda m: Bounce(text(m["queue_id"]), text(m["new"]), text(m["kind"])),
        ),
        _DELIVERY,
    ],
    b"cleanup": [
        (
            re.compile(p.MESSAGE_ID, re.DOTALL),
            lambda m: MessageId(text(m["queue_id"]), text(m["message_id"])),
        ),
        _REJECT,
        _DELIVERY,
    ],
}
_AGENTS: list[_Rule] = [_DELIVERY, _REJECT]  # smtp, lmtp, local, virtual, pipe, error, postscreen


def parse_line(line: bytes) -> Event | None:
    """Return what one line of the log says, or None where it says nothing of interest.

    The line may end with a newline. rsyslog's ``message repeated N times: [ ... ]`` gives the
    event that it repeats; ``parse_repeated`` tells how often.
    """
    return parse_repeated(line)[0]


def parse_repeated(line: bytes) -> tuple[Event | None, int]:
    """Return the event of a line and how many times it happened."""
    head = _HEAD.match(line)
    if head is None:
        return None, 0
    message, times = line[head.end() :].rstrip(b"\r\n"), 1
    if message.startswith(b"message repeated") and (repeated := _REPEATED.match(message)):
        times = int(repeated["repeated"])
        message = message[repeated.end() :].removesuffix(b"]")
    for pattern, build in _RULES.get(head["daemon"], _AGENTS):
        if match := pattern.match(message):
            event = build(match)
            if isinstance(event, Delivery):
                event = Delivery(*event[:-1], text(head["daemon"]))
            return event, times
    return None, 0


def events(lines: Iterator[bytes], clock: LogClock) -> Iterator[tuple[int, Event]]:
    """Yield each event with its time (seconds since the epoch), repeats as often as they were.

    Args:
        lines: the log, line by line.
        clock: reads the times; it knows the year of those that bear none.
    """
    last: Event | None = None
    last_repeated = re.compile(p.LAST_REPEATED)
    for line in lines:
        event, times = parse_repeated(line)
        if event is None and last is not None and (m := last_repeated.search(line.rstrip(b"\r\n"))):
            event, times = last, int(m["repeated"])
        last = event
        if event is not None and (time := clock.read(line)) is not None:
            for _ in range(times):
                yield time, event

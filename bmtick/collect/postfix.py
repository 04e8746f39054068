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
from bmtick.collect.raw import (
    MAX_DELAY,
    MAX_RECIPIENTS,
    MAX_REPEATED,
    MAX_SIZE,
    MAX_UID,
    UNAVAILABLE,
    address,
    number,
    text,
    username,
)

_HEAD = re.compile(p.HEAD)
_REPEATED = re.compile(p.REPEATED)
_MAX_REMEMBERED = 20_000  # heads of lines, and logins
_SHORTEST_ID = 5


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


def _delivery(m: re.Match[bytes]) -> Event | None:
    if len(m["delay"]) > MAX_DELAY or m["delay"].count(b".") > 1 or m["delay"] == b".":
        return None
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


def _pickup(m: re.Match[bytes]) -> Event | None:
    uid = number(m["uid"], MAX_UID)
    if uid is None:
        return None
    return Pickup(text(m["queue_id"]), uid, text(m["sender"]), text(m["orig_queue_id"]))


def _active(m: re.Match[bytes]) -> Event | None:
    queue_id, sender, *numbers = m.groups()
    size, nrcpt = number(numbers[0], MAX_SIZE), number(numbers[1], MAX_RECIPIENTS)
    if size is None or nrcpt is None:
        return None
    return Active(queue_id.decode(), text(sender), size, nrcpt)


_Rule = tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], Event | None]]

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
    return _parse_message(head["daemon"], line[head.end() :].rstrip(b"\r\n"))


def _parse_message(daemon: bytes, message: bytes) -> tuple[Event | None, int]:
    times = 1
    if message.startswith(b"message repeated") and (repeated := _REPEATED.match(message)):
        times = number(repeated["repeated"], MAX_REPEATED) or 0
        if not times:
            return None, 0
        message = message[repeated.end() :].removesuffix(b"]")
    for pattern, build in _RULES.get(daemon, _AGENTS):
        if match := pattern.match(message):
            event = build(match)
            if event is None:  # an absurd number
                return None, 0
            if isinstance(event, Delivery):
                event = Delivery(*event[:-1], text(daemon))
            return event, times
    return None, 0


class _Reader:
    """``parse_repeated`` for a whole log: remembers heads of lines and logins, which recur.

    A head is remembered without its time, and only looked up after the very time of a line that
    was read by the pattern; a login is all that follows ``client=``.
    """

    def __init__(self) -> None:
        self._time = b""
        self._heads: dict[bytes, bytes] = {}
        self._logins: dict[bytes, Client] = {}

    def read(self, line: bytes) -> tuple[Event | None, int]:
        """Return the event of a line and how many times it happened."""
        if line[:15] == self._time:
            end = line.find(b"]: ", 15) + 3
            daemon = self._heads.get(line[15:end])
            if daemon is not None:
                return self._message(daemon, line[end:].rstrip(b"\r\n"))
        head = _HEAD.match(line)
        if head is None:
            return None, 0
        end = head.end()
        if line[3:4] == b" " and line.find(b"]: ", 15) + 3 == end:
            if len(self._heads) >= _MAX_REMEMBERED:
                self._heads.clear()
            self._time = line[:15]
            self._heads[line[15:end]] = head["daemon"]
        return self._message(head["daemon"], line[end:].rstrip(b"\r\n"))

    def _message(self, daemon: bytes, message: bytes) -> tuple[Event | None, int]:
        if daemon != b"smtpd":
            return _parse_message(daemon, message)
        queue_id, found, login = message.partition(b": client=")
        if not found or not queue_id.isalnum():
            return _parse_message(daemon, message)
        known = self._logins.get(login)
        if known is not None and len(queue_id) >= _SHORTEST_ID and queue_id != b"NOQUEUE":
            return Client(queue_id.decode("ascii"), *known[1:]), 1
        event, times = _parse_message(daemon, message)
        if isinstance(event, Client):
            if len(self._logins) >= _MAX_REMEMBERED:
                self._logins.clear()
            self._logins[login] = event
        return event, times


def events(lines: Iterator[bytes], clock: LogClock) -> Iterator[tuple[int, Event]]:
    """Yield each event with its time (seconds since the epoch), repeats as often as they were.

    Args:
        lines: the log, line by line.
        clock: reads the times; it knows the year of those that bear none.
    """
    last: Event | None = None
    last_repeated = re.compile(p.LAST_REPEATED)
    read = _Reader().read
    for line in lines:
        event, times = read(line)
        if event is None and last is not None and (m := last_repeated.search(line.rstrip(b"\r\n"))):
            times = number(m["repeated"], MAX_REPEATED) or 0
            event = last if times else None
        last = event
        if event is not None and (time := clock.read(line)) is not None:
            if times == 1:
                yield time, event
                continue
            for _ in range(times):
                yield time, event

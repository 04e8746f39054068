"""Read Postfix's current queue, and find the origin of each message in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bmtick.collect import events as ev
from bmtick.collect.clock import LogClock
from bmtick.collect.postfix import events
from bmtick.collect.postqueue import QueueEntry
from bmtick.collect.postqueue import entries as postqueue
from bmtick.errors import BmtickError
from bmtick.incident.ledger import Ledger
from bmtick.incident.logs import find_logs, open_lines
from bmtick.incident.origin import Origin
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import read_envelopes
from bmtick.languages import _, _n

# A content filter runs on this machine or beside it.
_NEAR_RELAY = re.compile(rb"relay=[^,\[]*\[(?:127\.|10\.|192\.168\.|172\.|::1|f[cd])")
_TIMEOUT = 20.0  # seconds for the queue files of messages that the log does not show
_STALE = 3600  # seconds that a log entry may be older than the queued message


def read_queue(programs: Programs) -> Iterator[QueueEntry]:
    """Yield all queued messages, read with ``postqueue -j``.

    Raises:
        BmtickError: Postfix is not installed here, or does not answer.
    """
    return postqueue(programs.located(programs.postfix("postqueue", "-j")))


@dataclass(frozen=True)
class Origins:
    """The known origins of queued messages.

    Attributes:
        by_id: origin of each message that is in the log or has a readable queue file.
        logins: logins that the log shows for these messages, and for other recent ones.
        notes: what could not be read, and the consequence.
    """

    by_id: dict[str, Origin]
    logins: frozenset[str]
    notes: tuple[str, ...] = ()


def find_origins(
    entries: Collection[QueueEntry], paths: Sequence[str], programs: Programs, *, files: bool = True
) -> Origins:
    """Find origins in the log, and for messages that it does not show, in the queue files.

    Args:
        entries: the queue.
        paths: the logs; rotated logs are read back to the oldest queued message.
        programs: for ``postcat``.
        files: whether to read queue files, which needs root.
    """
    notes: list[str] = []
    found: dict[str, Origin] = {}
    logins: frozenset[str] = frozenset()
    try:
        ledger = read_ledger(paths, min((e.arrival_time for e in entries), default=0))
        logins = frozenset(ledger.logins())
        found = _fitting(entries, ledger.origins())
    except BmtickError as error:
        notes.append(_("the log tells nothing: {reason}", reason=error.message))
    unknown = [e.queue_id for e in entries if e.queue_id not in found]
    if files and unknown:
        try:
            envelopes = read_envelopes(programs, unknown, timeout=_TIMEOUT)
            found |= {i: e.origin for i, e in envelopes.items()}
        except BmtickError as error:
            notes.append(
                _n(
                    "{n} message is of unknown origin: {reason}",
                    "{n} messages are of unknown origin: {reason}",
                    len(unknown),
                    reason=error.message,
                )
            )
    return Origins(found, logins, tuple(notes))


def _fitting(entries: Iterable[QueueEntry], origins: dict[str, Origin]) -> dict[str, Origin]:
    """Leave out log entries of an earlier message with the same short queue id."""
    return {
        e.queue_id: origin
        for e in entries
        if (origin := origins.get(e.queue_id)) and e.arrival_time - origin.time <= _STALE
    }


def _is_relevant(line: bytes) -> bool:
    """Whether a line may contain a message's origin or end: a cheap check before parsing."""
    return (
        b": client=" in line
        or b": removed" in line
        or b": uid=" in line
        or (b"queued as" in line and _NEAR_RELAY.search(line) is not None)
    )


def read_ledger(paths: Sequence[str], oldest: int) -> Ledger:
    """Return the open messages of the logs, read back to a time (seconds since the epoch).

    Raises:
        BmtickError: a log is missing or unreadable.
    """
    logs = find_logs(paths)
    ledger = Ledger()
    start = oldest - _STALE
    for index, file in enumerate(logs.files):
        if index + 1 < len(logs.files) and logs.files[index + 1].first < start:
            continue
        with open_lines(file.path) as lines:
            telling = filter(_is_relevant, lines)
            for time, event in events(telling, LogClock(logs.newest, file.first)):
                if isinstance(event, ev.Client):
                    ledger.client(time, event)
                elif isinstance(event, ev.Removed):
                    ledger.removed(event.queue_id)
                elif isinstance(event, ev.Delivery):
                    ledger.delivery(event)
                elif isinstance(event, ev.Pickup):
                    ledger.pickup(time, event)
    return ledger

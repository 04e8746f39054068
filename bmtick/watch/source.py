"""The source of points: the collector, over logs and the queue."""

from __future__ import annotations

import math
import os
from binascii import crc32
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from bmtick.collect.emit import Row
from bmtick.collect.guarded import rows as guarded_rows
from bmtick.collect.options import Options
from bmtick.collect.queue import rows as queue_rows
from bmtick.collect.records import RecordStore
from bmtick.collect.session import Session
from bmtick.names import FIELDS, TAGS
from bmtick.points import Point

_SAY_AGAIN = 3600.0  # seconds
_HEARTBEAT = 60_000_000_000  # nanoseconds
_LONGEST_PAUSE = 24 * 60 * _HEARTBEAT  # after more than a day the watch itself was away


class Source(Protocol):
    """Returns points; can be dumped and restored."""

    def begin(self, *, from_start: bool, now: float) -> None:
        """Start without a state."""

    def read(self, now: float) -> tuple[list[Point], bool]:
        """Return new points in order of time, and whether there are more."""

    def time(self, now: float) -> float:
        """Return the current time of its points; normally now, except while an old log is replayed."""

    def dump(self) -> Any:
        """Return the position as JSON-able data."""

    def committed(self) -> None:
        """Accept that the last dump is stored."""

    def close(self) -> None:
        """Release open resources."""

    def restore(self, kept: Any) -> None:
        """Restore what ``dump`` returned."""


class Collector:
    """The collector's points with the tags of this machine.

    Args:
        logs: paths.
        options: how to count.
        spool: the queue directory, or "".
        guard: the guard's list of held senders, or "".
        tags: added to every point.
        warn: receives one line for the administrator.
        state: path beside which memory is stored; "": within the state.
        ended: the logs are complete, so their time is now.
        listings: returns block list results, given now and the time of the rows.
    """

    def __init__(  # noqa: PLR0913 -- each by its name
        self,
        logs: Sequence[str],
        options: Options,
        *,
        spool: str,
        guard: str = "",
        tags: Mapping[str, str],
        warn: Callable[[str], None],
        state: str = "",
        ended: bool = False,
        listings: Callable[[float, float], list[Row]] | None = None,
    ) -> None:
        store = RecordStore(state, warn) if state else None
        number = crc32(os.path.realpath(state).encode("utf-8", "surrogateescape"))
        self._session = Session(list(logs), options, warn, number, store)
        self._interval, self._spool, self._warn = options.interval, spool, warn
        self._guard, self._ended, self._listings = guard, ended, listings
        self.watched = ", ".join([*logs, "the queue"] if spool else logs)
        self._tags = {name: value for name, value in tags.items() if value}
        self._sampled = 0.0
        self._said: dict[str, float] = {}
        self._newest = 0  # nanoseconds since the epoch

    def begin(self, *, from_start: bool, now: float, newest: int = 0) -> None:
        """Start with the whole logs, or with their last bytes."""
        self._session.begin(None if from_start else newest, now)

    def read(self, now: float) -> tuple[list[Point], bool]:
        """Return the points of closed buckets, and once per interval those of the queue."""
        rows, more = self._session.run(now, ended=self._ended)
        if not more and now - self._sampled >= self._interval:
            self._sampled = now
            time = self.time(now)
            if self._spool:
                rows += queue_rows(self._spool, time, partial(self._seldom, now))
            rows += guarded_rows(self._guard, time, partial(self._seldom, now))
            if self._listings is not None:
                rows += self._listings(now, time)
            if not rows:
                rows.append(self._session.heartbeat(time))
        rows.sort(key=lambda row: row[3])
        return [self._point(row) for row in self._with_heartbeats(rows)], more

    def _seldom(self, now: float, text: str) -> None:
        """Report the same problem at most once an hour."""
        if now - self._said.get(text, -math.inf) >= _SAY_AGAIN:
            self._said = {known: at for known, at in self._said.items() if now - at < _SAY_AGAIN}
            self._said[text] = now
            self._warn(text)

    def _with_heartbeats(self, rows: list[Row]) -> list[Row]:
        """Emit, in the pauses of a backlog, the collector's heartbeats of that time."""
        found: list[Row] = []
        for row in rows:
            pause = row[3] - self._newest if self._newest else 0
            if _HEARTBEAT < pause <= _LONGEST_PAUSE:
                beats = range(self._newest + _HEARTBEAT, row[3], _HEARTBEAT)
                found += [self._session.heartbeat(at / 1_000_000_000) for at in beats]
            self._newest = max(self._newest, row[3])
            found.append(row)
        return found

    def _point(self, row: Row) -> Point:
        name, tags, fields, at = row
        own = {tag: value for tag, value in zip(TAGS[name], tags, strict=True) if value}
        return Point(name, {**self._tags, **own}, dict(zip(FIELDS[name], fields, strict=False)), at)

    def time(self, now: float) -> float:
        """Return the time of the logs."""
        return now if self._ended else now - self._session.lag(now)

    def dump(self) -> Any:
        """Return the position in the logs."""
        return self._session.dump()

    def committed(self) -> None:
        """Accept that the last dump is stored."""
        self._session.committed()

    def close(self) -> None:
        """Release open resources."""
        self._session.close()

    def restore(self, kept: Any) -> None:
        """Restore what ``dump`` returned."""
        self._session.restore(kept)

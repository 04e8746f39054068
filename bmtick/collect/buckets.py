"""The open intervals: which bucket a line goes into, and when a bucket is closed.

A line of an interval that was already given out goes into the earliest one that was not: its
counts move a little in time, and are neither lost nor given twice under one time.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmtick.collect.tally import Bucket

MAX_OPEN_BUCKETS = 400  # over an hour of 10 s: a clock set back, the end of summer time
MAX_OPEN_SERIES = 60_000
_CHECK_EVERY = 8  # blocks of lines between two looks at the number of series


class Buckets:
    """Open buckets by the start of their interval, in seconds since the epoch."""

    def __init__(self, interval: int, closed_until: int | None = None) -> None:
        self.interval = interval
        self.closed_until = closed_until
        self.open: dict[int, Bucket] = {}
        self._checks = 0
        self.newest: int | None = None  # the latest time that a line bore

    def at(self, time: int | None) -> Bucket:
        """Return the bucket for a line of that time; None: the line bears none."""
        if time is None:
            time = self.newest or 0
        start = time - time % self.interval
        if self.closed_until is not None and start < self.closed_until:
            start = self.closed_until
        bucket = self.open.get(start)
        if bucket is None:
            bucket = self.open[start] = Bucket()
        if self.newest is None or time > self.newest:
            self.newest = time
        return bucket

    def close(self, until: int | None = None) -> Iterator[tuple[int, Bucket]]:
        """Give out, in order, the buckets that end at ``until`` or before; None: all."""
        for start in sorted(self.open):
            end = start + self.interval
            if until is not None and end > until:
                return
            if self.closed_until is None or end > self.closed_until:
                self.closed_until = end
            yield start, self.open.pop(start)

    def close_oldest(self) -> Iterator[tuple[int, Bucket]]:
        """Give out the oldest buckets while there are too many, or too large ones, open."""
        self._checks += 1
        over = len(self.open) - MAX_OPEN_BUCKETS
        size = 0
        if self._checks % _CHECK_EVERY == 0:
            size = sum(bucket.size() for bucket in self.open.values())
        if over <= 0 and size <= MAX_OPEN_SERIES:
            return
        until = None
        for start in sorted(self.open)[:-1]:
            if over <= 0 and size <= MAX_OPEN_SERIES:
                break
            until = start + self.interval
            over -= 1
            size -= self.open[start].size()
        if until is not None:
            yield from self.close(until)

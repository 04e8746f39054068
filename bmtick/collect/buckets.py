"""The open intervals: which bucket a line goes into, and when a bucket is closed.

A line of an interval that was already given out goes into the next one that was not: its counts
move a little in time, and are neither lost nor given out twice under one time.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmtick.collect.bucket import Bucket

MAX_OPEN_BUCKETS = 400  # over an hour of 10 s: a clock set back, the end of summer time
MAX_OPEN_SERIES = 60_000
MAX_GIVEN = 400  # intervals that are known to be given out; all before them count as such
_AT_ONCE = 50  # buckets over the most before the oldest are given out: sorting them costs
_CHECK_EVERY = 16  # blocks of lines between two looks at the number of series


class Buckets:
    """Open buckets by the start of their interval, in seconds since the epoch."""

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.open: dict[int, Bucket] = {}
        self.given: dict[int, None] = {}  # starts of intervals that were given out, in that order
        self.floor: int | None = None  # nothing is given out before this time
        self.newest: int | None = None  # the latest time that a line bore
        self.limit: int | None = None  # a later time is a wrong clock
        self._checks = 0
        self._touched: set[int] = set()  # starts of buckets that may have grown since they were
        self._sizes: dict[int, int] = {}  # measured
        self._untimed: Bucket | None = None  # of lines before the first that bore a time

    def at(self, time: int | None) -> Bucket:
        """Return the bucket for a line of that time; None: the line bears none."""
        if time is None or (self.limit is not None and time > self.limit):
            if self.newest is None and self.floor is None:
                self._untimed = self._untimed or Bucket()
                return self._untimed
            time = self.newest or self.floor or 0
        start = time - time % self.interval
        if self.floor is not None and start < self.floor:
            start = self.floor
        while start in self.given:
            start += self.interval
        bucket = self.open.get(start)
        if bucket is None:
            bucket = self.open[start] = Bucket()
        self._touched.add(start)
        if self.newest is None or time > self.newest:
            self.newest = time
        if self._untimed is not None:
            self.take(start, self._untimed)
            self._untimed = None
        return bucket

    def settle(self, now: float) -> None:
        """Count lines before the first that bore a time as of now, where none came after them."""
        if self._untimed is not None:
            self.take(int(now), self._untimed)
            self._untimed = None

    def take(self, start: int, bucket: Bucket) -> None:
        """Keep a bucket of an earlier run; the interval may have been another one then."""
        start -= start % self.interval
        self._touched.add(start)
        mine = self.open.get(start)
        if mine is None:
            self.open[start] = bucket
        else:
            mine.add(bucket)

    def close(self, until: float | None = None) -> Iterator[tuple[int, Bucket]]:
        """Give out, in order, the buckets that end at ``until`` or before; None: all."""
        for start in sorted(self.open):
            if until is not None and start + self.interval > until:
                return
            self.given[start] = None
            if len(self.given) >= 2 * MAX_GIVEN:
                self._forget_given()
            self._sizes.pop(start, None)
            yield start, self.open.pop(start)

    def _forget_given(self) -> None:
        starts = sorted(self.given)
        self.floor = max(self.floor or 0, starts[-MAX_GIVEN - 1] + self.interval)
        self.given = dict.fromkeys(starts[-MAX_GIVEN:])

    def waiting(self, until: float) -> int:
        """Return about how many points the buckets hold that end at ``until`` or before."""
        over = (b for start, b in self.open.items() if start + self.interval <= until)
        return sum(len(b.entities) + len(b.failures) + len(b.delivery) + 1 for b in over)

    def close_oldest(self) -> Iterator[tuple[int, Bucket]]:
        """Give out the oldest buckets while there are too many, or too large ones, open."""
        self._checks += 1
        over = len(self.open) - MAX_OPEN_BUCKETS
        size = 0
        if self._checks % _CHECK_EVERY == 0:
            size = self._size()
        if over <= _AT_ONCE and size <= MAX_OPEN_SERIES:
            return
        until = None
        for start in sorted(self.open)[:-1]:
            if over <= 0 and size <= MAX_OPEN_SERIES:
                break
            until = start + self.interval
            over -= 1
            size -= self._sizes.get(start, 0)
        if until is not None:
            yield from self.close(until)

    def _size(self) -> int:
        """Return how many series and names are open."""
        for start in self._touched & self.open.keys():
            self._sizes[start] = self.open[start].size()
        self._touched.clear()
        return sum(self._sizes.values())

"""The ring buffer of a window by time.

Source: kapacitor ``window.go`` (``windowTimeBuffer``). The ring follows Kapacitor's exactly: which
late points a window drops depends on their position in it.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.messages import BatchPoint
from bmtick.engine.state import dump_points, load_points


class TimeBuffer:
    """Points in order of arrival; old ones are purged from the front."""

    __slots__ = ("capacity", "ring", "size", "start", "stop")

    def __init__(self) -> None:
        self.ring: list[BatchPoint | None] = []
        self.capacity = self.start = self.stop = self.size = 0

    def dump(self) -> list[Any]:
        """Return the ring with its layout as JSON-able data."""
        ring = [dump_points([p]) if p is not None else [] for p in self.ring]
        return [ring, self.capacity, self.start, self.stop, self.size]

    @classmethod
    def load(cls, state: list[Any]) -> TimeBuffer:
        """Restore what ``dump`` returned."""
        new = cls()
        ring, new.capacity, new.start, new.stop, new.size = state
        new.ring = [next(load_points(place), None) for place in ring]
        return new

    def insert(self, point: BatchPoint) -> None:
        """Append a point; grow the ring if it is full."""
        if self.size == self.capacity:
            self._grow()
        ring = self.ring
        if len(ring) == self.capacity and self.stop == len(ring):
            self.stop = 0
        if self.stop == len(ring):
            ring.append(point)
        else:
            ring[self.stop] = point
        self.size += 1
        self.stop += 1

    def _grow(self) -> None:
        size = self.size
        self.ring = [*self.points(), None]
        self.capacity = 2 * (size + 1)
        self.start, self.stop = 0, size

    def purge(self, oldest: int) -> None:
        """Drop points from the front up to the first that is not older than ``oldest``."""
        ring = self.ring
        if not ring:
            return
        if self.start < self.stop:
            self._skip(self.stop, oldest)
            self.size = self.stop - self.start
            return
        last = ring[-1]
        if last is not None and last.time >= oldest:
            self._skip(len(ring), oldest)
            self.size = len(ring) - self.start + self.stop
        else:
            self.start = 0
            self._skip(self.stop, oldest)
            self.size = self.stop - self.start

    def _skip(self, end: int, oldest: int) -> None:
        ring, start = self.ring, self.start
        while start < end and ring[start].time < oldest:  # type: ignore[union-attr]
            start += 1
        self.start = start

    def points(self) -> list[BatchPoint]:
        """Return the points in order of arrival."""
        if not self.size:
            return []
        ring = self.ring
        if self.stop > self.start:
            return ring[self.start : self.stop]  # type: ignore[return-value]
        return ring[self.start :] + ring[: self.stop]  # type: ignore[return-value]

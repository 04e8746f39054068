"""The values of one field over the batches of a sliding window.

Most points of a batch are in the previous batch too; their values and types are not read again.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.messages import BatchPoint


class Column:
    """Caches the last batch of a group; ``values`` are those of its points, in order.

    ``kind`` is the common type of all values, or None if they differ or one is missing.
    """

    __slots__ = ("_points", "field", "kind", "values")

    def __init__(self, field: str) -> None:
        self.field = field
        self.kind: type | None = None
        self.values: list[Any] = []
        self._points: list[BatchPoint] = []

    def take(self, points: list[BatchPoint]) -> None:
        """Set the next batch, which must not change afterwards."""
        gone = self._gone(points)
        kept = len(self._points) - gone
        field = self.field
        fresh = [point.fields.get(field, _ABSENT) for point in points[kept:]]
        kinds = set(map(type, fresh))
        if kept:
            self.values = self.values[gone:] + fresh if gone else self.values + fresh
            # Types that differed before may be equal now.
            kinds = set(map(type, self.values)) if self.kind is None else kinds | {self.kind}
        else:
            self.values = fresh
        kind = next(iter(kinds)) if len(kinds) == 1 else None
        self.kind = None if kind is object else kind
        self._points = points

    def _gone(self, points: list[BatchPoint]) -> int:
        """Return how many points of the last batch left: all, unless the rest is unchanged."""
        before = self._points
        count = len(before)
        if not points or not before or before[-1].time < points[0].time:
            return count
        first = points[0]
        for gone, point in enumerate(before):
            if point is first:
                # Points compare by identity.
                return gone if before[gone:] == points[: count - gone] else count
        return count


_ABSENT = object()

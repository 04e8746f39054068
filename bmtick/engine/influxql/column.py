"""The values of one field over the batches of a window that slides.

Most points of a batch were in the one before. Their values and types need no second look.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.messages import BatchPoint


class Column:
    """Remembers the last batch of a group; ``values`` are those of its points, in order.

    ``kind`` is the type that all values have, or None where they differ or one is missing.
    """

    __slots__ = ("_points", "field", "kind", "values")

    def __init__(self, field: str) -> None:
        self.field = field
        self.kind: type | None = None
        self.values: list[Any] = []
        self._points: list[BatchPoint] = []

    def take(self, points: list[BatchPoint]) -> None:
        """Take the next batch, which is not changed afterwards."""
        gone = self._gone(points)
        kept = len(self._points) - gone
        field = self.field
        fresh = [point.fields.get(field, _ABSENT) for point in points[kept:]]
        kinds = set(map(type, fresh))
        if kept:
            self.values = self.values[gone:] + fresh if gone else self.values + fresh
            # where types differed, they may differ no longer
            kinds = set(map(type, self.values)) if self.kind is None else kinds | {self.kind}
        else:
            self.values = fresh
        kind = next(iter(kinds)) if len(kinds) == 1 else None
        self.kind = None if kind is object else kind
        self._points = points

    def _gone(self, points: list[BatchPoint]) -> int:
        """Return how many points of the last batch are gone: all, unless the rest is the same."""
        before = self._points
        count = len(before)
        if not points or not before or before[-1].time < points[0].time:
            return count
        first = points[0]
        for gone, point in enumerate(before):
            if point is first:
                # points compare by identity
                return gone if before[gone:] == points[: count - gone] else count
        return count


_ABSENT = object()

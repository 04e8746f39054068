"""``|shift``: moves points in time. Source: kapacitor ``shift.go``."""

from __future__ import annotations

from bmtick.engine.messages import Batch, BatchPoint, Point
from bmtick.engine.node import DefinitionError, StatelessNode
from bmtick.engine.registry import register


@register
class ShiftNode(StatelessNode):
    """Adds a duration, which may be negative, to each time."""

    chain = "shift"
    desc = "shift"
    hides = frozenset(("shift",))

    def define(self, shift: int) -> None:
        """Set the duration."""
        self.shift = shift

    def validate(self) -> None:
        """Refuse a shift of zero."""
        if self.shift == 0:
            raise DefinitionError("invalid shift value: must be non zero duration")

    def point(self, point: Point) -> None:
        """Forward the shifted point."""
        new = point.copy()
        new.time += self.shift
        self.forward(new)

    def batch(self, batch: Batch) -> None:
        """Forward the shifted batch."""
        new = batch.copy([BatchPoint(p.fields, p.tags, p.time + self.shift) for p in batch.points])
        new.time += self.shift
        self.forward(new)

"""``|sample``: every nth point, or points at multiples of a duration. Source: ``sample.go``."""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import Signature, type_of
from bmtick.engine.gotime import truncate
from bmtick.engine.messages import Batch, First, Point
from bmtick.engine.node import DefinitionError, Group, Node
from bmtick.engine.registry import register


@register
class SampleNode(Node):
    """Drops points outside of the sample."""

    chain = "sample"
    desc = "sample"
    signature = Signature.of("rate")

    def define(self, rate: int) -> None:
        """Set the rate: a number of points or a duration."""
        self.duration = rate if type_of(rate) == "duration" else 0
        self.every = 0 if self.duration else rate

    def validate(self) -> None:
        """Check the rate."""
        if not self.duration and not self.every:
            raise DefinitionError("invalid sample rate: must be positive integer or duration")

    def keeps(self, count: int, time: int) -> bool:
        """Return whether point number ``count`` of a group is in the sample."""
        if self.duration:
            return truncate(time, self.duration) == time
        return count % abs(self.every) == 0

    def new_group(self, first: First) -> SampleGroup:
        """Start counting."""
        del first
        return SampleGroup(self)

    def snapshot(self) -> object:
        """Return the counts by group."""
        return [[group, found.count] for group, found in self.groups.items()]

    def restore(self, state: Any) -> None:
        """Restore the counts."""
        for group, count in state:
            self.groups[group] = SampleGroup(self)
            self.groups[group].count = count


class SampleGroup(Group):
    """The count of one group."""

    __slots__ = ("count",)

    def __init__(self, node: SampleNode) -> None:
        super().__init__(node)
        self.count = 0

    def point(self, point: Point) -> None:
        """Forward the point or drop it."""
        keep = self.node.keeps(self.count, point.time)
        self.count += 1
        if keep:
            self.node.forward(point)

    def batch(self, batch: Batch) -> None:
        """Forward the sample of a batch."""
        keeps = self.node.keeps
        points = [p for count, p in enumerate(batch.points) if keeps(count, p.time)]
        self.count = len(batch.points)
        self.node.forward(batch.copy(points))

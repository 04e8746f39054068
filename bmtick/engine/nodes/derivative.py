"""``|derivative``: rate of change of a field. Source: kapacitor ``derivative.go``."""

from __future__ import annotations

import math
from typing import Any

from bmtick.engine.arguments import flag, table, value
from bmtick.engine.lambdas import go_type_name
from bmtick.engine.messages import AnyPoint, Batch, BatchPoint, First, Point
from bmtick.engine.node import Group, Node
from bmtick.engine.registry import register


@register
class DerivativeNode(Node):
    """The difference to the previous point, per unit of time."""

    chain = "derivative"
    desc = "derivative"
    properties = table(
        {
            "as": value("new_name"),
            "unit": value("unit"),
            "nonNegative": flag("non_negative"),
        }
    )

    def define(self, name: str) -> None:
        """Set Kapacitor's defaults."""
        self.field = self.new_name = name
        self.unit = 1_000_000_000
        self.non_negative = False

    def new_group(self, first: First) -> DerivativeGroup:
        """Start without a previous point."""
        del first
        return DerivativeGroup(self)

    def snapshot(self) -> object:
        """Return the last value and time by group."""
        return [[g, found.previous] for g, found in self.groups.items() if found.previous]

    def restore(self, state: Any) -> None:
        """Restore the last values."""
        for group, previous in state:
            self.groups[group] = DerivativeGroup(self)
            self.groups[group].previous = tuple(previous)


class DerivativeGroup(Group):
    """The last value of one group and its time."""

    __slots__ = ("previous",)

    def __init__(self, node: DerivativeNode) -> None:
        super().__init__(node)
        self.previous: tuple[float, int] | None = None

    def rate(self, point: AnyPoint) -> float | None:
        """Return the rate at a point, or None."""
        node: DerivativeNode = self.node
        number = point.fields.get(node.field)
        if type(number) is not int and type(number) is not float:
            node.report(
                "cannot perform derivative",
                f"field is the wrong type: {node.field} is {go_type_name(type(number))}",
            )
            return None
        before, self.previous = self.previous, (float(number), point.time)
        if before is None:
            return None
        elapsed = point.time - before[1]
        if elapsed == 0:
            node.report("cannot perform derivative", "elapsed time was 0")
            return None
        difference = float(number) - before[0]
        if node.non_negative and difference < 0:
            return None
        # With a unit of zero, Go divides by infinity.
        units = elapsed / node.unit if node.unit else math.copysign(math.inf, elapsed)
        return difference / units

    def point(self, point: Point) -> None:
        """Forward the point with its rate."""
        rate = self.rate(point)
        if rate is not None:
            new = point.copy()
            new.fields = {**point.fields, self.node.new_name: rate}
            self.node.forward(new)

    def batch(self, batch: Batch) -> None:
        """Forward the batch; it starts without a previous point."""
        self.previous = None
        points = []
        for point in batch.points:
            rate = self.rate(point)
            if rate is not None:
                fields = {**point.fields, self.node.new_name: rate}
                points.append(BatchPoint(fields, point.tags, point.time))
        self.node.forward(batch.copy(points, size_hint=max(batch.size_hint - 1, 0)))

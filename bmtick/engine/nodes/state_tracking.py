"""``|stateDuration`` and ``|stateCount``: how long a condition has been true.

Source: kapacitor ``state_tracking.go``.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import table, value
from bmtick.engine.lambdas import EvaluationError
from bmtick.engine.messages import AnyPoint, Batch, BatchPoint, Fields, First, Point
from bmtick.engine.node import Group, Node
from bmtick.engine.registry import register
from bmtick.tick import ast


class _StateNode(Node):
    def define(self, condition: ast.Lambda) -> None:
        """Set the condition."""
        self.condition = condition
        self.new_name = self.desc
        self.unit = 1_000_000_000

    def start(self) -> None:
        """Compile the condition."""
        self.predicate = self.predicate_of(self.condition)

    def new_group(self, first: First) -> StateGroup:
        """Start outside of the state."""
        del first
        return StateGroup(self)

    def track(self, held: int | None, time: int) -> tuple[int, object]:
        """Return the new state and the field's value; ``held`` is None outside of the state."""
        raise NotImplementedError

    outside: object = -1

    def snapshot(self) -> object:
        """Return the state by group, and the state of the condition's functions."""
        return [
            [group, found.held, found.predicate.expression.snapshot()]
            for group, found in self.groups.items()
        ]

    def restore(self, state: Any) -> None:
        """Restore the state."""
        for group, held, expression in state:
            self.groups[group] = found = StateGroup(self)
            found.held = held
            found.predicate.expression.restore(expression)


@register
class StateDurationNode(_StateNode):
    """Adds the time since the condition became true, in units; -1 while it is false."""

    chain = "stateDuration"
    desc = "state_duration"
    properties = table({"as": value("new_name"), "unit": value("unit")})
    outside = -1.0

    def track(self, held: int | None, time: int) -> tuple[int, object]:
        """Keep the time at which the state began."""
        start = time if held is None else held
        return start, float(time - start) / float(self.unit)


@register
class StateCountNode(_StateNode):
    """Adds the number of points for which the condition was true; -1 while it is false."""

    chain = "stateCount"
    desc = "state_count"
    properties = table({"as": value("new_name")})

    def track(self, held: int | None, time: int) -> tuple[int, object]:
        """Keep the count."""
        del time
        count = (held or 0) + 1
        return count, count


class StateGroup(Group):
    """The condition and the state of one group."""

    __slots__ = ("held", "predicate")

    def __init__(self, node: _StateNode) -> None:
        super().__init__(node)
        self.predicate = node.predicate.copy()
        self.held: int | None = None

    def tracked(self, point: AnyPoint) -> Fields | None:
        """Return the fields with the result, or None if the condition fails."""
        node: _StateNode = self.node
        try:
            inside = self.predicate(point.fields, point.tags, point.time)
        except EvaluationError as error:
            node.report("error while evaluating expression", error)
            return None
        if not inside:
            self.held = None
            return {**point.fields, node.new_name: node.outside}
        self.held, shown = node.track(self.held, point.time)
        return {**point.fields, node.new_name: shown}

    def point(self, point: Point) -> None:
        """Forward the point with the result."""
        fields = self.tracked(point)
        if fields is not None:
            new = point.copy()
            new.fields = fields
            self.node.forward(new)

    def batch(self, batch: Batch) -> None:
        """Forward the batch; the state restarts in each batch."""
        self.held = None
        points = []
        for point in batch.points:
            fields = self.tracked(point)
            if fields is not None:
                points.append(BatchPoint(fields, point.tags, point.time))
        self.node.forward(batch.copy(points))

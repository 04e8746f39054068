"""``|where``: forwards the points for which a lambda is true. Source: kapacitor ``where.go``."""

from __future__ import annotations

from typing import Any

from bmtick.engine.lambdas import EvaluationError
from bmtick.engine.messages import AnyPoint, Batch, First, Point
from bmtick.engine.node import Group, Node
from bmtick.engine.predicate import Predicate
from bmtick.engine.registry import register
from bmtick.tick import ast


@register
class WhereNode(Node):
    """Filters points; stateful functions count per group."""

    chain = "where"
    desc = "where"

    def define(self, condition: ast.Lambda) -> None:
        """Set the condition."""
        self.condition = condition

    def start(self) -> None:
        """Compile the condition."""
        self.predicate = self.predicate_of(self.condition)

    def new_group(self, first: First) -> WhereGroup:
        """Start with fresh state."""
        del first
        return WhereGroup(self)

    def snapshot(self) -> object:
        """Return the groups with the state of stateful functions."""
        return [
            [group, found.predicate.expression.snapshot()] for group, found in self.groups.items()
        ]

    def restore(self, state: Any) -> None:
        """Restore the groups."""
        for group, expression in state:
            self.groups[group] = found = WhereGroup(self)
            found.predicate.expression.restore(expression)


class WhereGroup(Group):
    """The condition with the state of one group."""

    __slots__ = ("predicate",)

    predicate: Predicate

    def __init__(self, node: WhereNode) -> None:
        super().__init__(node)
        self.predicate = node.predicate.copy()

    def passes(self, point: AnyPoint) -> bool:
        """Evaluate the condition; a point for which it fails is dropped."""
        try:
            return self.predicate(point.fields, point.tags, point.time)
        except EvaluationError as error:
            self.node.report("error while evaluating expression", error)
            return False

    def point(self, point: Point) -> None:
        """Forward the point or drop it."""
        try:
            passes = self.predicate(point.fields, point.tags, point.time)
        except EvaluationError as error:
            self.node.report("error while evaluating expression", error)
            return
        if passes:
            self.node.forward(point)

    def batch(self, batch: Batch) -> None:
        """Forward the rest of the batch, even if it is empty."""
        self.node.forward(batch.copy([p for p in batch.points if self.passes(p)], size_hint=0))

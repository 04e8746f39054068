"""``|changeDetect``: passes a point if one of its fields changed. Source: ``change_detect.go``."""

from __future__ import annotations

from typing import Any

from bmtick.engine.messages import AnyPoint, Batch, Fields, First, Point
from bmtick.engine.node import Group, Node
from bmtick.engine.registry import register
from bmtick.engine.state import dump_fields, load_fields


@register
class ChangeDetectNode(Node):
    """Compares a point with the last point that passed."""

    chain = "changeDetect"
    desc = "changeDetect"

    def define(self, *fields: str) -> None:
        """Set the names of the fields."""
        self.fields = fields

    def new_group(self, first: First) -> ChangeGroup:
        """Start without a previous point."""
        del first
        return ChangeGroup(self)

    def snapshot(self) -> object:
        """Return the last fields by group."""
        return [[g, dump_fields(found.previous)] for g, found in self.groups.items()]

    def restore(self, state: Any) -> None:
        """Restore the last fields."""
        for group, previous in state:
            self.groups[group] = ChangeGroup(self)
            self.groups[group].previous = load_fields(previous)


class ChangeGroup(Group):
    """The fields of the last point that passed."""

    __slots__ = ("previous",)

    def __init__(self, node: ChangeDetectNode) -> None:
        super().__init__(node)
        self.previous: Fields = {}

    def changed(self, point: AnyPoint) -> bool:
        """Return whether a watched field has a new value or a new type."""
        node: ChangeDetectNode = self.node
        for name in node.fields:
            if name not in point.fields:
                node.report("Invalid field in change detect", f"expected field {name} not found")
                continue
            before, now = self.previous.get(name), point.fields[name]
            if type(before) is not type(now) or before != now:
                self.previous = point.fields
                return True
        return False

    def point(self, point: Point) -> None:
        """Forward the point or drop it."""
        if self.changed(point):
            self.node.forward(point)

    def batch(self, batch: Batch) -> None:
        """Forward the changed points; each batch starts without a previous point."""
        self.previous = {}
        self.node.forward(batch.copy([p for p in batch.points if self.changed(p)], size_hint=0))

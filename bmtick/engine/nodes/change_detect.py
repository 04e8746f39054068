"""``|changeDetect``: passes a point if one of its fields changed. Source: ``change_detect.go``."""

from __future__ import annotations

from typing import Any

from bmtick.engine.messages import AnyPoint, Batch, Fields, First, Point
from bmtick.engine.node import Group, Node
from bmtick.engine.registry import register
from bmtick.engine.state import dump_fields, load_fields


@register
class ChangeDetectNode(Node):
    """Compares with the last point that passed."""

    chain = "changeDetect"
    desc = "changeDetect"

    def define(self, *fields: str) -> None:
        """Keep the fields' names."""
        self.fields = fields

    def new_group(self, first: First) -> ChangeGroup:
        """Start without a point before."""
        del first
        return ChangeGroup(self)

    def snapshot(self) -> object:
        """The last fields by group."""
        return [[g, dump_fields(found.previous)] for g, found in self.groups.items()]

    def restore(self, state: Any) -> None:
        """Take back the last fields."""
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
        """Say whether a watched field has another value or another type."""
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
        """Pass or drop."""
        if self.changed(point):
            self.node.forward(point)

    def batch(self, batch: Batch) -> None:
        """Pass what changed; each batch starts without a point before."""
        self.previous = {}
        self.node.forward(batch.copy([p for p in batch.points if self.changed(p)], size_hint=0))

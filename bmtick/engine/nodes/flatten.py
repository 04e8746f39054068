"""``|flatten``: merges points of one time into one point. Source: ``flatten.go``."""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import Property, table, value, values
from bmtick.engine.gotime import round_time
from bmtick.engine.messages import (
    AnyPoint,
    Barrier,
    Batch,
    BatchPoint,
    Fields,
    First,
    GroupInfo,
    Point,
    grouped,
)
from bmtick.engine.node import Group, Node
from bmtick.engine.registry import register
from bmtick.engine.state import dump_info, dump_points, load_info, load_points


def _drop_name(owner: FlattenNode, args: list[Any]) -> None:
    owner.drop_name = args[0] if len(args) == 1 else True


@register
class FlattenNode(Node):
    """Buffers a group's points until one with another time arrives."""

    chain = "flatten"
    desc = "flatten"
    properties = table(
        {
            "on": values("dimensions"),
            "delimiter": value("delimiter"),
            "tolerance": value("tolerance"),
            "dropOriginalFieldName": Property(_drop_name),
        }
    )

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.dimensions: list[str] = []
        self.delimiter = "."
        self.tolerance = 0
        self.drop_name = False
        self._prefix = ""

    def new_group(self, first: First) -> FlattenGroup:
        """Start with the time of the first message."""
        info = first.group_info()
        new = FlattenGroup(self)
        new.name, new.info = first.name, info
        new.time = round_time(first.time, self.tolerance)
        return new

    def flatten(self, points: list[BatchPoint]) -> Fields:
        """Return the fields of all points, with their tags as prefix."""
        fields: Fields = {}
        prefix = self._prefix
        for point in points:
            for i, tag in enumerate(self.dimensions):
                if tag not in point.tags:
                    # Kapacitor keeps the incomplete prefix for the next point.
                    self.report(
                        "point missing tag for flatten operation",
                        f"tag {tag} is missing from point",
                    )
                    break
                prefix += (self.delimiter if i > 0 else "") + point.tags[tag]
            else:
                for name, content in point.fields.items():
                    fields[self._named(prefix, name)] = content
                prefix = ""
        self._prefix = prefix
        return fields

    def _named(self, prefix: str, name: str) -> str:
        if self.drop_name:
            return prefix
        return f"{prefix}{self.delimiter}{name}" if prefix else name

    def barrier(self, barrier: Barrier) -> None:
        """Flush the pending set; Kapacitor does so since 1.6."""
        group = self.group_of(barrier)
        if self.pipeline.is_newer:
            group.flush(barrier.time)
        self.forward_barrier(barrier)

    def snapshot(self) -> object:
        """Return the pending points by group, and an incomplete prefix."""
        groups = [
            [group, f.name, dump_info(f.info), f.time, dump_points(f.points)]
            for group, f in self.groups.items()
        ]
        return [self._prefix, groups]

    def restore(self, state: Any) -> None:
        """Restore the pending points."""
        self._prefix, groups = state
        for group, name, info, time, points in groups:
            found = self.groups[group] = FlattenGroup(self)
            found.name, found.info = name, load_info(info)
            found.time, found.points = time, list(load_points(points))


class FlattenGroup(Group):
    """The pending points of one group."""

    __slots__ = ("info", "name", "points", "time")

    info: GroupInfo
    name: str

    def __init__(self, node: FlattenNode) -> None:
        super().__init__(node)
        self.points: list[BatchPoint] = []
        self.time: int | None = None

    def add(self, point: AnyPoint) -> tuple[int, Fields] | None:
        """Add a point; return time and fields of the set that it completes, or None."""
        node: FlattenNode = self.node
        time = round_time(point.time, node.tolerance)
        done = None
        if time != self.time:
            if self.points and self.time is not None:
                done = self.time, node.flatten(self.points)
                self.points = []
            self.time = time
        self.points.append(BatchPoint(point.fields, point.tags, time))
        return done if done and done[1] else None

    def point(self, point: Point) -> None:
        """Add a point; forward the completed set with its time."""
        done = self.add(point)
        if done:
            if self.node.pipeline.is_newer:
                self.time = max(self.time or 0, done[0])  # a late point does not move the time back
            self._forward(*done)

    def flush(self, before: int) -> None:
        """Forward the pending set if it is older than ``before``; Kapacitor does so since 1.6."""
        if self.points and self.time is not None and self.time < before:
            self._forward(self.time, self.node.flatten(self.points))
            self.points = []

    def _forward(self, time: int, fields: Fields) -> None:
        self.node.forward(grouped(self.name, self.info.dimensions, fields, self.info.tags, time))

    def batch(self, batch: Batch) -> None:
        """Forward the flattened batch."""
        self.name, self.time = batch.name, None
        points: list[BatchPoint] = []
        for point in batch.points:
            done = self.add(point)
            if done:
                points.append(BatchPoint(done[1], self.info.tags, done[0]))
        if self.points:
            fields = self.node.flatten(self.points)
            points.append(BatchPoint(fields, self.info.tags, self.points[0].time))
            self.points = []
        self.node.forward(batch.copy(points, size_hint=0))

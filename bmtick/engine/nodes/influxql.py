"""``|count``, ``|mean`` and all other InfluxQL functions. Source: kapacitor ``influxql.go``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from bmtick.engine.arguments import flag, table, value
from bmtick.engine.influxql import METHODS, NEWER, Calculation, Context, Method, ReduceError
from bmtick.engine.influxql.column import Column
from bmtick.engine.messages import (
    BATCH,
    STREAM,
    Batch,
    BatchPoint,
    Fields,
    First,
    GroupInfo,
    Point,
    group_id,
)
from bmtick.engine.node import SAME, DefinitionError, Group, Node, TaskStopped
from bmtick.engine.registry import register
from bmtick.engine.state import dump_info, load_info
from bmtick.errors import BmtickError
from bmtick.tick.types import wrap

_RUNNING = ("sum", "count")
_GIVES = {"stream": STREAM, "batch": BATCH, "same": SAME}


class InfluxQLNode(Node):
    """Calculates over each batch, or over the points of a stream that share a time."""

    method: ClassVar[Method]
    properties = table({"as": value("new_name"), "usePointTimes": flag("point_times")})

    def define(self, *args: Any) -> None:
        """Set field and arguments; ``top`` and ``bottom`` have the field second."""
        self.new_name = self.desc
        self.point_times = False
        if self.method.variadic:
            self.field, self.method_args = args[1], [args[0], *args[2:]]
        else:
            self.field, self.method_args = args[0], list(args[1:])

    def start(self) -> None:
        """Prepare the calculation."""
        self.emits_batches = self.provides == BATCH
        method = self.method
        if self.pipeline.is_newer and method.name in NEWER:
            method = replace(method, build=NEWER[method.name])
        try:
            self.calculation = Calculation(
                method,
                self.method_args,
                field=self.field,
                rename=self.new_name,
                use_point_times=self.point_times,
            )
        except BmtickError as error:
            raise DefinitionError(error.message) from None

    @property
    def slides(self) -> bool:
        """Whether a window's result can be updated from the points that enter and leave it."""
        return self.method.name in _RUNNING and not self.point_times

    def emit_running(self, window: Batch, time: int, total: int, count: int) -> None:
        """Forward the result for a window that is not empty and contains only integers.

        Args:
            window: its name, tags and group are used, its points are not.
            time: the end of the window.
            total: the sum of the values.
            count: the number of values.
        """
        calculation = self.calculation
        if calculation.kind is not int:
            calculation.start(int)  # it caches its last type
        group = self.group_of(window)
        group.time = time
        info = group.info
        fields: Fields = {calculation.name: wrap(total) if self.desc == "sum" else count}
        self.forward(Point(group.name, info.dimensions, fields, info.tags, time, info.id))

    def report_type_error(self, error: ReduceError) -> None:
        """Report a point of a batch whose type does not fit the calculation."""
        self.report("failed to aggregate point in batch", error)

    def new_group(self, first: First) -> _InfluxQLGroup:
        """Start with the first message."""
        return self._group(first.name, first.group_info(), first.time)

    def _group(self, name: str, info: GroupInfo, time: int) -> _InfluxQLGroup:
        if self.method.transforms:
            return TransformGroup(self, name, info, time)
        return ReduceGroup(self, name, info, time)

    def snapshot(self) -> object:
        """Return the calculations by group; a calculation over batches does not span batches."""
        return [
            [
                found.name,
                dump_info(found.info),
                found.time,
                found.context.dump() if found.context and self.receives == STREAM else None,
            ]
            for found in self.groups.values()
        ]

    def restore(self, state: Any) -> None:
        """Restore the calculations."""
        for name, info, time, context in state:
            found = self._group(name, load_info(info), time)
            if context is not None:
                found.context = self.calculation.resume(context)
            self.groups[found.info.id] = found


class _InfluxQLGroup(Group):
    __slots__ = ("context", "info", "name", "time")

    def __init__(self, node: InfluxQLNode, name: str, info: GroupInfo, time: int) -> None:
        super().__init__(node)
        self.name, self.info, self.time = name, info, time
        self.context: Context | None = None

    def begin(self, time: int) -> None:
        """Reset for a new batch."""
        self.time, self.context = time, None

    def add(self, point: Point | BatchPoint, what: str) -> bool:
        """Add a point; return false if there is no calculation for its type."""
        if self.context is None:
            self.context = self.started(point)
            if self.context is None:
                return False
        try:
            self.context.add(point.time, point.tags, point.fields)
        except ReduceError as error:
            self.node.report(f"failed to aggregate {what}", error)
        return True

    def started(self, point: Point | BatchPoint) -> Context | None:
        """Return a calculation for the type of the point's field, or None."""
        node: InfluxQLNode = self.node
        try:
            return node.calculation.start_with(point.fields)
        except ReduceError as error:
            node.report("failed to realize reduce context from fields", error)
            return None

    def emit(self, context: Context) -> None:
        """Forward the result, if there is one."""
        node: InfluxQLNode = self.node
        make = self._batch if node.emits_batches else self._point
        try:
            message = make(context)
        except IndexError:
            # No point fits, and Kapacitor reads the first point of an empty list.
            raise TaskStopped(
                f"{node.name}: no value in a batch; Kapacitor's server crashes here"
            ) from None
        if message is not None:
            node.forward(message)

    def _point(self, context: Context) -> Point | None:
        info = self.info
        result = context.emit_point(info.tags, self.time)
        if result is None:
            return None
        time, tags, fields = result
        group, dimensions = info.id, info.dimensions
        if self.node.method.selector:
            # The tags of a selected point may have changed since it was grouped.
            group = group_id(self.name, tags, dimensions)
        return Point(self.name, dimensions, fields, tags, time, group)

    def _batch(self, context: Context) -> Batch:
        info = self.info
        time, emitted = context.emit_batch(info.tags, self.time)
        points = [BatchPoint(fields, tags, at) for at, tags, fields in emitted]
        return Batch.of(self.name, info.tags, info.dimensions.by_name, time, points)


class ReduceGroup(_InfluxQLGroup):
    """One group of a function that reduces many points to one or a few."""

    __slots__ = ("column",)

    def __init__(self, node: InfluxQLNode, name: str, info: GroupInfo, time: int) -> None:
        super().__init__(node, name, info, time)
        self.column = Column(node.field)

    def batch(self, batch: Batch) -> None:
        """Calculate over a batch; an empty one has a result only for count and sum."""
        node: InfluxQLNode = self.node
        self.time, self.context = batch.time, None
        points = batch.points
        context, first = None, 0
        while context is None and first < len(points):
            context = self.started(points[first])
            first += 1
        if context is not None:
            context.add_all(
                points[first - 1 :] if first > 1 else points, node.report_type_error, self.column
            )
        elif node.method.empty_ok:
            context = node.calculation.start(float)
        else:
            return
        self.emit(context)

    def point(self, point: Point) -> None:
        """Add a point; a point with another time ends the previous calculation."""
        if point.time == self.time:
            self.add(point, "point")
            return
        done = self.context
        if done is not None:
            self.emit(done)
        self.name, self.time, self.context = point.name, point.time, None
        self.add(point, "point")


class TransformGroup(_InfluxQLGroup):
    """One group of a function with a result for each point."""

    __slots__ = ()

    def added(self, point: Point | BatchPoint, what: str) -> Context | None:
        """Add a point; return the calculation, or None if the type has none."""
        return self.context if self.add(point, what) else None

    def batch(self, batch: Batch) -> None:
        """Transform the points of a batch, with fresh state."""
        self.begin(batch.time)
        points: list[BatchPoint] = []
        for point in batch.points:
            context = self.added(point, "batch point")
            if context is not None:
                result = context.emit_point(self.info.tags, self.time)
                if result is not None:
                    time, tags, fields = result
                    points.append(BatchPoint(fields, tags, time))
        self.node.forward(batch.copy(points))

    def point(self, point: Point) -> None:
        """Transform a point."""
        context = self.added(point, "point")
        if context is not None:
            self.emit(context)


def _define(name: str, method: Method) -> None:
    register(
        type(
            f"{name[0].upper()}{name[1:]}Node",
            (InfluxQLNode,),
            {
                "__doc__": f"``|{name}``.",
                "chain": name,
                "desc": name,
                "gives": _GIVES[method.provides],
                "method": method,
            },
        )
    )


for _name, _method in METHODS.items():
    _define(_name, _method)

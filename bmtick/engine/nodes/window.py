"""``|window``: collects a stream into batches, by time or by count.

Source: kapacitor ``window.go``, ``pipeline/window.go``.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from bmtick.engine.arguments import flag, table, value
from bmtick.engine.gotime import truncate
from bmtick.engine.messages import BATCH, STREAM, Barrier, Batch, BatchPoint, First, Point
from bmtick.engine.node import DefinitionError, Group, Node, Out
from bmtick.engine.nodes.influxql import InfluxQLNode
from bmtick.engine.registry import register
from bmtick.engine.state import dump_points, load_points
from bmtick.engine.windowing import TimeBuffer


@register
class WindowNode(Node):
    """Collects points; each group has its own window."""

    chain = "window"
    desc = "window"
    wants = STREAM
    gives = BATCH
    properties = table(
        {
            "period": value("period"),
            "every": value("every"),
            "align": flag("align"),
            "fillPeriod": flag("fill_period"),
            "periodCount": value("period_count"),
            "everyCount": value("every_count"),
        }
    )

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.period = self.every = self.period_count = self.every_count = 0
        self.align = self.fill_period = False
        self.slides_into: InfluxQLNode | None = None

    def validate(self) -> None:
        """Check that either period or count is set."""
        if self.period_count and self.period:
            raise DefinitionError("cannot specify both period and periodCount")
        if self.period_count and self.align:
            raise DefinitionError("can only align windows based off time, not count")
        if self.period_count and self.every_count <= 0:
            raise DefinitionError("everyCount must be greater than zero")
        if not self.period and not self.period_count:
            raise DefinitionError(
                "window node must have either a non zero period or non zero period count"
            )
        if self.period_count < 0:
            raise DefinitionError("periodCount must be greater than zero")

    def connect(self, outs: list[Out]) -> None:
        """Set the outputs; detect whether a sliding window feeds only a running sum."""
        super().connect(outs)
        receiver = outs[0].receiver if len(outs) == 1 else None
        slides = self.period and not self.every and not self.fill_period
        if slides and isinstance(receiver, InfluxQLNode) and receiver.slides:
            self.slides_into = receiver

    def new_group(self, first: First) -> TimeWindow | CountWindow:
        """Start a window with the first point."""
        if self.slides_into is not None:
            return SlidingWindow(self, first)
        return TimeWindow(self, first) if self.period else CountWindow(self, first)

    def barrier(self, barrier: Barrier) -> None:
        """Close a window by time if it is due; only a window by count forwards the barrier."""
        group = self.group_of(barrier)
        if self.period:
            group.barrier(barrier)
        else:
            self.forward_barrier(barrier)

    def snapshot(self) -> object:
        """Return the windows by group."""
        return [[group, window.dump()] for group, window in self.groups.items()]

    def restore(self, state: Any) -> None:
        """Restore the windows."""
        kind = TimeWindow if self.period else CountWindow
        if self.slides_into is not None:
            kind = SlidingWindow
        for group, dumped in state:
            self.groups[group] = kind.load(self, dumped)


class _Window(Group):
    __slots__ = ("pattern",)

    def __init__(self, node: WindowNode, first: First) -> None:
        super().__init__(node)
        info = first.group_info()
        self.pattern = Batch.of(first.name, info.tags, info.dimensions.by_name, 0, [])

    def emit(self, end: int, points: list[BatchPoint]) -> None:
        """Forward a batch of the window's group."""
        batch = self.pattern.copy(points, size_hint=len(points))
        batch.time = end
        self.node.forward(batch)

    def _dump(self) -> dict[str, Any]:
        pattern = self.pattern
        return {
            "name": pattern.name,
            "tags": pattern.tags,
            "by_name": pattern.dimensions.by_name,
        }

    @staticmethod
    def _pattern(state: dict[str, Any]) -> Batch:
        return Batch.of(state["name"], state["tags"], state["by_name"], 0, [])


class TimeWindow(_Window):
    """A window by time, emitted each ``every``; with every = 0, at each point."""

    __slots__ = ("buffer", "next_emit")

    def __init__(self, node: WindowNode, first: First) -> None:
        super().__init__(node, first)
        self.buffer = TimeBuffer()
        if node.fill_period:
            full = first.time + node.period
            self.next_emit = truncate(full, node.every) if node.align else full
            if node.align and self.next_emit <= full:
                self.next_emit += node.every
        else:
            self.next_emit = first.time + node.every
            if node.align:
                self.next_emit = truncate(self.next_emit, node.every)

    def point(self, point: Point) -> None:
        """Insert a point; emit the window that it closes."""
        node: WindowNode = self.node
        entry = BatchPoint(point.fields, point.tags, point.time)
        if node.every:
            if point.time >= self.next_emit:
                self._emit_aligned(point.time)
            self.buffer.insert(entry)
        else:
            self.buffer.insert(entry)
            self._emit_each(point.time)

    def barrier(self, barrier: Barrier) -> None:
        """Emit the window that the barrier closes."""
        if not self.node.every:
            self._emit_each(barrier.time)
        elif barrier.time >= self.next_emit:
            self._emit_aligned(barrier.time)

    def _emit_aligned(self, now: int) -> None:
        # [oldest, now): more points may come with the time of the last one.
        node: WindowNode = self.node
        end = self.next_emit
        self.buffer.purge(end - node.period)
        self.next_emit = now + node.every
        if node.align:
            self.next_emit = truncate(self.next_emit, node.every)
        self._forward(end)

    def _emit_each(self, now: int) -> None:
        # (oldest, now]: the newest point belongs to the window that it closes.
        if now >= self.next_emit:
            self.buffer.purge(now - self.node.period + 1)
            self.next_emit = now
            self._forward(now)

    def _forward(self, end: int) -> None:
        self.emit(end, self.buffer.points())

    def dump(self) -> dict[str, Any]:
        """Return the window as JSON-able data."""
        return {
            **self._dump(),
            "next_emit": self.next_emit,
            "ring": self.buffer.dump(),
        }

    @classmethod
    def load(cls, node: WindowNode, state: dict[str, Any]) -> TimeWindow:
        """Restore what ``dump`` returned."""
        new = cls.__new__(cls)
        new.node = node
        new.pattern = cls._pattern(state)
        new.next_emit = state["next_emit"]
        new.buffer = TimeBuffer.load(state["ring"])
        return new


class SlidingWindow(TimeWindow):
    """A window emitted at each point, of which only a sum or count is used.

    While points arrive in order and the field is an integer, the sum is updated from the points
    that enter and leave, and no batch is created. Afterwards, batches are created.
    """

    __slots__ = ("field", "inside", "total")

    field: str
    inside: deque[tuple[int, int]] | None  # time and value of each point; None: out of order
    total: int

    def __init__(self, node: WindowNode, first: First) -> None:
        super().__init__(node, first)
        assert node.slides_into is not None  # noqa: S101 -- for mypy
        self.field = node.slides_into.field
        self.inside, self.total = deque(), 0

    def point(self, point: Point) -> None:
        """Insert a point and emit."""
        inside = self.inside
        if inside is not None:
            value = point.fields.get(self.field)
            if type(value) is int and point.time >= self.next_emit:
                inside.append((point.time, value))
                self.total += value
            else:
                self.inside = None
        super().point(point)

    def _forward(self, end: int) -> None:
        inside = self.inside
        if not inside:
            super()._forward(end)
            return
        node: WindowNode = self.node
        oldest = end - node.period + 1
        while inside and inside[0][0] < oldest:
            self.total -= inside.popleft()[1]
        if inside and node.slides_into is not None:
            node.slides_into.emit_running(self.pattern, end, self.total, len(inside))
        else:
            super()._forward(end)

    @classmethod
    def load(cls, node: WindowNode, state: dict[str, Any]) -> SlidingWindow:
        """Restore what ``dump`` returned."""
        new = super().load(node, state)
        assert isinstance(new, SlidingWindow)  # noqa: S101 -- for mypy
        assert node.slides_into is not None  # noqa: S101 -- for mypy
        new.field = node.slides_into.field
        inside = [(point.time, point.fields.get(new.field)) for point in new.buffer.points()]
        times = [time for time, _ in inside]
        values = [value for _, value in inside if type(value) is int]
        plain = len(values) == len(inside) and times == sorted(times)
        if plain and (not times or times[-1] <= new.next_emit):
            new.inside, new.total = deque(zip(times, values, strict=True)), sum(values)
        else:
            new.inside, new.total = None, 0
        return new


class CountWindow(_Window):
    """A window of the last ``periodCount`` points, emitted each ``everyCount``."""

    __slots__ = ("count", "next_emit", "points")

    def __init__(self, node: WindowNode, first: First) -> None:
        super().__init__(node, first)
        self.points: list[BatchPoint] = []
        self.count = 0
        self.next_emit = node.period_count if node.fill_period else node.every_count

    def point(self, point: Point) -> None:
        """Insert a point; emit if the window is due."""
        node: WindowNode = self.node
        points = self.points
        points.append(BatchPoint(point.fields, point.tags, point.time))
        if len(points) > node.period_count:
            del points[0]
        self.count += 1
        if self.count == self.next_emit:
            self.next_emit += node.every_count
            self.emit(points[-1].time, list(points))

    def dump(self) -> dict[str, Any]:
        """Return the window as JSON-able data."""
        return {
            **self._dump(),
            "next_emit": self.next_emit,
            "count": self.count,
            "points": dump_points(self.points),
        }

    @classmethod
    def load(cls, node: WindowNode, state: dict[str, Any]) -> CountWindow:
        """Restore what ``dump`` returned."""
        new = cls.__new__(cls)
        new.node = node
        new.pattern = cls._pattern(state)
        new.next_emit, new.count = state["next_emit"], state["count"]
        new.points = list(load_points(state["points"]))
        return new

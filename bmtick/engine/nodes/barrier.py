"""``|barrier``: sends barriers as time passes. Source: kapacitor ``barrier.go``.

Kapacitor's timers run on the wall clock; here they run on the task's clock.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import table, value
from bmtick.engine.messages import AnyPoint, Barrier, Batch, First, GroupInfo, Point
from bmtick.engine.node import DefinitionError, Group, Node
from bmtick.engine.registry import register
from bmtick.engine.state import dump_info, load_info


@register
class BarrierNode(Node):
    """Emits a barrier when a group is idle, or at intervals; drops points that arrive later."""

    chain = "barrier"
    desc = "barrier"
    properties = table(
        {
            "idle": value("idle"),
            "period": value("period"),
            "delete": value("delete"),
        }
    )

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.idle = self.period = 0
        self.delete = False

    def validate(self) -> None:
        """Check that either idle or period is set."""
        if self.idle and self.period:
            raise DefinitionError("cannot specify both idle and period")
        if not self.period and self.idle <= 0:
            raise DefinitionError("idle must be greater than zero")
        if not self.idle and self.period <= 0:
            raise DefinitionError("period must be greater than zero")

    def new_group(self, first: First) -> BarrierGroup:
        """Start the timer of a new group."""
        now = self.pipeline.now
        group = BarrierGroup(self, first.group_info(), first.time if now is None else now)
        group.set_timer()
        return group

    def barrier(self, barrier: Barrier) -> None:
        """Forward a barrier of the parent, unless it is late."""
        if self.group_of(barrier).accepts_barrier(barrier.time):
            self.forward_barrier(barrier)

    def snapshot(self) -> object:
        """Return the groups with their timers."""
        due = self.pipeline.due()
        return [
            [dump_info(found.info), found.last, found.seen, found.barrier_time, due.get(found)]
            for found in self.groups.values()
        ]

    def restore(self, state: Any) -> None:
        """Restore the groups and their timers."""
        for info, last, seen, barrier_time, due in state:
            found = BarrierGroup(self, load_info(info), seen)
            found.last, found.barrier_time = last, barrier_time
            found.set_timer(due)
            self.groups[found.info.id] = found

    def delete_group(self, group: str) -> None:
        """Stop the group's timer."""
        found = self.groups.pop(group, None)
        if found is not None:
            found.stopped = True
            self.forward_delete(group)


class BarrierGroup(Group):
    """One group: the time of its last point and of its last barrier."""

    __slots__ = ("barrier_time", "info", "last", "seen", "stopped")

    def __init__(self, node: BarrierNode, info: GroupInfo, now: int) -> None:
        super().__init__(node)
        self.info = info
        self.last = now  # start of the idle time
        self.seen = now  # the task's clock at the last point
        self.barrier_time: int | None = None
        self.stopped = False

    def set_timer(self, due: int | None = None) -> None:
        """Start the node's timer; ``due`` is its time after a restart."""
        node: BarrierNode = self.node
        if due is None:
            due = self.seen + (node.idle or node.period)
        node.pipeline.at(due, self._idle if node.idle else self._tick)

    def accepts(self, point: AnyPoint) -> bool:
        """Return whether a point is on time, and restart an idle timer."""
        if self.barrier_time is not None and point.time < self.barrier_time:
            return False
        self.last = point.time
        self.seen = self.node.pipeline.now or point.time
        return True

    def accepts_barrier(self, time: int) -> bool:
        """Return the same for a barrier of the parent."""
        if self.barrier_time is not None and time < self.barrier_time:
            return False
        if self.node.idle:
            self.last = self.barrier_time = time
            self.seen = self.node.pipeline.now or time
        return True

    def _idle(self, now: int) -> None:
        node: BarrierNode = self.node
        if self.stopped:
            return
        due = self.seen + node.idle
        if due > now:
            node.pipeline.at(due, self._idle)
            return
        self.seen = now
        self.last += node.idle
        node.pipeline.at(now + node.idle, self._idle)
        self._emit(self.last)

    def _tick(self, now: int) -> None:
        if not self.stopped:
            self.node.pipeline.at(now + self.node.period, self._tick)
            self._emit(now)

    def _emit(self, time: int) -> None:
        self.barrier_time = time
        self.node.forward_barrier(Barrier(self.info, time))
        if self.node.delete:
            self.node.delete_group(self.info.id)

    def point(self, point: Point) -> None:
        """Forward a point if it is on time."""
        if self.accepts(point):
            self.node.forward(point)

    def batch(self, batch: Batch) -> None:
        """Forward the points of a batch that are on time."""
        self.node.forward(batch.copy([p for p in batch.points if self.accepts(p)]))

"""``|stats``: counts the points that a node emits, at intervals.

Source: kapacitor ``stats.go``, ``edge/stats.go``. It uses the task's clock, which ``Task.advance``
moves.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import flag, table
from bmtick.engine.gotime import round_time, truncate
from bmtick.engine.messages import (
    NO_DIMENSIONS,
    STREAM,
    Barrier,
    Batch,
    GroupInfo,
    Point,
    grouped,
)
from bmtick.engine.node import DefinitionError, Node, StatelessNode
from bmtick.engine.registry import kinds, register
from bmtick.engine.state import dump_info, load_info


@register
class StatsNode(StatelessNode):
    """A source: emits the count ``emitted`` of each group of its watched node."""

    chain = "stats"
    desc = "stats"
    wants = STREAM
    gives = STREAM
    properties = table({"align": flag("align")})

    def define(self, interval: int) -> None:
        """Set the interval."""
        self.interval = interval
        self.align = False
        self.watched: Node
        self.counter = Counter()
        self.waits_since: int | None = None

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Allow it after every node."""
        del parent
        return True

    @classmethod
    def create(cls, parent: Node, args: list[Any]) -> Node:
        """Create a source that watches parent; add a child to a parent without children."""
        node = cls(STREAM, args)
        node.watched = parent
        parent.pipeline.add_source(node)
        if not parent.children:
            parent.link(kinds()["noOp"](parent.provides, []))
        parent.counters.append(node.counter)
        return node

    def validate(self) -> None:
        """Check the interval."""
        if self.interval <= 0:
            raise DefinitionError("stats node must have positive interval")

    def begin(self, now: int) -> None:
        """Set the first timer; if aligned, Kapacitor waits for a multiple of the interval."""
        if self.align:
            first = truncate(now, self.interval) + self.interval
            # The first aligned point has the time at which the wait began.
            self.waits_since = now
            self.pipeline.at(first, self._tick)
        else:
            self.pipeline.at(now + self.interval, self._tick)

    def _tick(self, now: int) -> None:
        began, self.waits_since = self.waits_since, None
        self.pipeline.at(now + self.interval, self._tick)
        self._emit(now if began is None else began)

    def _emit(self, now: int) -> None:
        time = round_time(now, self.interval) if self.align else now
        counts = list(self.counter.groups.values())
        for info, count in counts or [[GroupInfo("", {}, NO_DIMENSIONS), 0]]:
            self.forward(grouped("stats", info.dimensions, {"emitted": count}, info.tags, time))

    def snapshot(self) -> object:
        """Return the counts by group, and the timer."""
        return {
            "counts": [[dump_info(info), count] for info, count in self.counter.groups.values()],
            "waits_since": self.waits_since,
            "due": self.pipeline.due().get(self),
        }

    def restore(self, state: Any) -> None:
        """Restore the counts and the timer."""
        for info, count in state["counts"]:
            known = load_info(info)
            self.counter.groups[known.id] = [known, count]
        self.waits_since = state["waits_since"]
        if state["due"] is not None:
            self.pipeline.at(state["due"], self._tick)


class Counter:
    """Counts the points on the edges out of a node, by group."""

    def __init__(self) -> None:
        self.groups: dict[str, list[Any]] = {}

    def point(self, point: Point) -> None:
        """Count a point."""
        found = self.groups.get(point.group)
        if found is None:
            self.groups[point.group] = [point.group_info(), 1]
        else:
            found[1] += 1

    def batch(self, batch: Batch) -> None:
        """Count the points of a batch."""
        found = self.groups.setdefault(batch.group, [batch.group_info(), 0])
        found[1] += len(batch.points)

    def barrier(self, barrier: Barrier) -> None:
        """Ignore barriers."""

    def delete_group(self, group: str) -> None:
        """Drop a group's count."""
        self.groups.pop(group, None)

"""``|union``: merges several streams in order of time. Source: kapacitor ``union.go``."""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import table, value
from bmtick.engine.messages import Barrier, Batch, Point
from bmtick.engine.node import Node
from bmtick.engine.registry import register
from bmtick.engine.state import dump_message, load_message


@register
class UnionNode(Node):
    """Buffers messages until every parent has reached their time."""

    chain = "union"
    desc = "union"
    properties = table({"rename": value("rename")})

    def define(self, *others: Node) -> None:
        """Do nothing: ``create`` links the other parents."""
        self.others = others
        self.rename = ""
        self.sources: list[list[Any]] = []
        self.low_marks: list[int | None] = []

    @classmethod
    def create(cls, parent: Node, args: list[Any]) -> Node:
        """Link the other nodes first, then the parent, as Kapacitor does."""
        node = cls(parent.provides, args)
        for other in [*args, parent]:
            other.link(node)
        return node

    def start(self) -> None:
        """Create a queue for each parent."""
        self.sources = [[] for _ in self.parents]
        self.low_marks = [None for _ in self.parents]

    def snapshot(self) -> object:
        """Return the pending messages of each parent."""
        waiting = [[dump_message(message) for message in source] for source in self.sources]
        return [waiting, self.low_marks]

    def restore(self, state: Any) -> None:
        """Restore the pending messages."""
        waiting, self.low_marks = state
        self.sources = [[load_message(message) for message in source] for source in waiting]

    def entry(self, source: int) -> UnionEntry:
        """Return the receiver of one parent."""
        return UnionEntry(self, source)

    def take(self, source: int, message: Any) -> None:
        """Queue a message and forward those that are due."""
        self.sources[source].append(message)
        self.release(drain=False)

    def finish(self) -> None:
        """Forward all pending messages."""
        self.release(drain=True)

    def release(self, *, drain: bool) -> None:
        """Forward, in the order of parents, all messages up to the lowest mark."""
        emitted = True
        while emitted:
            emitted = False
            mark, valid = self._mark(drain=drain)
            if mark is None or (not drain and valid != len(self.sources)):
                return
            for source, waiting in enumerate(self.sources):
                ripe = 0
                while ripe < len(waiting) and waiting[ripe].time <= mark:
                    ripe += 1
                if ripe:
                    self.sources[source] = waiting[ripe:]
                    emitted = True
                    for message in waiting[:ripe]:
                        self._pass(message)

    def _mark(self, *, drain: bool) -> tuple[int | None, int]:
        mark: int | None = None
        valid = 0
        for source, waiting in enumerate(self.sources):
            if waiting:
                time = waiting[0].time
                self.low_marks[source] = time
                mark = time if mark is None else min(mark, time)
            low = self.low_marks[source]
            if low is not None:
                valid += 1
                if not drain and (mark is None or low < mark):
                    mark = low
        return mark, valid

    def _pass(self, message: Any) -> None:
        if isinstance(message, Barrier):
            self.forward_barrier(message)
        else:
            self.forward(message)


class UnionEntry:
    """Receives from one parent."""

    def __init__(self, node: UnionNode, source: int) -> None:
        self.node, self.source = node, source

    def point(self, point: Point) -> None:
        """Queue a point with its new name."""
        if self.node.rename:
            point = point.copy()
            point.name = self.node.rename
            point.regroup()
        self.node.take(self.source, point)

    def batch(self, batch: Batch) -> None:
        """Queue a batch with its new name."""
        if self.node.rename:
            batch = batch.copy()
            batch.name = self.node.rename
            batch.regroup()
        self.node.take(self.source, batch)

    def barrier(self, barrier: Barrier) -> None:
        """Queue a barrier."""
        self.node.take(self.source, barrier)

    def delete_group(self, group: str) -> None:
        """Queue a deleted group; nodes with several parents do so since Kapacitor 1.6."""
        if self.node.pipeline.is_newer:
            self.node.forward_delete(group)

"""``|join``: points of several parents with one time become one. Source: kapacitor ``join.go``."""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import table, value, values
from bmtick.engine.joining import JoinGroup, JoinSet
from bmtick.engine.matching import Matcher
from bmtick.engine.messages import STREAM, Barrier, Batch, Point
from bmtick.engine.node import DefinitionError, Node
from bmtick.engine.nodes.combine import check_prefixes
from bmtick.engine.registry import register


@register
class JoinNode(Node):
    """Joins by group, or by the tags of ``on``, with a tolerance in time."""

    chain = "join"
    desc = "join"
    properties = table(
        {
            "as": values("names"),
            "on": values("dimensions"),
            "delimiter": value("delimiter"),
            "streamName": value("stream_name"),
            "tolerance": value("tolerance"),
            "fill": value("fill", "fill"),
            "deleteAll": value("delete_all"),
        }
    )

    def define(self, *others: Node) -> None:
        """Set Kapacitor's defaults; ``create`` links the other parents."""
        self.others = others
        self.names: list[str] = []
        self.dimensions: list[str] = []
        self.delimiter = "."
        self.stream_name = ""
        self.tolerance = 0
        self.fill: Any = None
        self.delete_all = False

    @classmethod
    def create(cls, parent: Node, args: list[Any]) -> Node:
        """Link the parent first, then the other nodes."""
        node = cls(parent.provides, args)
        for other in [parent, *args]:
            other.link(node)
        return node

    def validate(self) -> None:
        """Each parent has a name of its own; fill is known."""
        check_prefixes("join", self.names, len(self.parents), "joined streams", self.delimiter)
        if isinstance(self.fill, str) and self.fill not in ("null", "none"):
            raise DefinitionError(f"unexpected fill option {self.fill}")

    def start(self) -> None:
        """Decide what fills a gap."""
        number = type(self.fill) in (int, float)
        self.outer = number or self.fill == "null"
        self.fill_value = self.fill if number else None
        self.joins: dict[str, JoinGroup] = {}
        self.matcher = Matcher(self) if self.dimensions else None

    def join_group(self, group: str) -> JoinGroup:
        """Return the sets of a group."""
        found = self.joins.get(group)
        if found is None:
            found = self.joins[group] = JoinGroup(self, len(self.parents))
        return found

    def entry(self, source: int) -> JoinEntry:
        """Return the receiver of one parent."""
        return JoinEntry(self, source)

    def take(self, source: int, message: Point | Batch) -> None:
        """Put a message into the sets of its group."""
        if self.matcher is not None:
            self.matcher.match(source, message)
        else:
            self.join_group(message.group).collect(source, message)

    def emit(self, joined: JoinSet) -> None:
        """Pass a set on as one message, if it makes one."""
        if self.receives == STREAM:
            message: Any = joined.as_point()
        else:
            message = joined.as_batch()
        if message is not None:
            self.forward(message)

    def snapshot(self) -> object:
        """The waiting sets, and with ``on`` the messages that wait for others."""
        return {
            "joins": [[group, found.dump()] for group, found in self.joins.items()],
            "matcher": self.matcher.dump() if self.matcher else None,
        }

    def restore(self, state: Any) -> None:
        """Take back what waits."""
        for group, dumped in state["joins"]:
            self.join_group(group).load(dumped)
        if self.matcher is not None and state["matcher"] is not None:
            self.matcher.load(state["matcher"])

    def finish(self) -> None:
        """Emit all that is left."""
        for group in self.joins.values():
            group.emit_all()


class JoinEntry:
    """Receives from one parent."""

    def __init__(self, node: JoinNode, source: int) -> None:
        self.node, self.source = node, source

    def point(self, point: Point) -> None:
        """Take a point."""
        self.node.take(self.source, point)

    def batch(self, batch: Batch) -> None:
        """Take a batch."""
        self.node.take(self.source, batch)

    def barrier(self, barrier: Barrier) -> None:
        """Nothing older will come from this parent."""
        self.node.join_group(barrier.group).barrier(self.source, barrier.time)
        self.node.forward_barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Nodes with several parents hear of ended groups since Kapacitor 1.6."""
        if self.node.pipeline.is_newer:
            self.node.joins.pop(group, None)
            if self.node.matcher is not None:
                self.node.matcher.forget(self.source, group, every_source=self.node.delete_all)
            self.node.forward_delete(group)

"""``stream``: the source of all points of a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from bmtick.engine.messages import NO_DIMENSIONS, STREAM, Point
from bmtick.engine.node import Node, StatelessNode
from bmtick.points import Point as Written

Receiver: TypeAlias = Callable[[Written, str, str], None]


class StreamNode(StatelessNode):
    """Forwards all points of the task."""

    desc = "stream"
    chains = False

    def __init__(self) -> None:
        super().__init__(STREAM, [])
        self.feed: Receiver = self._feed

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Refuse it: no node precedes the stream."""
        del parent
        return False

    def start(self) -> None:
        """Bind the output; ``from`` receives raw points and creates its own."""
        self.point = self.forward  # type: ignore[assignment,method-assign]
        receivers: list[Receiver] = [getattr(out.receiver, "take", None) for out in self.outs]  # type: ignore[misc]
        if self.counters or None in receivers:
            return
        if len(receivers) == 1:
            self.feed = receivers[0]
        else:
            self.feed = _fan_out(receivers)

    def _feed(self, point: Written, database: str, policy: str) -> None:
        """Forward a point from a database and retention policy."""
        self.forward(
            Point(
                point.name,
                NO_DIMENSIONS,
                point.fields,  # type: ignore[arg-type]
                point.tags,
                point.time,
                "",
                database,
                policy,
            )
        )


def _fan_out(receivers: list[Receiver]) -> Receiver:
    def feed(point: Written, database: str, policy: str) -> None:
        for receiver in receivers:
            receiver(point, database, policy)

    return feed

"""``stream``: the source of all points of a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from bmtick.engine.messages import NO_DIMENSIONS, STREAM, Point
from bmtick.engine.node import Node, StatelessNode
from bmtick.points import Point as Written

Taker: TypeAlias = Callable[[Written, str, str], None]


class StreamNode(StatelessNode):
    """Forwards all points of the task."""

    desc = "stream"
    chains = False

    def __init__(self) -> None:
        super().__init__(STREAM, [])
        self.feed: Taker = self._feed

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Refuse it: no node precedes the stream."""
        del parent
        return False

    def start(self) -> None:
        """Bind the output; ``from`` receives raw points and creates its own."""
        self.point = self.forward  # type: ignore[assignment,method-assign]
        takers: list[Taker] = [getattr(out.receiver, "take", None) for out in self.outs]  # type: ignore[misc]
        if self.counters or None in takers:
            return
        if len(takers) == 1:
            self.feed = takers[0]
        else:
            self.feed = _fan(takers)

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


def _fan(takers: list[Taker]) -> Taker:
    def feed(point: Written, database: str, policy: str) -> None:
        for taker in takers:
            taker(point, database, policy)

    return feed

"""``|httpOut``: stores the last message of each group for HTTP. Source: ``http_out.go``."""

from __future__ import annotations

from typing import Any

from bmtick.engine.messages import Barrier, Batch, Point
from bmtick.engine.node import DefinitionError, Node
from bmtick.engine.registry import register
from bmtick.engine.rows import to_row
from bmtick.engine.state import dump_message, load_message


@register
class HTTPOutNode(Node):
    """Forwards everything; groups are served in the order of their first message."""

    chain = "httpOut"
    desc = "http_out"

    def define(self, endpoint: str) -> None:
        """Set the endpoint's name."""
        self.endpoint = endpoint
        self.latest: dict[str, Point | Batch | None] = {}
        self._deleted = False

    def validate(self) -> None:
        """Check that no other node serves the endpoint."""
        others = self.pipeline.outputs.setdefault(self.endpoint, self)
        if others is not self:
            raise DefinitionError(f"the endpoint '{self.endpoint}' is already in use")

    def point(self, point: Point) -> None:
        """Store and forward a point."""
        self.latest[point.group] = point
        self.forward(point)

    def batch(self, batch: Batch) -> None:
        """Store and forward a batch."""
        self.latest[batch.group] = batch
        self.forward(batch.copy(size_hint=len(batch.points)))

    def barrier(self, barrier: Barrier) -> None:
        """Add the barrier's group."""
        self.latest.setdefault(barrier.group)
        self.forward_barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Remove the group."""
        if group in self.latest:
            del self.latest[group]
            self._deleted = True
            self.forward_delete(group)

    def snapshot(self) -> object:
        """Return the last messages."""
        return [[group, dump_message(message)] for group, message in self.latest.items()]

    def restore(self, state: Any) -> None:
        """Restore the last messages."""
        self.latest = {group: load_message(message) for group, message in state}

    def content(self) -> dict[str, Any]:
        """Return the content that Kapacitor would serve, as data."""
        rows = [to_row(m) if m is not None else None for m in self.latest.values()]
        # A list that was never filled is null in Go; one that was emptied is not.
        return {"series": rows if rows or self._deleted else None}

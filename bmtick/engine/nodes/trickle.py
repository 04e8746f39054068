"""``|trickle``: turns batches into a stream, since Kapacitor 1.6. Source: ``trickle.go`` (1.6.5)."""

from __future__ import annotations

from bmtick.engine.messages import BATCH, STREAM, Batch, Point
from bmtick.engine.node import StatelessNode
from bmtick.engine.registry import register


@register
class TrickleNode(StatelessNode):
    """Forwards each point of a batch as a stream point in the batch's group."""

    chain = "trickle"
    desc = "trickle"
    wants = BATCH
    gives = STREAM

    def batch(self, batch: Batch) -> None:
        """Forward the points."""
        for point in batch.points:
            made = Point(
                batch.name, batch.dimensions, point.fields, point.tags, point.time, batch.group
            )
            made.regroup()
            self.forward(made)

"""The node without effect; ``|stats`` puts it below a node without children.

Source: kapacitor ``noop.go``.
"""

from __future__ import annotations

from bmtick.engine.messages import Batch, Point
from bmtick.engine.node import Node, StatelessNode
from bmtick.engine.registry import register


@register
class NoOpNode(StatelessNode):
    """Forwards everything."""

    chain = "noOp"
    desc = "noop"

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Refuse it: scripts cannot use it in Kapacitor 1.5."""
        del parent
        return False

    def point(self, point: Point) -> None:
        """Forward a point."""
        self.forward(point)

    def batch(self, batch: Batch) -> None:
        """Forward a batch."""
        self.forward(batch)

"""The node that does nothing; ``|stats`` puts it below a node without children.

Source: kapacitor ``noop.go``.
"""

from __future__ import annotations

from bmtick.engine.messages import Batch, Point
from bmtick.engine.node import Node, StatelessNode
from bmtick.engine.registry import register


@register
class NoOpNode(StatelessNode):
    """Passes everything on."""

    chain = "noOp"
    desc = "noop"

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Scripts cannot write it in Kapacitor 1.5."""
        del parent
        return False

    def point(self, point: Point) -> None:
        """Pass."""
        self.forward(point)

    def batch(self, batch: Batch) -> None:
        """Pass."""
        self.forward(batch)

"""``|log``: Kapacitor logs the data; here it is only forwarded. Source: ``log.go``."""

from __future__ import annotations

from bmtick.engine.arguments import table, value
from bmtick.engine.messages import Batch, Point
from bmtick.engine.node import StatelessNode
from bmtick.engine.registry import register


@register
class LogNode(StatelessNode):
    """Forwards everything."""

    chain = "log"
    desc = "log"
    properties = table({"level": value("level"), "prefix": value("prefix")})

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.level, self.prefix = "INFO", ""

    def point(self, point: Point) -> None:
        """Forward a point."""
        self.forward(point)

    def batch(self, batch: Batch) -> None:
        """Forward a batch."""
        self.forward(batch.copy(size_hint=len(batch.points)))

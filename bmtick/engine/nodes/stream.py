"""``stream``: the source of all points of a task."""

from __future__ import annotations

from bmtick.engine.messages import STREAM
from bmtick.engine.node import Node, StatelessNode


class StreamNode(StatelessNode):
    """Passes all points of the task on."""

    desc = "stream"
    chains = False

    def __init__(self) -> None:
        super().__init__(STREAM, [])

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Nothing comes before it."""
        del parent
        return False

    def start(self) -> None:
        """Bind the way out."""
        self.point = self.forward  # type: ignore[assignment,method-assign]

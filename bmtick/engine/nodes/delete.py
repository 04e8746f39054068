"""``|delete``: removes fields and tags. Source: kapacitor ``delete.go``."""

from __future__ import annotations

from bmtick.engine.arguments import appended, table
from bmtick.engine.messages import Batch, BatchPoint, Dimensions, Fields, Point, Tags
from bmtick.engine.node import StatelessNode
from bmtick.engine.registry import register


@register
class DeleteNode(StatelessNode):
    """Removes fields and tags; a removed grouping tag also leaves the group's dimensions."""

    chain = "delete"
    desc = "delete"
    properties = table({"field": appended("fields"), "tag": appended("tags")})

    def define(self) -> None:
        """Start with nothing to delete."""
        self.fields: list[str] = []
        self.tags: list[str] = []

    def _fields(self, fields: Fields) -> Fields:
        return {k: v for k, v in fields.items() if k not in self.fields}

    def _tags(self, tags: Tags) -> Tags:
        if not any(tag in tags for tag in self.tags):
            return tags
        return {k: v for k, v in tags.items() if k not in self.tags}

    def point(self, point: Point) -> None:
        """Forward the rest of the point."""
        new = point.copy()
        new.fields, new.tags = self._fields(point.fields), self._tags(point.tags)
        by_name, names = point.dimensions
        new.dimensions = Dimensions(by_name, tuple(n for n in names if n not in self.tags))
        new.regroup()
        self.forward(new)

    def batch(self, batch: Batch) -> None:
        """Forward the rest of the batch."""
        new = batch.copy(
            [BatchPoint(self._fields(p.fields), self._tags(p.tags), p.time) for p in batch.points]
        )
        new.set_tags(self._tags(batch.tags))
        self.forward(new)

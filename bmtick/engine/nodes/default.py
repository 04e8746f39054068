"""``|default``: sets missing fields and tags. Source: kapacitor ``default.go``."""

from __future__ import annotations

from bmtick.engine.arguments import entry, table, type_of
from bmtick.engine.messages import Batch, BatchPoint, Fields, Point, Tags
from bmtick.engine.node import DefinitionError, StatelessNode
from bmtick.engine.registry import register


@register
class DefaultNode(StatelessNode):
    """Sets missing fields, and missing or empty tags."""

    chain = "default"
    desc = "default"
    properties = table({"field": entry("fields"), "tag": entry("tags")})

    def define(self) -> None:
        """Start without defaults."""
        self.fields: Fields = {}
        self.tags: Tags = {}

    def validate(self) -> None:
        """Check the types of the values."""
        for name, value in self.fields.items():
            kind = type_of(value)
            if kind not in ("float", "int", "bool", "string"):
                raise DefinitionError(
                    f"unsupported type {kind} for field '{name}', "
                    "field default values must be float, int, string or bool"
                )

    def _with_fields(self, fields: Fields) -> Fields:
        missing = {k: v for k, v in self.fields.items() if fields.get(k) is None}
        return {**fields, **missing} if missing else fields

    def _with_tags(self, tags: Tags) -> Tags:
        missing = {k: v for k, v in self.tags.items() if not tags.get(k)}
        return {**tags, **missing} if missing else tags

    def point(self, point: Point) -> None:
        """Forward the point with defaults; a new grouping tag changes its group."""
        new = point.copy()
        new.fields = self._with_fields(point.fields)
        tags = self._with_tags(point.tags)
        if tags is not point.tags:
            new.tags = tags
            new.regroup()
        self.forward(new)

    def batch(self, batch: Batch) -> None:
        """Forward the batch with defaults; its tags become its dimensions."""
        new = batch.copy(
            [
                BatchPoint(self._with_fields(p.fields), self._with_tags(p.tags), p.time)
                for p in batch.points
            ]
        )
        new.set_tags(self._with_tags(batch.tags))
        self.forward(new)

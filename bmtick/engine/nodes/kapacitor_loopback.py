"""``|kapacitorLoopback``: writes points back into Kapacitor. Source: ``kapacitor_loopback.go``."""

from __future__ import annotations

from bmtick.engine.arguments import entry, table, value
from bmtick.engine.events import Written
from bmtick.engine.messages import NO_EDGE, Batch, Fields, Point, Tags
from bmtick.engine.node import DefinitionError, StatelessNode
from bmtick.engine.registry import register
from bmtick.points import Point as WrittenPoint


@register
class KapacitorLoopbackNode(StatelessNode):
    """Collects points for other tasks."""

    chain = "kapacitorLoopback"
    desc = "kapacitor_loopback"
    gives = NO_EDGE
    chains = False
    properties = table(
        {
            "database": value("database"),
            "retentionPolicy": value("retention_policy"),
            "measurement": value("measurement"),
            "tag": entry("tags"),
        }
    )

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.database = self.retention_policy = self.measurement = ""
        self.tags: dict[str, str] = {}

    def validate(self) -> None:
        """Check that the target is given and is not an input of the task itself."""
        if not self.database:
            raise DefinitionError("must specify a database")
        if not self.retention_policy:
            raise DefinitionError("must specify a retention policy")
        if (self.database, self.retention_policy) in self.pipeline.dbrps:
            raise DefinitionError(
                f'loop detected on dbrp: "{self.database}"."{self.retention_policy}"'
            )

    def point(self, point: Point) -> None:
        """Write a point."""
        self._write(self.measurement or point.name, point.tags, point.fields, point.time)

    def batch(self, batch: Batch) -> None:
        """Write the points of a batch; as in Kapacitor, they keep their name."""
        for point in batch.points:
            self._write(batch.name, point.tags, point.fields, point.time)

    def _write(self, name: str, tags: Tags, fields: Fields, time: int) -> None:
        self.pipeline.events.looped.append(
            Written(
                self.database,
                self.retention_policy,
                WrittenPoint(name, {**tags, **self.tags}, dict(fields), time),  # type: ignore[arg-type]
            )
        )

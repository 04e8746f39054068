"""``|influxDBOut``: writes points to a database. Source: kapacitor ``influxdb_out.go``."""

from __future__ import annotations

from bmtick.engine.arguments import entry, flag, table, value
from bmtick.engine.events import Written
from bmtick.engine.lambdas import MISSING
from bmtick.engine.messages import NO_EDGE, Batch, Fields, Point, Tags
from bmtick.engine.node import StatelessNode
from bmtick.engine.registry import register
from bmtick.points import Point as WrittenPoint


@register
class InfluxDBOutNode(StatelessNode):
    """Collects written points; the caller of the task decides where they go."""

    chain = "influxDBOut"
    desc = "influxdb_out"
    gives = NO_EDGE
    chains = False
    properties = table(
        {
            "cluster": value("cluster"),
            "database": value("database"),
            "retentionPolicy": value("retention_policy"),
            "measurement": value("measurement"),
            "writeConsistency": value("write_consistency"),
            "precision": value("precision"),
            "buffer": value("buffer"),
            "flushInterval": value("flush_interval"),
            "tag": entry("tags"),
            "create": flag("is_create"),
        }
    )

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.cluster = self.database = self.retention_policy = self.measurement = ""
        self.write_consistency = self.precision = ""
        self.buffer, self.flush_interval = 1000, 10_000_000_000
        self.tags: dict[str, str] = {}
        self.is_create = False

    def point(self, point: Point) -> None:
        """Write a point."""
        where = point.database, point.retention_policy
        self._write(*where, point.name, point.tags, point.fields, point.time)

    def batch(self, batch: Batch) -> None:
        """Write all points of a batch."""
        for point in batch.points:
            self._write("", "", batch.name, point.tags, point.fields, point.time)

    def _write(
        self, database: str, policy: str, name: str, tags: Tags, fields: Fields, time: int
    ) -> None:
        values = {k: v for k, v in fields.items() if v is not None and v is not MISSING}
        self.pipeline.events.written.append(
            Written(
                self.database or database,
                self.retention_policy or policy,
                WrittenPoint(
                    self.measurement or name,
                    {**tags, **self.tags},
                    values,  # type: ignore[arg-type]
                    time,
                ),
                self.precision,
                self.cluster,
            )
        )

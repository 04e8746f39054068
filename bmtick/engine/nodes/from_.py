"""``|from``: selects points by database, retention policy, measurement and condition.

Source: kapacitor ``stream.go``, ``pipeline/stream.go``.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import Property, flag, table, value, values
from bmtick.engine.gotime import round_time, truncate
from bmtick.engine.grouping import TagNames, check_dimensions
from bmtick.engine.lambdas import EvaluationError
from bmtick.engine.messages import STREAM, Dimensions, Point, group_id
from bmtick.engine.node import Node, StatelessNode
from bmtick.engine.nodes.stream import StreamNode
from bmtick.engine.registry import register
from bmtick.points import Point as Written
from bmtick.tick import ast


def _where(owner: FromNode, args: list[Any]) -> None:
    # A second condition is added to the lambda of the first one. If that lambda is a var of the
    # script, the var changes too, as in Kapacitor.
    if owner.condition is None:
        owner.condition = args[0]
    else:
        owner.condition.expression = ast.Binary(
            "AND", owner.condition.expression, args[0].expression
        )


@register
class FromNode(StatelessNode):
    """Filters the stream and sets the groups."""

    chain = "from"
    desc = "from"
    wants = STREAM
    gives = STREAM
    properties = table(
        {
            "database": value("database"),
            "retentionPolicy": value("retention_policy"),
            "measurement": value("measurement"),
            "truncate": value("truncate"),
            "round": value("round"),
            "where": Property(_where),
            "groupBy": values("group_by", "dimension"),
            "groupByMeasurement": flag("by_name"),
        }
    )

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.database = self.retention_policy = self.measurement = ""
        self.truncate = self.round = 0
        self.condition: ast.Lambda | None = None
        self.group_by: list[Any] = []
        self.by_name = False

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Allow it only after the stream and another from."""
        return isinstance(parent, (StreamNode, FromNode))

    def validate(self) -> None:
        """Check the dimensions."""
        check_dimensions(self.group_by, ())

    def start(self) -> None:
        """Compile the condition."""
        self.tag_names = TagNames(self.group_by)
        self._dimensions = Dimensions(self.by_name, self.tag_names.fixed or ())
        self.predicate = self.predicate_of(self.condition) if self.condition else None
        self._plain = not (self.database or self.retention_policy)

    def snapshot(self) -> object:
        """Return the state of stateful functions of the condition."""
        return self.predicate.expression.snapshot() if self.predicate else None

    def restore(self, state: Any) -> None:
        """Restore the state."""
        if self.predicate:
            self.predicate.expression.restore(state)

    def point(self, point: Point) -> None:
        """Forward a copy of a matching point."""
        self.take(point, point.database, point.retention_policy)

    def take(self, point: Point | Written, database: str, policy: str) -> None:
        """Forward a matching point from a database and retention policy."""
        name = point.name
        if self.measurement and name != self.measurement:
            return
        if not self._plain and not self._in_place(database, policy):
            return
        tags, time = point.tags, point.time
        if self.predicate is not None:
            try:
                if not self.predicate(point.fields, tags, time):
                    return
            except EvaluationError as error:
                self.report("failed to evaluate WHERE expression", error)
                return
        if self.truncate:
            time = truncate(time, self.truncate)
        if self.round:
            time = round_time(time, self.round)
        if self.tag_names.fixed is not None:
            dimensions = self._dimensions
        else:
            dimensions = Dimensions(self.by_name, self.tag_names.of(tags))
        self.forward(
            Point(
                name,
                dimensions,
                point.fields,  # type: ignore[arg-type]
                tags,
                time,
                group_id(name, tags, dimensions),
                database,
                policy,
            )
        )

    def _in_place(self, database: str, policy: str) -> bool:
        # A point from a plain file has no database; it is assumed to be the script's.
        return (not self.database or not database or database == self.database) and (
            not self.retention_policy or not policy or policy == self.retention_policy
        )

"""``batch|query``: the source of a batch task, and its scheduled queries.

The engine has no database: it gives the queries and their times, and receives the results.
Source: kapacitor ``batch.go``, ``query.go``, ``pipeline/batch.go``.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any

from bmtick.durations import format_duration
from bmtick.engine.arguments import TimeDimension, flag, table, value, values
from bmtick.engine.cron import Cron, CronError
from bmtick.engine.gotime import rfc3339_nano, truncate
from bmtick.engine.lambdas import Duration
from bmtick.engine.messages import BATCH, NO_EDGE, Batch
from bmtick.engine.node import DefinitionError, Node, StatelessNode
from bmtick.engine.registry import register
from bmtick.errors import BmtickError
from bmtick.influxql import Select, parse_select, quote_name
from bmtick.tick import ast

_FILLS = ("null", "none", "previous", "linear")


class BatchNode(StatelessNode):
    """The root of a batch task; its children are the queries."""

    desc = "batch"
    gives = BATCH
    chains = False

    def __init__(self) -> None:
        super().__init__(NO_EDGE, [])


@register
class QueryNode(StatelessNode):
    """Forwards the results of its query; ``statement`` and ``next`` give its text and its time."""

    chain = "query"
    desc = "query"
    wants = BATCH
    gives = BATCH
    properties = table(
        {
            "period": value("period"),
            "every": value("every"),
            "align": flag("align"),
            "cron": value("cron_text"),
            "offset": value("offset"),
            "alignGroup": flag("align_group"),
            "groupBy": values("dimensions", "group"),
            "groupByMeasurement": flag("by_name"),
            "fill": value("fill", "fill"),
            "cluster": value("cluster"),
            "queryStr": value("query"),
        }
    )

    def define(self, query: str) -> None:
        """Set Kapacitor's defaults."""
        self.query = query
        self.period = self.every = self.offset = 0
        self.cron_text = self.cluster = ""
        self.align = self.align_group = self.by_name = False
        self.dimensions: list[Any] = []
        self.fill: Any = None

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Allow it only after ``batch``."""
        return isinstance(parent, BatchNode)

    def validate(self) -> None:
        """Check the query's syntax, its groups and its schedule."""
        try:
            self.select = parse_select(self.query)
        except BmtickError as error:
            raise DefinitionError(error.message) from None
        self._check_sources(self.select)
        spans = [self._span(d) for d in self.dimensions]
        if sum(span is not None for span in spans) > 1:
            raise DefinitionError("groupBy cannot have more than one time dimension")
        self.group_span = next((span for span in spans if span), None)
        if isinstance(self.fill, str) and self.fill not in _FILLS:
            raise DefinitionError(f"unexpected fill option {self.fill}")
        if self.every and self.cron_text:
            raise DefinitionError("must not set both 'every' and 'cron' properties")
        if self.every < 0:
            raise DefinitionError("'every' duration must must non-negative")
        if not self.every and not self.cron_text:
            raise DefinitionError("must define one of 'every' or 'cron'")
        try:
            self.cron = Cron(self.cron_text) if self.cron_text else None
        except CronError as error:
            raise DefinitionError(str(error)) from None

    def _check_sources(self, select: Select) -> None:
        for source in select.sources:
            if not source.database or not source.retention_policy:
                # A server allows only the databases in the task's own list.
                raise DefinitionError(
                    f"FROM {source.measurement} names no database and retention policy, "
                    'which Kapacitor demands: write "telegraf"."autogen".'
                    + quote_name(source.measurement)
                )

    @staticmethod
    def _span(dimension: Any) -> tuple[int, int] | None:
        match dimension:
            case TimeDimension():
                return dimension.length, dimension.offset
            case Duration():
                return int(dimension), 0
            case _:
                return None

    @property
    def databases(self) -> set[tuple[str, str]]:
        """The databases and retention policies that the query reads."""
        return {(source.database, source.retention_policy) for source in self.select.sources}

    def next(self, after: int, zone: tzinfo = UTC) -> int | None:
        """Return the first run of the query after a time, or None if there is none.

        Without ``.align()`` a server counts from its start time; here it counts from ``after``.
        """
        if self.cron is not None:
            return self.cron.next(after, zone)
        return truncate(after, self.every) + self.every if self.align else after + self.every

    def statement(self, now: int) -> str:
        """Return the InfluxQL that a server sends for a run at a time."""
        select, stop = self.select, now - self.offset
        start = stop - self.period
        span = f"time >= '{rfc3339_nano(start)}' AND time < '{rfc3339_nano(stop)}'"
        # Without parentheses, as Kapacitor prints it: an OR in the script extends past its end.
        parts = [
            f"SELECT {select.fields} FROM {select.from_clause}",  # noqa: S608 -- the user's own query
            f"WHERE {select.where} AND {span}" if select.where else f"WHERE {span}",
        ]
        if self.dimensions:
            parts.append(
                f"GROUP BY {', '.join([self._dimension(d, start) for d in self.dimensions])}"
            )
        parts.append(self._filled())
        parts.append(select.order)
        return " ".join(part for part in parts if part)

    def _dimension(self, dimension: Any, start: int) -> str:
        if isinstance(dimension, ast.Star):
            return "*"
        if isinstance(dimension, str):
            return quote_name(dimension)
        length, offset = self.group_span or (0, 0)
        if self.align_group and length:
            # Go's remainder has the sign of the dividend.
            offset = start % length if start >= 0 else -(-start % length)
        return f"time({format_duration(length)}, {format_duration(offset)})"

    def _filled(self) -> str:
        if self.fill is None or isinstance(self.fill, bool | Duration):
            return self.select.fill
        if self.fill == "null":
            return ""
        return f"fill({self.fill})"

    def batch(self, batch: Batch) -> None:
        """Forward a result."""
        self.forward(batch)

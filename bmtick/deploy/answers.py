"""Types of the answers of Kapacitor and InfluxDB; an answer of another form is an error.

Source: influxdata/kapacitor ``client/API.md``, ``services/task_store/service.go`` and
``services/alert/api.go`` (1.5 to 1.8); influxdata/influxdb ``query/result.go``, ``models/rows.go``.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class DbrpAnswer(Struct):
    """A database and a retention policy."""

    db: str = ""
    rp: str = ""


class StatsAnswer(Struct):
    """The counters of a running task, by node and name."""

    node_stats: dict[str, dict[str, Any]] | None = field(name="node-stats", default=None)


class TaskAnswer(Struct):
    """One task; it contains only the requested fields."""

    id: str
    script: str | None = None
    dbrps: list[DbrpAnswer] | None = None
    vars: dict[str, dict[str, Any]] | None = None
    template: str | None = field(name="template-id", default=None)
    status: str | None = None
    executing: bool | None = None
    error: str | None = None
    created: str | None = None
    modified: str | None = None
    last_enabled: str | None = field(name="last-enabled", default=None)
    dot: str | None = None
    stats: StatsAnswer | None = None


class TemplateAnswer(Struct):
    """One template."""

    id: str
    script: str | None = None
    created: str | None = None


class PageAnswer(Struct):
    """One page of a list of tasks or of templates."""

    tasks: list[TaskAnswer] | None = None
    templates: list[TemplateAnswer] | None = None


class TopicAnswer(Struct):
    """One topic."""

    id: str


class TopicsAnswer(Struct):
    """A list of topics."""

    topics: list[TopicAnswer] | None = None


class StateAnswer(Struct):
    """An alert's state."""

    level: str = ""
    message: str = ""
    time: str = ""


class EventAnswer(Struct):
    """A topic's last event of one id."""

    id: str = ""
    state: StateAnswer = field(default_factory=StateAnswer)


class EventsAnswer(Struct):
    """A topic's events."""

    events: list[EventAnswer] | None = None


class ElementAnswer(Struct):
    """One element of a section of the configuration."""

    options: dict[str, Any] | None = None


class SectionAnswer(Struct):
    """A section of the configuration."""

    elements: list[ElementAnswer] | None = None


class ServiceAnswer(Struct):
    """The result of a service's test."""

    success: bool = False
    message: str = ""


class SeriesAnswer(Struct):
    """Rows of one measurement, or of one of its groups."""

    name: str = ""
    tags: dict[str, str] | None = None
    columns: list[str] = []
    values: list[list[Any]] | None = None

    def __post_init__(self) -> None:
        """Reject a row that does not have a value for each column."""
        if any(len(row) != len(self.columns) for row in self.values or ()):
            raise ValueError("a row has not as many values as there are columns")


class OutputAnswer(Struct):
    """The content of an ``httpOut`` endpoint."""

    series: list[SeriesAnswer] | None = None


class ResultAnswer(Struct):
    """The result of one statement."""

    series: list[SeriesAnswer] | None = None
    error: str = ""


class QueryAnswer(Struct):
    """The result of a query, statement by statement."""

    results: list[ResultAnswer] | None = None
    error: str = ""

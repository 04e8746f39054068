"""Alert events, the state of topics, and output points.

Source: kapacitor ``alert/topics.go``, ``alert/types.go``, ``alert/inhibit.go``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bmtick.durations import HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND
from bmtick.engine import gojson
from bmtick.engine.gotime import rfc3339_nano
from bmtick.engine.messages import Fields, Tags
from bmtick.points import Point

LEVELS = ("OK", "INFO", "WARNING", "CRITICAL")
OK, INFO, WARNING, CRITICAL = range(4)


@dataclass(frozen=True)
class Handler:
    """A handler of an alert in the script: kind (``email``), arguments, properties."""

    kind: str
    args: list[Any]
    properties: dict[str, Any]


@dataclass(frozen=True)
class Written:
    """A point written by ``influxDBOut`` or ``kapacitorLoopback``, with its destination.

    ``precision`` is InfluxDB's (``s``, ``ms``, ...); the point keeps its full time.
    """

    database: str
    retention_policy: str
    point: Point
    precision: str = ""
    cluster: str = ""

    def to_json(self) -> str:
        """Return one line of JSON: the destination, and the line protocol in its precision."""
        point, unit = self.point, _PRECISIONS.get(self.precision, 1)
        size = abs(point.time) // unit  # Go truncates towards zero
        cut = Point(point.name, point.tags, point.fields, size if point.time >= 0 else -size)
        return gojson.dumps(
            {
                "cluster": self.cluster,
                "database": self.database,
                "retentionPolicy": self.retention_policy,
                "precision": self.precision or "ns",
                "point": cut.to_line(),
            }
        )


_PRECISIONS = {
    "u": MICROSECOND,
    "µ": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}


@dataclass(frozen=True)
class Posted:
    """A request of ``httpPost``: to a URL, or to an endpoint of the server's configuration.

    ``timeout`` is in nanoseconds; 0 means none.
    """

    url: str
    endpoint: str
    headers: dict[str, str]
    body: str
    timeout: int = 0

    def to_json(self) -> str:
        """Return the request as one line of JSON; the body is a string."""
        where = {"endpoint": self.endpoint} if self.endpoint else {"url": self.url}
        return gojson.dumps(
            {**where, "headers": dict(sorted(self.headers.items())), "body": self.body}
        )


@dataclass
class AlertEvent:
    """One event of an alert; times and durations are in nanoseconds.

    ``group`` is Kapacitor's group id, ``data`` is the row that handlers post.
    """

    time: int
    id: str
    level: str
    previous_level: str
    message: str
    details: str
    tags: Tags
    fields: Fields
    duration: int
    name: str
    task: str
    topic: str
    handlers: list[Handler]
    group: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    recoverable: bool = True

    def to_json(self) -> str:
        """Return the event as one line of JSON, with Kapacitor's format of numbers and times.

        A value that JSON cannot hold (NaN) becomes null.
        """
        event = {
            "time": rfc3339_nano(self.time),
            "id": self.id,
            "level": self.level,
            "previousLevel": self.previous_level,
            "message": self.message,
            "tags": dict(sorted(self.tags.items())),
            "fields": dict(sorted(self.fields.items())),
        }
        try:
            return gojson.dumps(event)
        except gojson.UnsupportedValueError:
            event["fields"] = {k: _finite(v) for k, v in sorted(self.fields.items())}
            return gojson.dumps(event)


def _finite(value: object) -> object:
    try:
        gojson.dumps(value)
    except gojson.UnsupportedValueError:
        return None
    return value


@dataclass
class EventState:
    """A topic's state for an event id: its last level and time."""

    level: int = OK
    time: int | None = None


@dataclass
class Inhibitor:
    """Inhibits alerts of a category with equal tags while it is set."""

    category: str
    tags: Tags
    active: bool = False

    def inhibits(self, category: str, tags: Tags) -> bool:
        """Return whether an event of the category with these tags is inhibited."""
        return (
            self.active
            and category == self.category
            and all(tags.get(k, "") == v for k, v in self.tags.items())
        )


@dataclass
class Events:
    """The pending events of a task, and the state of its topics."""

    pending: list[AlertEvent] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    looped: list[Written] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    topics: dict[str, dict[str, EventState]] = field(default_factory=dict)
    inhibitors: list[Inhibitor] = field(default_factory=list)

    def state(self, topic: str, event: str) -> EventState | None:
        """Return the topic's state of an event id."""
        return self.topics.get(topic, {}).get(event)

    def update(self, topic: str, event: str, state: EventState) -> int:
        """Store a state; return the previous level."""
        known = self.topics.setdefault(topic, {})
        before = known.get(event)
        known[event] = state
        return before.level if before else OK

    def inhibited(self, category: str, tags: Tags) -> bool:
        """Return whether another alert inhibits an event."""
        return any(i.inhibits(category, tags) for i in self.inhibitors)

"""The status of each deployed alert: running, points, errors, and the level of each group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bmtick.deploy.client import KapacitorClient
from bmtick.deploy.labels import task_label
from bmtick.deploy.model import ActualTask, Facts
from bmtick.deploy.requests import drifted
from bmtick.deploy.silence import Silence
from bmtick.names import TASK_PREFIX

LEVELS = ("OK", "INFO", "WARNING", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Event:
    """The last event of one group: its id, level, time (RFC 3339) and message."""

    id: str
    level: str
    time: str
    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one alert on one server.

    ``points`` were received since the task started; ``node_errors`` counts errors of its nodes.
    ``events`` are the last ones of each group, worst first. ``silenced`` contains silences' ids.
    """

    name: str
    state: str  # running, disabled, failed, not bmtick's
    error: str
    points: int
    node_errors: int
    drifted: bool
    level: str
    events: tuple[Event, ...] = ()
    silenced: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether the alert works."""
        return self.state == "running" and not self.error and not self.drifted


def read_status(
    client: KapacitorClient, facts: Facts, silences: list[Silence], now: int
) -> list[Status]:
    """Return the status of every alert that bmtick deployed on a server."""
    topics = set(client.topics("*"))
    found = []
    for task_id in sorted(facts.tasks):
        if task_id.startswith(f"{TASK_PREFIX}-") or not task_label(facts.tasks[task_id].definition):
            continue
        task = client.task(task_id)
        if task is not None:
            muted = [s.id for s in silences if s.active(now) and _mutes(s, task_id)]
            events = _events(client, task_id, topics)
            if muted:
                events |= _silenced_events(client, task_id)
            found.append(_status(task, _worst_first(events), tuple(muted)))
    return found


def _mutes(silence: Silence, task_id: str) -> bool:
    return silence.alert in {"*", task_id.removeprefix(TASK_PREFIX)}


def _events(client: KapacitorClient, task_id: str, topics: set[str]) -> dict[str, Event]:
    """Read the task's own topics; the named one if no handler has opened any."""
    own = sorted(t for t in topics if t.startswith(f"main:{task_id}:"))
    named = sorted(t for t in topics if t == task_id or t.startswith(f"{task_id}."))
    events: dict[str, Event] = {}
    for topic in [*named, *own]:
        for item in client.events(topic):
            state = item.state
            events[item.id] = Event(item.id, state.level, state.time, state.message)
    return events


def _silenced_events(client: KapacitorClient, task_id: str) -> dict[str, Event]:
    """Return the current events of a silenced alert, which do not reach its topics.

    The catalogue's scripts end in ``|httpOut('output')`` behind the alert node.
    """
    found = {}
    for series in client.output(task_id, "output"):
        tags = series.tags or {}
        values = series.values or [[]]
        last = dict(zip(series.columns, values[-1], strict=False))
        if "alertID" in tags and "level" in tags:
            time, message = str(last.get("time", "")), str(last.get("message", ""))
            found[tags["alertID"]] = Event(tags["alertID"], tags["level"], time, message)
    return found


def _worst_first(events: Mapping[str, Event]) -> list[Event]:
    return sorted(events.values(), key=lambda e: (-_rank(e.level), e.id))


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else -1


def _status(task: ActualTask, events: list[Event], muted: tuple[str, ...]) -> Status:
    return Status(
        name=task.id.removeprefix(TASK_PREFIX),
        state=_state(task),
        error=task.error,
        points=_points(task.counters),
        node_errors=sum(node.get("errors", 0) for node in task.counters.values()),
        drifted=drifted(task.definition),
        level=events[0].level if events else "OK" if task.executing else "",
        events=tuple(events),
        silenced=muted,
    )


def _state(task: ActualTask) -> str:
    if not task.definition.enabled:
        return "disabled"
    return "running" if task.executing else "failed"


def _points(nodes: Mapping[str, Mapping[str, int]]) -> int:
    """Return the number of points that passed the sources' filters."""
    sources = [n for name, n in nodes.items() if name.startswith(("from", "query"))]
    return sum(node.get("emitted", 0) for node in sources)

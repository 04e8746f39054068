"""The running alerts: scripts in the engine, and their state over a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from bmtick.alerts import Rendered
from bmtick.engine import AlertEvent, Task, load_task
from bmtick.engine.queries import QueryRunner, Schedule
from bmtick.errors import BmtickError
from bmtick.points import Point
from bmtick.zones import local_zone

_OK: Final = "OK"
_MAX_TEXT: Final = 300  # characters of a message that is kept to be shown
_REMEMBERED: Final = 50  # groups of an alert whose last event is kept to be shown


_ODD: Final = (BmtickError, KeyError, TypeError, ValueError, AttributeError)  # of a state


class Tasks:
    """All alerts.

    Args:
        alerts: rendered as scripts.
        hostname: the server's name in templates.
        warn: receives one line for the administrator.
        now: the clock of ``now()`` in lambdas; None: the time of the data.
        ask: runs the queries of batch tasks; None: no alert has any.
        at_once: whether each query also runs at the first call, due or not.
    """

    def __init__(
        self,
        alerts: Sequence[Rendered],
        hostname: str,
        warn: Callable[[str], None],
        now: Callable[[], int] | None = None,
        *,
        ask: QueryRunner | None = None,
        at_once: bool = False,
    ) -> None:
        self._alerts = {alert.task_id: alert for alert in alerts}
        self._hostname, self._warn, self._now = hostname, warn, now
        self._ask, self._at_once = ask, at_once
        self._tasks = {name: self._load(alert) for name, alert in self._alerts.items()}
        self._schedules: dict[str, Schedule] = {}
        self._failing: set[str] = set()  # alerts whose last query failed
        self._seen: dict[tuple[str, str, str], int] = {}
        self.firing: dict[str, str] = {}  # event id -> level, without OK
        self._last: dict[str, dict[str, list[Any]]] = {}  # task -> event id -> level, time, message
        self._fed = dict.fromkeys(self._tasks, 0)

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def names(self) -> set[str]:
        """The ids of the tasks."""
        return set(self._tasks)

    def _load(self, alert: Rendered) -> Task:
        return load_task(
            alert.script,
            file=f"{alert.name}.tick",
            name=alert.task_id,
            hostname=self._hostname,
            now=self._now,
        )

    def feed(self, points: Iterable[Point]) -> list[AlertEvent]:
        """Run points through all alerts, each at its own time; return the events."""
        events: list[AlertEvent] = []
        live = [(name, task) for name, task in self._tasks.items() if not task.is_batch]
        readers: dict[str, list[tuple[str, Task]]] = {}  # of each measurement
        clock: int | None = None
        for point in points:
            if point.time != clock:
                clock = point.time
                for _, task in live:
                    task.advance(clock)
                    if task.has_events:
                        events += self._taken(task)
            reading = readers.get(point.name)
            if reading is None:
                reading = readers[point.name] = [
                    (name, task) for name, task in live if {point.name, ""} & task.measurements
                ]
            for name, task in reading:
                task.feed(point, "", "")
                self._fed[name] += point.name in task.measurements
                if task.has_events:
                    events += self._taken(task)
        for _, task in live:
            task.drop_outputs()
        return events

    def advance(self, now: int) -> list[AlertEvent]:
        """Advance the time without points."""
        events: list[AlertEvent] = []
        for name, task in self._tasks.items():
            task.advance(now)
            if task.is_batch:
                self._query(name, task, now)
            events += self._taken(task, caught_up=True)
            self._complain(name, task)
        return events

    def _query(self, name: str, task: Task, now: int) -> None:
        """Run the due queries; a failed query runs again when it is next due."""
        schedule = self._schedules.get(name)
        try:
            if schedule is not None:
                schedule.run_latest(now)
            elif self._ask is not None:
                schedule = self._schedules[name] = Schedule(task, self._ask, now, local_zone())
                for number in range(len(task.queries) if self._at_once else 0):
                    schedule.ask(number, now)
        except BmtickError as error:
            if name not in self._failing:
                self._warn(f"{name} could not ask InfluxDB and tries again: {error.message}")
            self._failing.add(name)
        else:
            self._failing.discard(name)

    def _taken(self, task: Task, *, caught_up: bool = False) -> list[AlertEvent]:
        task.drop_outputs()
        events = task.take_events()
        if caught_up:
            events = self._without_missed_reminders(events)
        for event in events:
            if event.level == _OK:
                self.firing.pop(event.id, None)
            else:
                self.firing[event.id] = event.level
            self._remember(event)
        return events

    def _without_missed_reminders(self, events: list[AlertEvent]) -> list[AlertEvent]:
        """Drop repeated events from a time without a watch.

        A step over days creates a reminder for each hour. Level changes are kept, and for an alert
        that was firing before and still is, the newest reminder.
        """
        found: list[AlertEvent] = []
        last: dict[str, int] = {}  # event id -> index of its newest event
        for event in events:
            at = last.get(event.id)
            before = self.firing.get(event.id, _OK) if at is None else found[at].level
            if at is None or event.level != before:
                last[event.id] = len(found)
                found.append(event)
            elif self.firing.get(event.id) == event.level and all(
                e.level == event.level for e in found if e.id == event.id
            ):
                found[at] = event
        return found

    def _remember(self, event: AlertEvent) -> None:
        last = self._last.setdefault(event.task, {})
        last.pop(event.id, None)
        last[event.id] = [event.level, event.time, event.message[:_MAX_TEXT]]
        if len(last) > _REMEMBERED:
            over = (key for key, (level, *_) in last.items() if level == _OK)
            del last[next(over, next(iter(last)))]

    def _complain(self, name: str, task: Task) -> None:
        if task.stopped:
            self._warn(f"{name} stopped and is restarted: {task.stopped}")
            self._tasks[name] = self._load(self._alerts[name])
            self._schedules.pop(name, None)
            return
        for found in task.diagnostics():
            key = (name, found.node, found.message)
            if key not in self._seen:
                self._warn(f"{name}: {found.node}: {found.message}")
            self._seen[key] = found.count

    def dump(self) -> dict[str, Any]:
        """Return the state of all alerts as JSON-able data."""
        return {
            "firing": self.firing,
            "tasks": {
                name: {
                    "script": _digest(self._alerts[name]),
                    "state": task.snapshot(),
                    "last": self._last.get(name, {}),
                    "points": self._fed[name],
                    "errors": sum(found.count for found in task.diagnostics()),
                }
                for name, task in self._tasks.items()
            },
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Restore what ``dump`` returned.

        For a changed script, only the state of its topics is kept: which alerts fire.
        """
        self.firing = dict(kept["firing"] if "firing" in kept else kept["standing"])
        for name, task in self._tasks.items():
            known = kept["tasks"].get(name)
            if known is None:
                continue
            self._last[name] = dict(known.get("last", {}))
            state = known["state"]
            if known["script"] != _digest(self._alerts[name]):
                state = {**state, "nodes": {}, "started": None}
            try:
                task.restore(state)
            except _ODD:
                self._restore_topics(name, state)

    def _restore_topics(self, name: str, state: Any) -> None:
        """Restore only firing alerts from a state that does not fit, such as an older version's."""
        self._tasks[name] = self._load(self._alerts[name])
        try:
            self._tasks[name].restore({**state, "nodes": {}, "started": None})
        except _ODD as error:
            self._warn(f"what {name} knew is lost: {getattr(error, 'message', error)}")
            self._tasks[name] = self._load(self._alerts[name])


def _digest(alert: Rendered) -> str:
    return hashlib.sha256(alert.script.encode()).hexdigest()[:16]

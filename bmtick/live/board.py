"""The board: the last hour of every user and machine, the last day of the server, the alerts.

Any thread may feed it with the collector's points and the alerts' events. A snapshot is plain data.
Memory is bounded: entities without data for an hour are dropped.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from bmtick import names
from bmtick.durations import SECOND
from bmtick.points import Point

SLOT: Final = 300  # seconds; slots of the last day
_DAY: Final = 86400
_HOUR: Final = 3600
_MINUTE: Final = 60
_MAX_ENTITIES: Final = 20_000  # maximum users and machines
_MAX_SHOWN: Final = 200  # of each kind in a snapshot
_MAX_INCIDENTS: Final = 200
_MAX_TEXT: Final = 2000

USER, MACHINE, PROGRAM, FORWARD, GUESSER, TARGET = (
    "user",
    "machine",
    "program",
    "forward",
    "guesser",
    "target",
)
# measurement -> kind of the entity, and the tag with its name
_ENTITIES: Final = {
    names.SENDER: (USER, "user"),
    names.CLIENT: (MACHINE, "client"),
    names.LOCAL: (PROGRAM, "sender"),
    names.FORWARD: (FORWARD, "forwarder"),
    names.AUTH: (GUESSER, "client"),
    names.CORE_AUTH: (GUESSER, "client"),
    names.ACCOUNT: (TARGET, "user"),
}
_COUNTS: Final = ("messages", "recipients", "relayed", "refused", "blocked", "failures")
_NONE: Final = (0,) * len(_COUNTS)
_SWEEP_INTERVAL: Final = 60  # seconds of the data between two removals of silent entities
_GAUGES: Final = ("clients", "users", "new_clients", "domains", "usual", "days", "broken_in")
_LEVELS: Final = {"OK": 0, "INFO": 1, "WARNING": 2, "CRITICAL": 3}


class Entity(msgspec.Struct, frozen=True):
    """A user, machine, program, forward, password guesser, or guessed login.

    Attributes:
        facts: counts of the last hour, and the collector's current gauges.
        last: time of its last point with activity, seconds since the epoch.
        level: the highest level of its firing alerts, or "".
        reasons: messages of its firing alerts.
    """

    kind: str
    name: str
    facts: dict[str, int]
    last: int
    level: str = ""
    reasons: tuple[str, ...] = ()


class Incident(msgspec.Struct, frozen=True):
    """A firing or past alert; times in seconds since the epoch; ``end`` 0: still firing."""

    alert: str
    id: str
    level: str
    peak: str
    message: str
    begin: int
    end: int
    tags: dict[str, str]
    silenced: bool


class Queue(msgspec.Struct, frozen=True):
    """One of Postfix's queues: messages, bytes, age of the oldest in seconds."""

    name: str
    length: int
    size: int
    age: float


class Snapshot(msgspec.Struct, frozen=True):
    """The whole current state.

    Attributes:
        now: time of this snapshot, seconds since the epoch.
        since: when the first point was taken.
        newest: time of the newest point.
        slots: start of each slot of ``series``; they are ``SLOT`` seconds long.
        series: recipients, refused, failures and queue (its maximum) by slot.
        totals: counters since the start, for Prometheus.
        health: the collector's own metrics, and deliveries that are pending.
    """

    host: str
    now: int
    since: int
    newest: int
    firing: tuple[Incident, ...]
    past: tuple[Incident, ...]
    entities: tuple[Entity, ...]
    queues: tuple[Queue, ...]
    slots: tuple[int, ...]
    series: dict[str, tuple[int, ...]]
    totals: dict[str, int]
    health: dict[str, float]

    def of(self, *kinds: str) -> list[Entity]:
        """Return the entities of these kinds."""
        return [entity for entity in self.entities if entity.kind in kinds]


class _EntityState:
    """One entity: counts by minute, and the gauges of its last point."""

    __slots__ = ("counts", "gauges", "last", "minutes")

    def __init__(self) -> None:
        self.minutes: list[list[int]] = []  # minute, and the counts in their order
        self.counts: Counter[str] = Counter()
        self.gauges: dict[str, int] = {}
        self.last = 0

    def add(self, time: int, fields: Mapping[str, Any]) -> None:
        counts = self.counts
        slot: list[int] | None = None
        for place, name in enumerate(_COUNTS, 1):
            count = fields.get(name)
            if count:
                if slot is None:
                    minute = time // _MINUTE
                    if not self.minutes or self.minutes[-1][0] != minute:
                        self.minutes.append([minute, *_NONE])
                    slot = self.minutes[-1]
                    self.last = max(self.last, time)
                slot[place] += int(count)
                counts[name] += int(count)
        gauges = self.gauges
        for name in _GAUGES:
            if name in fields:
                gauges[name] = int(fields[name])

    def forget(self, now: int) -> None:
        while self.minutes and self.minutes[0][0] * _MINUTE <= now - _HOUR:
            for name, count in zip(_COUNTS, self.minutes.pop(0)[1:], strict=True):
                self.counts[name] -= count


class Board:
    """The board.

    Args:
        host: this server's name.
        health: returns more metrics of the program's own health, such as pending deliveries.
    """

    def __init__(self, host: str, health: Callable[[], Mapping[str, float]] = dict) -> None:
        self._host, self._more_health = host, health
        self._lock = threading.Lock()
        self._entities: dict[tuple[str, str], _EntityState] = {}
        self._slots: dict[str, Counter[int]] = {
            name: Counter() for name in ("recipients", "refused", "failures", "queue")
        }
        self._queues: dict[str, Queue] = {}
        self._totals: Counter[str] = Counter()
        self._health: dict[str, float] = {}
        self._firing: dict[str, Incident] = {}
        self._past: deque[Incident] = deque(maxlen=_MAX_INCIDENTS)
        self._since = self._newest = self._swept = 0

    def feed(self, points: Iterable[Point]) -> None:
        """Add the collector's points."""
        with self._lock:
            for point in points:
                self._point(point)
            if self._newest - self._swept >= _SWEEP_INTERVAL:
                self._swept = self._newest
                self._forget(self._newest)

    def _point(self, point: Point) -> None:
        time, fields = point.time // SECOND, point.fields
        self._newest = max(self._newest, time)
        self._since = self._since or time
        if point.name in _ENTITIES:
            kind, tag = _ENTITIES[point.name]
            name = point.tags.get(tag, "")
            if name and name != names.OTHER:
                known = self._entities.get((kind, name))
                if known is None:
                    known = self._entities[kind, name] = _EntityState()
                known.add(time, fields)
        self._count(point, time)

    def _count(self, point: Point, time: int) -> None:
        """Add a point to the last day and to the counters."""
        fields = point.fields
        if point.name in (names.SENDER, names.CLIENT, names.LOCAL):
            for field in ("messages", "recipients"):
                self._total(f"{field}.{_ENTITIES[point.name][0]}", fields.get(field))
            self._slot("recipients", time, fields.get("recipients"))
        elif point.name == names.DELIVERY:
            status = point.tags.get("status", "")
            self._total(f"deliveries.{status}", fields.get("count"))
            self._total("blocked", fields.get("blocked"))
            refused = fields.get("count" if status in ("bounced", "expired") else "blocked")
            self._slot("refused", time, refused)
        elif point.name in (names.AUTH, names.CORE_AUTH):
            self._total("failures", fields.get("failures"))
            self._slot("failures", time, fields.get("failures"))
        elif point.name == names.QUEUE:
            self._queue(point, time)
        elif point.name == names.COLLECTOR:
            for field in ("lines", "bytes", "unparsed", "folded"):
                self._total(f"collector.{field}", fields.get(field))
            self._health["lag"] = float(fields.get("lag", 0))

    def _queue(self, point: Point, time: int) -> None:
        name, fields = point.tags.get("queue", ""), point.fields
        self._queues[name] = Queue(
            name,
            int(fields.get("length", 0)),
            int(fields.get("size", 0)),
            float(fields.get("age", 0)),
        )
        slot, length = time - time % SLOT, sum(q.length for q in self._queues.values())
        self._slots["queue"][slot] = max(self._slots["queue"][slot], length)

    def _slot(self, name: str, time: int, count: Any) -> None:
        if count:
            self._slots[name][time - time % SLOT] += int(count)

    def _total(self, name: str, count: Any) -> None:
        self._totals[name] += int(count or 0)

    def add_event_line(self, line: bytes) -> None:
        """Add an alert event, given as a line of the history."""
        self.add_event(msgspec.json.decode(line))

    def add_event(self, record: Mapping[str, Any]) -> None:
        """Add an alert event, given as a record of the history."""
        time = int(datetime.fromisoformat(record["time"]).timestamp())
        level, key = str(record["level"]), str(record["id"])
        with self._lock:
            known = self._firing.pop(key, None)
            if level == "OK":
                if known:
                    self._past.append(msgspec.structs.replace(known, end=time))
                return
            peak = level
            if known and _LEVELS.get(known.peak, 0) > _LEVELS.get(level, 0):
                peak = known.peak
            self._firing[key] = Incident(
                alert=str(record.get("alert", "")),
                id=key,
                level=level,
                peak=peak,
                message=str(record["message"])[:_MAX_TEXT],
                begin=known.begin if known else time,
                end=0,
                tags={str(k): str(v) for k, v in record.get("tags", {}).items()},
                silenced=bool(record.get("silenced")),
            )

    def snapshot(self, now: int) -> Snapshot:
        """Return the state at a time, in seconds since the epoch."""
        with self._lock:
            self._forget(now)
            firing = sorted(
                self._firing.values(), key=lambda i: (-_LEVELS.get(i.level, 0), i.begin, i.id)
            )
            begin = now - _DAY
            slots = tuple(range(begin - begin % SLOT + SLOT, now + 1, SLOT))
            return Snapshot(
                host=self._host,
                now=now,
                since=self._since,
                newest=self._newest,
                firing=tuple(firing),
                past=tuple(reversed(self._past)),
                entities=tuple(self._shown(firing)),
                queues=tuple(self._queues.values()),
                slots=slots,
                series={
                    name: tuple(counter.get(slot, 0) for slot in slots)
                    for name, counter in self._slots.items()
                },
                totals=dict(self._totals),
                health=self._health | dict(self._more_health()),
            )

    def _shown(self, firing: Iterable[Incident]) -> Iterable[Entity]:
        """Yield entities with firing alerts, then those with the largest counts of each kind."""
        reasons: dict[str, list[Incident]] = {}
        for incident in firing:
            for tag in ("user", "client", "sender", "forwarder"):
                if name := incident.tags.get(tag):
                    reasons.setdefault(name, []).append(incident)
        shown: Counter[str] = Counter()
        ranked = sorted(
            self._entities.items(),
            key=lambda item: (
                item[0][1] not in reasons,
                -max((item[1].counts[name] for name in ("recipients", "failures")), default=0),
                item[0],
            ),
        )
        for (kind, name), known in ranked:
            if not known.minutes and name not in reasons:
                continue
            shown[kind] += 1
            if shown[kind] <= _MAX_SHOWN:
                about = reasons.get(name, [])
                yield Entity(
                    kind=kind,
                    name=name,
                    facts={n: c for n, c in known.counts.items() if c} | known.gauges,
                    last=known.last,
                    level=about[0].level if about else "",
                    reasons=tuple(incident.message for incident in about),
                )

    def _forget(self, now: int) -> None:
        for known in self._entities.values():
            known.forget(now)
        silent = [key for key, known in self._entities.items() if not known.minutes]
        if len(self._entities) > _MAX_ENTITIES:
            rest = (key for key, known in self._entities.items() if known.minutes)
            silent += sorted(rest, key=lambda key: self._entities[key].last)[:-_MAX_ENTITIES]
        firing = {name for i in self._firing.values() for name in i.tags.values()}
        for key in silent:
            if key[1] not in firing:
                del self._entities[key]
        for counter in self._slots.values():
            for slot in [slot for slot in counter if slot <= now - _DAY - SLOT]:
                del counter[slot]

    def dump(self) -> dict[str, Any]:
        """Return the last day as JSON data, to be restored after a restart."""
        with self._lock:
            return {name: list(counter.items()) for name, counter in self._slots.items()}

    def restore(self, saved: Mapping[str, Iterable[tuple[int, int]]]) -> None:
        """Restore what ``dump`` returned."""
        for name, counter in self._slots.items():
            counter.update({int(slot): int(count) for slot, count in saved.get(name, ())})

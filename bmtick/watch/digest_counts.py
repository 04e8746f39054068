"""Counts of a day or a week for the digest, from points and events. Pure, with bounded memory.

Time is that of the data. A period ends at an hour of the local day; its digest is sent once, since
counts and deliveries are one state.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Literal

import msgspec

from bmtick import names as n
from bmtick.durations import SECOND
from bmtick.engine import AlertEvent
from bmtick.engine.events import LEVELS
from bmtick.points import Point

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY: Final = 86_400
_MOST: Final = 10_000  # entities of one kind; beyond it the half with the fewest recipients goes
_MOST_ALERTS: Final = 500
_MAX_TEXT: Final = 300
_ENTITIES: Final = {
    n.SENDER: ("users", ("user",)),
    n.CLIENT: ("machines", ("client",)),
    n.LOCAL: ("programs", ("sender", "uid")),
    n.FORWARD: ("forwards", ("forwarder",)),
}
_REASONS: Final = ("blocked", "unknown", "throttled")
_COUNTED: Final = ("messages", "recipients", "refused", "blocked")


class Schedule(msgspec.Struct, frozen=True):
    """The time of the digest: daily, or weekly on a day, at an hour of the zone."""

    every: Literal["daily", "weekly"]
    at: str  # HH:MM
    day: str
    zone: tzinfo

    @property
    def slot(self) -> int:
        """Seconds per bar of the queue's plot."""
        return 1800 if self.every == "daily" else 10_800

    @property
    def length(self) -> int:
        """Seconds of a whole period, apart from clock changes."""
        return _DAY if self.every == "daily" else 7 * _DAY

    def after(self, time: int) -> int:
        """Return the first end of a period after a time, in seconds since the epoch."""
        hour, minute = map(int, self.at.split(":"))
        day = datetime.fromtimestamp(time, self.zone).replace(
            hour=hour, minute=minute, second=0, microsecond=0, fold=0
        )
        while day.timestamp() <= time or (
            self.every == "weekly" and day.weekday() != DAYS.index(self.day)
        ):
            day = (day + timedelta(days=1)).replace(fold=0)
        return int(day.timestamp())


class Alarm(msgspec.Struct):
    """An alert of the period; times in seconds since the epoch; ``end`` is 0 while it fires."""

    message: str
    peak: str
    begin: int
    end: int = 0
    muted: bool = False


class Counts(msgspec.Struct):
    """The counts of one period, from ``since`` to ``until``: seconds since the epoch.

    Attributes:
        totals: ``messages``, ``recipients``, ``failures``, deliveries by status, refusals by reason.
        entities: kind -> name -> messages, recipients, refused, blocked.
        guessers: address -> failed logins, maximum number of names in one interval.
        queue: slot -> maximum number of messages.
        held: name -> messages that the guard holds, or would hold in mode observe.
        before: the totals of the previous period.
    """

    since: int = 0
    until: int = 0
    totals: dict[str, int] = {}
    entities: dict[str, dict[str, list[int]]] = {}
    guessers: dict[str, list[int]] = {}
    queue: dict[int, int] = {}
    held: dict[str, list[int]] = {}
    alarms: dict[str, Alarm] = {}
    before: dict[str, int] = {}


class DigestCounter:
    """Counts until the period ends, then restarts."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._queues: dict[str, int] = {}  # last known length of each
        self.counts = Counts()

    def take(
        self, points: Iterable[Point], events: Iterable[tuple[AlertEvent, bool]]
    ) -> list[Counts]:
        """Count points and events (with whether they are silenced); return the ended periods."""
        ended: list[Counts] = []
        waiting = sorted(events, key=lambda item: item[0].time)[::-1]
        for point in points:
            while waiting and waiting[-1][0].time <= point.time:
                self._event(*waiting.pop(), ended)
            ended += self.advance(point.time // SECOND)
            self._point(point, point.time // SECOND)
        while waiting:
            self._event(*waiting.pop(), ended)
        return ended

    def advance(self, time: int) -> list[Counts]:
        """Advance to a time in seconds; return the ended period, or None."""
        counts = self.counts
        if not counts.since:
            counts.since = time
        if not counts.until:
            counts.until = self._schedule.after(counts.since)
        if time < counts.until:
            return []
        fires = {id_: alarm for id_, alarm in counts.alarms.items() if not alarm.end}
        since = counts.until
        if time >= self._schedule.after(since):  # no watch ran for a period or more
            since = time
        self.counts = Counts(
            since,
            self._schedule.after(since),
            alarms={id_: msgspec.structs.replace(alarm) for id_, alarm in fires.items()},
            before=counts.totals,
        )
        return [counts]

    def _event(self, event: AlertEvent, muted: bool, ended: list[Counts]) -> None:
        time = event.time // SECOND
        ended += self.advance(time)
        alarms = self.counts.alarms
        known = alarms.get(event.id)
        if event.level == "OK":
            if known:
                known.end = time
            return
        message = event.message[:_MAX_TEXT]
        if known is None:
            alarms[event.id] = Alarm(message, event.level, time, muted=muted)
            if len(alarms) > _MOST_ALERTS:
                del alarms[next(iter(alarms))]
            return
        known.end = 0
        known.muted &= muted
        if LEVELS.index(event.level) > LEVELS.index(known.peak):
            known.peak, known.message = event.level, message

    def _point(self, point: Point, time: int) -> None:
        fields, totals, name = point.fields, self.counts.totals, point.name
        if name in _ENTITIES:
            self._entity(point)
        elif name == n.DELIVERY:
            _add(totals, point.tags.get("status", ""), fields.get("count"))
        elif name in (n.AUTH, n.CORE_AUTH):
            _add(totals, "failures", fields.get("failures"))
            self._guesser(point)
        elif name == n.QUEUE:
            self._queues[point.tags.get("queue", "")] = int(fields.get("length", 0))
            slot = time - time % self._schedule.slot
            length = sum(self._queues.values())
            self.counts.queue[slot] = max(self.counts.queue.get(slot, 0), length)
        elif name == n.GUARD and (who := point.tags.get("who")):
            held, observed = int(fields.get("held", 0)), int(fields.get("observed", 0))
            if held or observed:
                self.counts.held[who] = [held, observed, int(fields.get("messages", 0))]

    def _entity(self, point: Point) -> None:
        kind, tags = _ENTITIES[point.name]
        fields, totals = point.fields, self.counts.totals
        found = [int(fields.get(field, 0)) for field in _COUNTED]
        if not any(found):
            return
        if point.name != n.FORWARD:  # already counted in another measurement
            _add(totals, "messages", found[0])
            _add(totals, "recipients", found[1])
            _add(totals, "refused", found[2])
            for reason in _REASONS:
                _add(totals, reason, fields.get(reason))
        values = [point.tags.get(tag, "") for tag in tags]
        name = values[0] if len(values) == 1 else f"{values[0]} (uid {values[1]})"
        entities = self.counts.entities.setdefault(kind, {})
        known = entities.get(name)
        if known is None:
            if len(entities) >= _MOST:
                kept = sorted(entities.items(), key=lambda item: -item[1][1])[: _MOST // 2]
                entities = self.counts.entities[kind] = dict(kept)
            entities[name] = found
        else:
            for place, count in enumerate(found):
                known[place] += count

    def _guesser(self, point: Point) -> None:
        name, guessers = point.tags.get("client", ""), self.counts.guessers
        known = guessers.get(name)
        if known is None:
            if len(guessers) >= _MOST:
                kept = sorted(guessers.items(), key=lambda item: -item[1][0])[: _MOST // 2]
                guessers = self.counts.guessers = dict(kept)
            known = guessers[name] = [0, 0]
        known[0] += int(point.fields.get("failures", 0))
        known[1] = max(known[1], int(point.fields.get("users", 0)))

    def dump(self) -> Any:
        """Return all as JSON-able data."""
        return msgspec.to_builtins(self.counts, str_keys=True)

    def restore(self, kept: Any) -> None:
        """Restore what ``dump`` returned; the current settings decide the end of the period.

        Raises:
            ValueError: the data has another format.
        """
        self.counts = msgspec.convert(kept, Counts, strict=False)
        self.counts.until = self._schedule.after(self.counts.since)


def _add(totals: dict[str, int], name: str, count: Any) -> None:
    if count:
        totals[name] = totals.get(name, 0) + int(count)

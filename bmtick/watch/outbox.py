"""Notifications to be delivered: a bounded queue, retried with exponential backoff.

Programs (post, exec, log, tcp) receive each event. People (mail, channels) receive incidents. If an
incident's mail could not be delivered, its next update is merged into it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

import msgspec

from bmtick.engine import AlertEvent, Handler
from bmtick.engine.events import LEVELS
from bmtick.points import Point
from bmtick.watch.digest import Digests
from bmtick.watch.gather import Gatherer, Incident, Part, Update
from bmtick.watch.grown import merged, worded

_FIRST_WAIT: Final = 30.0  # seconds
_LONGEST_WAIT: Final = 3600.0
_MAX_TEXT: Final = 200_000  # characters of a text that are kept
CHANNEL: Final = "channel:"  # prefix of the handler kind of a channel


@dataclass
class Delivery:
    """One event for one handler, as plain data.

    ``defect`` marks a delivery that raised an unexpected error: it is retried with backoff and
    does not block others. ``thread`` is the key of the mail that this one replies to, ``incident``
    that of the first mail of its incident.
    """

    key: str
    kind: str
    args: list[Any]
    properties: dict[str, Any]
    event: dict[str, Any]
    created: float
    attempts: int = 0
    due: float = 0.0
    error: str = ""
    defect: bool = False
    thread: str = ""
    incident: str = ""


@dataclass
class Audience:
    """Recipients with the same kind of notification, and their view of incidents."""

    kind: str
    args: list[Any]
    properties: dict[str, Any]
    gatherer: Gatherer


@dataclass
class Outbox:
    """Deliveries in order.

    Args:
        limit: maximum number; beyond it the oldest are dropped.
        max_age: seconds after which a delivery is dropped.
        warn: receives one line for the administrator.
        gather: whether people receive incidents; with False they receive each event.
        digests: counts for the digest; None: there is no digest.
        under_way: ids of the deliveries that the dispatcher has.
    """

    limit: int
    max_age: float
    warn: Callable[[str], None]
    waiting: list[Delivery] = field(default_factory=list)
    unreadable: list[Any] = field(default_factory=list)  # invalid entries of a state
    gather: bool = True
    digests: Digests | None = None
    noted: list[tuple[AlertEvent, bool]] = field(default_factory=list)  # since points were counted
    audiences: dict[str, Audience] = field(default_factory=dict)
    under_way: set[int] = field(default_factory=set)
    inherited: list[Any] = field(default_factory=list)  # incidents of an older version's state

    def __len__(self) -> int:
        return len(self.waiting)

    def put(self, event: AlertEvent, now: float, *, muted: bool = False) -> None:
        """Add an event for each of its handlers; a silenced event notifies nobody."""
        if self.digests:
            self.noted.append((event, muted))
        plain: dict[str, Any] | None = None
        for number, handler in enumerate(event.handlers):
            people = handler.kind == "email" or handler.kind.startswith(CHANNEL)
            key, update = _key(event, number), None
            if people:
                audience = self._audience(handler)
                update = audience.gatherer.take(event, key, muted=muted)
            if muted or (people and update is None):
                continue
            plain = plain or _storable(_plain(event))
            args, properties = _plain_arguments(handler)
            delivery = Delivery(key, handler.kind, args, properties, plain, now, due=now)
            self._add(delivery, update)
        self._bound()

    def count(self, points: Iterable[Point], time: int, now: float) -> bool:
        """Count points, and the events since the last call, for the digest; add due mails.

        Args:
            points: in order of time.
            time: current time of the data, nanoseconds.
            now: seconds since the epoch.
        """
        events, self.noted = self.noted, []
        if self.digests is None:
            return False
        before = len(self.waiting)
        for key, content in self.digests.take(points, events, time, now):
            to = self.digests.recipients
            self.waiting.append(Delivery(key, "email", [*to], {}, content, now, due=now))
        self._bound()
        return len(self.waiting) != before

    def advance(self, time: int | None, now: float) -> bool:
        """Add pending updates of incidents that are due; return whether there are any.

        Args:
            time: of the data, nanoseconds; None: add all pending updates.
            now: seconds since the epoch.
        """
        any_told = False
        for audience in self.audiences.values():
            for update in audience.gatherer.due(time):
                any_told = True
                event = {
                    "id": update.incident.key,
                    "time": update.time,
                    "previousLevel": update.incident.peak,
                }
                message, details, level = update.sections[0]
                event |= {"message": message, "details": details, "level": level}
                key = _digest(update.incident.key, update.time)
                self._add(
                    Delivery(
                        key, audience.kind, audience.args, audience.properties, event, now, due=now
                    ),
                    update,
                )
        self._bound()
        return any_told

    def _audience(self, handler: Handler) -> Audience:
        args, properties = _plain_arguments(handler)
        name = json.dumps([handler.kind, args, properties], sort_keys=True)
        found = self.audiences.get(name)
        if found is None:
            found = Audience(handler.kind, args, properties, Gatherer(gather=self.gather))
            found.gatherer.incidents = msgspec.convert(self.inherited, list[Incident])
            self.audiences[name] = found
        return found

    def _add(self, delivery: Delivery, update: Update | None) -> None:
        """Add a delivery; merge it with an undelivered one of the same incident."""
        if update is not None:
            key = update.incident.key
            delivery.incident = key
            delivery.thread = key if key != delivery.key and delivery.kind == "email" else ""
            if self.gather:
                delivery.event = worded(delivery.event, update)
                before = next((one for one in self.waiting if self._is_stuck(one, delivery)), None)
                if before is not None:
                    self.done(before)
                    event = merged(before.event, delivery.event)
                    delivery = replace(
                        before, key=delivery.key, thread=delivery.thread, event=event
                    )
        self.waiting.append(delivery)

    def _is_stuck(self, one: Delivery, later: Delivery) -> bool:
        """Whether a pending delivery is for the same incident and the same recipients."""
        same = (one.kind, one.incident, one.args) == (later.kind, later.incident, later.args)
        if not same or id(one) in self.under_way:
            return False
        return any(d.attempts and d.kind == one.kind and not d.defect for d in self.waiting)

    def _bound(self) -> None:
        if len(self.waiting) > self.limit:
            lost = len(self.waiting) - self.limit
            del self.waiting[:lost]
            self.warn(f"more than {self.limit} deliveries wait: the {lost} oldest are given up")

    def due(self, now: float) -> Iterator[Delivery]:
        """Yield the deliveries that may be tried now, oldest first.

        After a failure, no delivery of the same kind is tried until its retry time: otherwise a mail
        server that is down would be tried for each mail. A defect does not affect others of its kind.
        """
        resting = {d.kind for d in self.waiting if d.attempts and d.due > now and not d.defect}
        for delivery in list(self.waiting):
            if delivery.defect:
                if delivery.due <= now:
                    yield delivery
                continue
            if delivery.kind in resting:
                continue
            yield delivery
            if delivery.attempts and delivery.due > now:
                resting.add(delivery.kind)

    def done(self, delivery: Delivery) -> None:
        """Remove a delivery that succeeded or failed permanently."""
        # It may have been dropped meanwhile, when the queue was full.
        self.waiting = [one for one in self.waiting if one is not delivery]

    def failed(self, delivery: Delivery, reason: str, now: float, *, defect: bool = False) -> None:
        """Schedule a retry of a failed delivery, unless it is too old."""
        delivery.attempts += 1
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(delivery.attempts - 1, 30))
        delivery.due = now + wait
        delivery.error, delivery.defect = reason, defect
        if now - delivery.created > self.max_age:
            self.warn(f"{delivery.kind} for {delivery.event.get('id')} is given up: {reason}")
            self.done(delivery)

    def dump(self) -> list[Any]:
        """Return the deliveries as JSON-able data."""
        return [*self.unreadable, *(asdict(delivery) for delivery in self.waiting)]

    def dump_incidents(self) -> dict[str, Any]:
        """Return the recipients' view of incidents as JSON-able data."""
        return {
            "inherited": self.inherited,
            "audiences": [
                [one.kind, one.args, one.properties, msgspec.to_builtins(one.gatherer.incidents)]
                for one in self.audiences.values()
                if one.gatherer.incidents
            ],
        }

    def restore_incidents(self, kept: dict[str, Any], tasks: set[str]) -> None:
        """Restore what ``dump_incidents`` returned.

        Args:
            kept: the data.
            tasks: ids of the existing alerts.

        Raises:
            ValueError: the data has another format.
        """
        self.inherited = msgspec.to_builtins(msgspec.convert(kept["inherited"], list[Incident]))
        for kind, args, properties, incidents in kept["audiences"]:
            gatherer = self._audience(Handler(kind, args, properties)).gatherer
            gatherer.incidents = msgspec.convert(incidents, list[Incident])
            gatherer.keep_only(tasks)

    def inherit(self, threads: dict[str, Any], tasks: dict[str, Any]) -> None:
        """Restore the threads of a state of version 1 or 2, as incidents that may have been reported.

        Args:
            threads: event id -> key of the thread's first mail, and the culprit.
            tasks: id of each alert -> its state, with ``last`` events by their ids.
        """
        found: dict[str, Incident] = {}
        for task, known in tasks.items():
            for id_, (level, time, message) in known.get("last", {}).items():
                if id_ not in threads or level == "OK":
                    continue
                key, culprit = threads[id_]
                incident = found.setdefault(key, Incident(key, "", time, time, time, time, mails=1))
                incident.parts[id_] = Part(task, culprit, level, level, message, time, time)
                incident.names += [culprit] * bool(culprit and culprit not in incident.names)
                incident.peak = max(incident.peak, level, key=LEVELS.index)
                incident.told = incident.news = max(incident.news, time)
        self.inherited = msgspec.to_builtins(list(found.values()))

    def restore(self, kept: Iterable[Any]) -> None:
        """Restore what ``dump`` returned; all may be tried at once. Invalid entries are set aside."""
        self.waiting, self.unreadable = [], []
        for one in kept:
            delivery = delivery_of(one)
            if delivery is None:
                self.unreadable.append(one)
            else:
                delivery.due = 0.0
                self.waiting.append(delivery)
        if self.unreadable:
            self.warn(
                f"{len(self.unreadable)} deliveries of the state cannot be read and are set aside"
            )


def delivery_of(data: Any) -> Delivery | None:
    """Return a delivery from plain data of a state; None if it is invalid."""
    if not isinstance(data, dict):
        return None
    known = {f.name for f in fields(Delivery)}
    try:
        delivery = Delivery(**{name: value for name, value in data.items() if name in known})
    except TypeError:
        return None
    right = (
        isinstance(delivery.key, str)
        and isinstance(delivery.kind, str)
        and isinstance(delivery.thread, str)
        and isinstance(delivery.incident, str)
        and isinstance(delivery.args, list)
        and isinstance(delivery.properties, dict)
        and isinstance(delivery.event, dict)
        and {"id", "message", "details"} <= delivery.event.keys()
        and all(isinstance(n, int | float) for n in (delivery.created, delivery.attempts))
    )
    return delivery if right else None


def _key(event: AlertEvent, number: int) -> str:
    return _digest(event.task, event.id, event.time, event.level, number)


def _digest(*parts: object) -> str:
    text = "\0".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _plain_arguments(handler: Handler) -> tuple[list[Any], dict[str, Any]]:
    return _storable(_numbers(handler.args)), _storable(_numbers(handler.properties))


def _plain(event: AlertEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "message": event.message[:_MAX_TEXT],
        "details": event.details[:_MAX_TEXT],
        "time": event.time,
        "duration": int(event.duration),
        "level": event.level,
        "data": event.data,
        "previousLevel": event.previous_level,
        "recoverable": event.recoverable,
        "task": event.task,
    }


def _numbers(value: Any) -> Any:
    """Return a handler's arguments for JSON: durations become integers."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return int(value)


def _storable(value: Any) -> Any:
    """Return a value that the state can store, whatever its type.

    A state that cannot be written would stop the watch.
    """
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return json.loads(json.dumps(_as_text(value)))
    return value


def _as_text(value: Any, depth: int = 0) -> Any:
    if depth < 20 and isinstance(value, dict):
        return {str(key): _as_text(item, depth + 1) for key, item in value.items()}
    if depth < 20 and isinstance(value, list | tuple):
        return [_as_text(item, depth + 1) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)[:1000]


__all__ = ["Delivery", "Handler", "Outbox", "delivery_of"]

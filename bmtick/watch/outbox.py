"""Notifications to be delivered: a bounded queue, retried with exponential backoff."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from bmtick.engine import AlertEvent, Handler

_FIRST_WAIT: Final = 30.0  # seconds
_LONGEST_WAIT: Final = 3600.0
_MAX_TEXT: Final = 200_000  # characters of a text that are kept
_MAX_THREADS: Final = 1000  # of mails, of what fires
_CULPRITS: Final = ("user", "client", "sender", "forwarder")  # tags that name the guilty one


@dataclass
class Delivery:
    """One event for one handler, as plain data.

    ``defect`` tells that to deliver it raised what nobody expects: it is tried again with all
    timeout, and holds up no other. ``thread`` is the key of the mail that this one answers.
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


@dataclass
class Outbox:
    """Deliveries in their order.

    Args:
        limit: how many are kept; beyond it the oldest are given up.
        max_age: seconds after which a delivery is given up.
        warn: takes one line for the administrator.
    """

    limit: int
    max_age: float
    warn: Callable[[str], None]
    waiting: list[Delivery] = field(default_factory=list)
    unreadable: list[Any] = field(default_factory=list)  # of a state, and no delivery
    # of what fires: event id -> key of the thread's first mail, and the guilty one
    threads: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.waiting)

    def put(self, event: AlertEvent, now: float) -> None:
        """Take an event in, once for each of its handlers."""
        plain = _storable(_plain(event))
        thread = self._thread(event)
        for number, handler in enumerate(event.handlers):
            key = _key(event, number)
            self.waiting.append(
                Delivery(
                    key,
                    handler.kind,
                    _storable(_numbers(handler.args)),
                    _storable(_numbers(handler.properties)),
                    plain,
                    now,
                    due=now,
                    thread=thread if handler.kind == "email" and thread != key else "",
                )
            )
        if len(self.waiting) > self.limit:
            lost = len(self.waiting) - self.limit
            del self.waiting[:lost]
            self.warn(f"more than {self.limit} deliveries wait: the {lost} oldest are given up")

    def _thread(self, event: AlertEvent) -> str:
        """Return the key of the mail that those of an event answer: the first of their incident.

        To one incident belong the events of one id until it is OK, all of the same account or
        machine, and what fires of the whole server, such as its queue, meanwhile.
        """
        first = next((n for n, handler in enumerate(event.handlers) if handler.kind == "email"), -1)
        if first < 0:
            return ""
        culprit = next((event.tags[tag] for tag in _CULPRITS if event.tags.get(tag)), "")
        known = self.threads.get(event.id)
        if known is None:
            like = [
                key for key, who in self.threads.values() if who == culprit or not (who and culprit)
            ]
            known = [like[-1] if like else _key(event, first), culprit]
        if event.level == "OK":
            self.threads.pop(event.id, None)
        else:
            self.threads[event.id] = known
            if len(self.threads) > _MAX_THREADS:
                del self.threads[next(iter(self.threads))]
        return known[0]

    def due(self, now: float) -> Iterator[Delivery]:
        """Yield what may be tried now, the oldest first.

        Of a kind that fails, nothing more is tried until its time has come: a mail server that is
        down would be asked for each mail. A defect says nothing about the others of its kind.
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
        """Forget what was delivered, or what never can be."""
        # it may have been given up meanwhile, when too many came
        self.waiting = [one for one in self.waiting if one is not delivery]

    def failed(self, delivery: Delivery, reason: str, now: float, *, defect: bool = False) -> None:
        """Keep for later what could not be delivered now, unless it is too old."""
        delivery.attempts += 1
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(delivery.attempts - 1, 30))
        delivery.due = now + wait
        delivery.error, delivery.defect = reason, defect
        if now - delivery.created > self.max_age:
            self.warn(f"{delivery.kind} for {delivery.event.get('id')} is given up: {reason}")
            self.done(delivery)

    def dump(self) -> list[Any]:
        """Return all as JSON-able data."""
        return [*self.unreadable, *(asdict(delivery) for delivery in self.waiting)]

    def restore(self, kept: Iterable[Any]) -> None:
        """Take what ``dump`` gave; all may be tried at once. What is no delivery is set aside."""
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
    """Return a delivery of plain data, as of a state; None where it is none."""
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
        and isinstance(delivery.args, list)
        and isinstance(delivery.properties, dict)
        and isinstance(delivery.event, dict)
        and {"id", "message", "details"} <= delivery.event.keys()
        and all(isinstance(n, int | float) for n in (delivery.created, delivery.attempts))
    )
    return delivery if right else None


def _key(event: AlertEvent, number: int) -> str:
    text = f"{event.task}\0{event.id}\0{event.time}\0{event.level}\0{number}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


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
    """Return a handler's arguments as JSON keeps them: durations become integers."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return int(value)


def _storable(value: Any) -> Any:
    """Return a value that the state can hold, whatever it was.

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

"""What is to be delivered: kept until it is, tried again with growing patience, bounded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bmtick.engine import AlertEvent, Handler

_FIRST_WAIT: Final = 30.0  # seconds
_LONGEST_WAIT: Final = 3600.0
_MAX_TEXT: Final = 200_000  # characters of a text that are kept


@dataclass
class Delivery:
    """One event for one handler, as plain data."""

    key: str
    kind: str
    args: list[Any]
    properties: dict[str, Any]
    event: dict[str, Any]
    created: float
    attempts: int = 0
    due: float = 0.0
    error: str = ""


@dataclass
class Outbox:
    """Deliveries in their order.

    Args:
        limit: how many are kept; beyond it the oldest are given up.
        patience: seconds after which a delivery is given up.
        warn: takes one line for the administrator.
    """

    limit: int
    patience: float
    warn: Callable[[str], None]
    waiting: list[Delivery] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.waiting)

    def put(self, event: AlertEvent, now: float) -> None:
        """Take an event in, once for each of its handlers."""
        plain = _plain(event)
        for number, handler in enumerate(event.handlers):
            self.waiting.append(
                Delivery(
                    _key(event, number),
                    handler.kind,
                    _numbers(handler.args),
                    _numbers(handler.properties),
                    plain,
                    now,
                    due=now,
                )
            )
        if len(self.waiting) > self.limit:
            lost = len(self.waiting) - self.limit
            del self.waiting[:lost]
            self.warn(f"more than {self.limit} deliveries wait: the {lost} oldest are given up")

    def due(self, now: float) -> Iterator[Delivery]:
        """Yield what may be tried now, the oldest first.

        Of a kind that fails, nothing more is tried until its time has come: a mail server that is
        down would be asked for each mail.
        """
        resting = {d.kind for d in self.waiting if d.attempts and d.due > now}
        for delivery in list(self.waiting):
            if delivery.kind in resting:
                continue
            yield delivery
            if delivery.attempts and delivery.due > now:
                resting.add(delivery.kind)

    def done(self, delivery: Delivery) -> None:
        """Forget what was delivered, or what never can be."""
        self.waiting.remove(delivery)

    def failed(self, delivery: Delivery, reason: str, now: float) -> None:
        """Keep for later what could not be delivered now, unless it is too old."""
        delivery.attempts += 1
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (delivery.attempts - 1))
        delivery.due = now + wait
        delivery.error = reason
        if now - delivery.created > self.patience:
            self.warn(f"{delivery.kind} for {delivery.event['id']} is given up: {reason}")
            self.done(delivery)

    def dump(self) -> list[dict[str, Any]]:
        """Return all as JSON-able data."""
        return [asdict(delivery) for delivery in self.waiting]

    def restore(self, kept: Iterable[dict[str, Any]]) -> None:
        """Take what ``dump`` gave; all may be tried at once."""
        self.waiting = [Delivery(**{**one, "due": 0.0}) for one in kept]


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


__all__ = ["Delivery", "Handler", "Outbox"]

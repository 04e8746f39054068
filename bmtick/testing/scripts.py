"""Backtests of the user's own scripts: when their alerts would have fired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bmtick.engine import AlertEvent
from bmtick.engine.events import LEVELS


@dataclass
class FiringSpan:
    """A time in which one alert id was not OK; ``end`` is None while it lasts.

    Times are in nanoseconds; ``level`` is the highest, ``message`` that of the first event with it.
    """

    id: str
    begin: int
    end: int | None
    level: str
    message: str


class FiringSpans:
    """Converts alert events to spans; ``found`` contains the spans so far."""

    def __init__(self) -> None:
        self.found: list[FiringSpan] = []
        self._firing: dict[tuple[str, str], FiringSpan] = {}

    def take(self, events: Iterable[AlertEvent]) -> None:
        """Process events in order."""
        for event in events:
            key = (event.topic, event.id)
            span = self._firing.get(key)
            if event.level == "OK":
                if span is not None:
                    span.end = event.time
                    del self._firing[key]
            elif span is None:
                span = FiringSpan(event.id, event.time, None, event.level, event.message)
                self._firing[key] = span
                self.found.append(span)
            elif LEVELS.index(event.level) > LEVELS.index(span.level):
                span.level, span.message = event.level, event.message

"""When an alert would have fired: its levels over the history, as episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bmtick.engine import Task
from bmtick.engine.events import LEVELS, OK
from bmtick.engine.messages import AnyPoint
from bmtick.engine.nodes.alert import AlertNode

VALUE: Final = "value"  # the field that each alert of the catalogue compares


@dataclass
class Episode:
    """A time in which an alert fired for one group; ``end`` is None while it still fires."""

    begin: int
    end: int | None
    level: int
    peak: float | None
    group: Mapping[str, str]

    def take(self, level: int, value: float | None) -> None:
        """Add a point to the episode."""
        self.level = max(self.level, level)
        if value is not None and (self.peak is None or value > self.peak):
            self.peak = value

    @property
    def level_name(self) -> str:
        """The highest level."""
        return LEVELS[self.level]


def alert_nodes(task: Task) -> list[AlertNode]:
    """Return the alerts of a task."""
    return [node for node in task.nodes if isinstance(node, AlertNode)]


def number(fields: Mapping[str, Any]) -> float | None:
    """Return the number that an alert compares, for peaks."""
    value = fields.get(VALUE)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return None


class Episodes:
    """Converts levels to episodes; ``found`` contains the episodes so far."""

    def __init__(self) -> None:
        self.found: list[Episode] = []
        self._firing: dict[str, Episode] = {}

    def take(self, point: AnyPoint, group: str, level: int) -> None:
        """Process the level of a group's next point."""
        known = self._firing.get(group)
        if level > OK:
            if known is None:
                known = Episode(point.time, None, level, None, point.tags)
                self._firing[group] = known
                self.found.append(known)
            known.take(level, number(point.fields))
        elif known is not None:
            known.end = point.time
            del self._firing[group]

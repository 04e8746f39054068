"""When an alert would have stood: its levels over the past, cut into episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from bmtick.engine import Task
from bmtick.engine.events import LEVELS, OK
from bmtick.engine.messages import AnyPoint, Point
from bmtick.engine.nodes.alert import AlertNode
from bmtick.engine.nodes.alert.levels import Levels

VALUE: Final = "value"  # the field that every alert of the catalogue compares


@dataclass
class Episode:
    """A time in which an alert stood for one group; ``end`` is None while it still stands."""

    begin: int
    end: int | None
    level: int
    peak: float | None
    group: Mapping[str, str]

    def take(self, level: int, value: float | None) -> None:
        """Take in one more point of the episode."""
        self.level = max(self.level, level)
        if value is not None and (self.peak is None or value > self.peak):
            self.peak = value

    @property
    def level_name(self) -> str:
        """The highest level."""
        return LEVELS[self.level]


class Judged(NamedTuple):
    """A point as it came to the alert."""

    point: AnyPoint
    group: str
    level: int


class Recorder:
    """Stands before an alert's conditions and notes what level each point got."""

    def __init__(self, node: AlertNode) -> None:
        self.node = node
        self.judged: list[Judged] = []
        self._levels = node.levels
        self._judge = node.levels.of
        node.levels = self  # type: ignore[assignment]

    def of(self, point: AnyPoint, current: int) -> int:
        """Judge a point as the alert does."""
        level = self._judge(point, current)
        group = point.group if isinstance(point, Point) else ""
        self.judged.append(Judged(point, group, level))
        return level

    @property
    def levels(self) -> Levels:
        """The alert's own conditions."""
        return self._levels


def alert_nodes(task: Task) -> list[AlertNode]:
    """Return the alerts of a task."""
    return [node for node in task._nodes if isinstance(node, AlertNode)]  # noqa: SLF001 -- a look, no touch


def number(fields: Mapping[str, Any]) -> float | None:
    """Return the number that an alert compares, for peaks."""
    value = fields.get(VALUE)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return None


@dataclass
class _Open:
    episodes: list[Episode] = field(default_factory=list)
    standing: dict[str, Episode] = field(default_factory=dict)


def episodes(judged: Iterable[tuple[AnyPoint, str, int]], least: int = OK + 1) -> list[Episode]:
    """Return the episodes, in order of their begin, in which the level was at least ``least``."""
    work = _Open()
    for point, group, level in judged:
        known = work.standing.get(group)
        if level >= least:
            if known is None:
                known = Episode(point.time, None, level, None, point.tags)
                work.standing[group] = known
                work.episodes.append(known)
            known.take(level, number(point.fields))
        elif known is not None:
            known.end = point.time
            del work.standing[group]
    return sorted(work.episodes, key=lambda episode: episode.begin)

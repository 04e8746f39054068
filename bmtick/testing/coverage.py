"""Coverage of a script by its cases: levels of its alerts, and both results of its filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bmtick.engine import Task
from bmtick.engine.events import LEVELS, OK
from bmtick.engine.nodes.alert import AlertNode
from bmtick.engine.nodes.where import WhereNode
from bmtick.errors import Location


@dataclass
class Spot:
    """A node with its possible and its reached results."""

    location: Location
    shown: str
    possible: tuple[str, ...]
    reached: set[str] = field(default_factory=set)

    @property
    def missing(self) -> list[str]:
        """The results that no case reached."""
        return [name for name in self.possible if name not in self.reached]


class Coverage:
    """Watches the nodes of tasks while cases run; the cases of one script are added up."""

    def __init__(self) -> None:
        self._spots: dict[tuple[str, int, int], Spot] = {}

    def watch(self, script: str, task: Task) -> None:
        """Watch a task before it runs."""
        for node in task.nodes:
            if isinstance(node, AlertNode):
                possible = (*(LEVELS[level] for level in node.levels.conditions), LEVELS[OK])
                spot = self._spot(script, node, "|alert()", possible)
                node.levels = _Levels(node.levels, spot)  # type: ignore[assignment]
            elif isinstance(node, WhereNode):
                spot = self._spot(script, node, "|where()", ("passes", "drops"))
                node.predicate = _Predicate(node.predicate, spot)

    def _spot(self, script: str, node: Any, shown: str, possible: tuple[str, ...]) -> Spot:
        place: Location = node.location or Location(script)
        key = (script, place.line, place.column)
        where = Location(script, place.line, place.column)
        return self._spots.setdefault(key, Spot(where, shown, possible))

    def spots(self) -> list[Spot]:
        """Return all watched nodes, in the order of the scripts."""
        return [self._spots[key] for key in sorted(self._spots)]

    def lines(self) -> Iterator[str]:
        """Yield unreached results, one line each, and a line of totals."""
        spots = self.spots()
        for spot in spots:
            if spot.missing:
                yield f"{spot.location}: {spot.shown} never {_never(spot.missing)}"
        total = sum(len(spot.possible) for spot in spots)
        reached = total - sum(len(spot.missing) for spot in spots)
        share = 100 * reached // total if total else 100
        yield f"coverage: {reached} of {total} levels and branches ({share} %)"


def _never(missing: list[str]) -> str:
    words = [f"became {name}" if name in LEVELS else name for name in missing]
    return " or ".join(words)


class _Levels:
    """An alert's conditions; records each level."""

    def __init__(self, levels: Any, spot: Spot) -> None:
        self._levels, self._spot = levels, spot

    def of(self, point: Any, current: int) -> int:
        level: int = self._levels.of(point, current)
        # OK is reached if a higher level ends, not if nothing happens.
        if level != OK or current != OK:
            self._spot.reached.add(LEVELS[level])
        return level

    def __getattr__(self, name: str) -> Any:
        return getattr(self._levels, name)


class _Predicate:
    """A filter's condition; records both results. Each group has a copy."""

    def __init__(self, predicate: Any, spot: Spot) -> None:
        self._predicate, self._spot = predicate, spot

    def __call__(self, *point: Any) -> bool:
        passes: bool = self._predicate(*point)
        self._spot.reached.add("passes" if passes else "drops")
        return passes

    def copy(self) -> _Predicate:
        return _Predicate(self._predicate.copy(), self._spot)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predicate, name)

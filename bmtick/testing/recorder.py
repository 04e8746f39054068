"""Stores the points before an alert's conditions, so that another threshold can be evaluated.

A month has many points but few distinct ones: points with equal inputs of the conditions are stored
once, and each point only as an index.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from typing import Any

from bmtick.engine.events import CRITICAL, OK
from bmtick.engine.messages import AnyPoint, Point
from bmtick.engine.nodes.alert import AlertNode
from bmtick.engine.nodes.alert.levels import Levels
from bmtick.testing.episodes import VALUE, Episodes, number


class Recorder:
    """Precedes an alert's conditions and records their result for each point."""

    def __init__(self, node: AlertNode) -> None:
        self.episodes = Episodes()
        self.order = array("L")  # index of each point in the distinct points
        self._levels = levels = node.levels
        self._judge = levels.of
        self._names = sorted({VALUE, *(n for p in levels.predicates for n in p.references)})
        self._alike = is_timeless(levels)
        self._numbers: dict[Any, int] = {}
        self._different: list[tuple[AnyPoint, str]] = []
        node.levels = self  # type: ignore[assignment]

    def of(self, point: AnyPoint, current: int) -> int:
        """Return the level of a point, as the alert does."""
        level = self._judge(point, current)
        group = group_of(point)
        self.episodes.take(point, group, level)
        key = self._key(point, group) if self._alike else len(self.order)
        place = self._numbers.get(key)
        if place is None:
            place = self._numbers[key] = len(self._different)
            self._different.append((point, group))
        self.order.append(place)
        return level

    def _key(self, point: AnyPoint, group: str) -> tuple[Any, ...]:
        fields, tags = point.fields, point.tags
        key: list[Any] = [group]
        for name in self._names:
            value = fields[name] if name in fields else tags.get(name)
            key += (type(value), value, name in tags)
        return tuple(key)

    @property
    def predicates(self) -> list[Any]:
        """The alert's own conditions and resets."""
        return self._levels.predicates

    def values(self) -> Counter[float]:
        """Return the values that the alert compared, and how often."""
        found: Counter[float] = Counter()
        for place, times in Counter(self.order).items():
            value = number(self._different[place][0].fields)
            if value is not None and not math.isnan(value):
                found[value] += times
        return found

    def count(self, levels: Levels) -> int:
        """Return how often a group would have become CRITICAL with other conditions of this form."""
        known: dict[tuple[int, int], int] = {}
        changes = Changes()
        before_of = changes.levels.get
        for place in self.order:
            point, group = self._different[place]
            before = before_of(group, OK)
            level = known.get((place, before))
            if level is None:
                level = levels.of(point, before)
                if self._alike:
                    known[place, before] = level
            if level != before:
                changes.take(group, level)
        return changes.critical


class Changes:
    """The level of each group, and how often a group became CRITICAL."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.critical = 0

    def take(self, group: str, level: int) -> None:
        """Process the level of a group's next point."""
        self.critical += level >= CRITICAL > self.levels.get(group, OK)
        self.levels[group] = level


class Counted:
    """Precedes an alert's conditions and counts how often a group becomes CRITICAL."""

    def __init__(self, node: AlertNode) -> None:
        self.changes = Changes()
        self._judge = node.levels.of
        node.levels = self  # type: ignore[assignment]

    def of(self, point: AnyPoint, current: int) -> int:
        """Return the level of a point, as the alert does."""
        level = self._judge(point, current)
        self.changes.take(group_of(point), level)
        return level


def is_timeless(levels: Levels) -> bool:
    """Return whether equal values give equal levels: no state and no time of day."""
    return all(p.expression.pure and "time" not in p.references for p in levels.predicates)


def group_of(point: AnyPoint) -> str:
    """Return the group of a point; points of a batch have no own group."""
    return point.group if isinstance(point, Point) else ""

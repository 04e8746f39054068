"""Cuts a task above its threshold and keeps the points there, so another threshold needs no rerun.

An alert may compare with a field that an eval directly before it computes from the threshold. All
nodes above that eval give the same results for every threshold. It is enough to pass these results
through the eval and the alert's conditions of a task with another threshold.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, Self

from bmtick.engine import Task
from bmtick.engine.messages import STREAM, AnyPoint, Barrier, Point
from bmtick.engine.node import Node, Out
from bmtick.engine.nodes.alert import AlertNode
from bmtick.engine.nodes.eval_ import EvalNode
from bmtick.testing.episodes import alert_nodes
from bmtick.testing.recorder import Changes, group_of, is_timeless
from bmtick.tick import ast


class Cut:
    """Precedes the evals that lead to an alert, and keeps each distinct point once."""

    def __init__(self, evals: list[EvalNode]) -> None:
        self.order = array("L")  # index of each point in the distinct points
        self._numbers: dict[Any, int] = {}
        self._different: list[Point] = []
        self._first = first = evals[0]
        self._expressions = [expression for node in evals for expression in node.expressions]
        parent = first.parents[0]
        parent.connect([Out(self) if out.receiver is first else out for out in parent.outs])

    @classmethod
    def between(cls, task: Task, other: Task) -> Self | None:
        """Cut a task above its threshold; return None if that is impossible.

        It is possible if one alert directly follows evals without state and clock, and every node above
        them is equal in both tasks.
        """
        alerts = alert_nodes(task)
        evals = _evals(alerts[0]) if len(alerts) == 1 else []
        if not evals or not _is_free(alerts[0]):
            return None
        theirs = {node.id: node for node in other.nodes}
        for node in _above(evals[0]):
            if _definition(node) != _definition(theirs[node.id]):
                return None
        return cls(evals)

    def point(self, point: Point) -> None:
        """Store a point and forward it."""
        fields = tuple([(name, type(value), value) for name, value in point.fields.items()])
        key = (point.name, point.group, tuple(point.tags.items()), fields)
        place = self._numbers.get(key)
        if place is None:
            place = self._numbers[key] = len(self._different)
            self._different.append(point)
        self.order.append(place)
        self._first.point(point)

    def barrier(self, barrier: Barrier) -> None:
        """Forward a barrier."""
        self._first.barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Forward the end of a group."""
        self._first.delete_group(group)

    @property
    def broken(self) -> bool:
        """Whether an eval depends on earlier points: the cut is then useless."""
        return any(expression.broken for expression in self._expressions)

    def count(self, task: Task) -> int:
        """Return how often a group would have become CRITICAL in a task with another threshold."""
        (alert,) = alert_nodes(task)
        judge = _Judge(alert)
        take = _evals(alert)[0].point
        judged: list[tuple[str, int] | None] = []
        for point in self._different:
            judge.found = None  # stays None if an eval fails on the point
            take(point)
            judged.append(judge.found)
        changes = Changes()
        for place in self.order:
            found = judged[place]
            if found is not None:
                changes.take(*found)
        return changes.critical


class _Judge:
    """Replaces an alert's conditions: stores the level, so that the alert sends nothing."""

    def __init__(self, node: AlertNode) -> None:
        self.found: tuple[str, int] | None = None
        self._judge = node.levels.of
        node.levels = self  # type: ignore[assignment]

    def of(self, point: AnyPoint, current: int) -> int:
        """Record the group and the level of a point."""
        self.found = group_of(point), self._judge(point, current)
        return current


def _evals(alert: AlertNode) -> list[EvalNode]:
    """Return the stateless evals directly before an alert, first one first."""
    found: list[EvalNode] = []
    node: Node = alert
    while len(node.parents) == 1:
        (parent,) = node.parents
        if (
            not isinstance(parent, EvalNode)
            or parent.provides != STREAM
            or len(parent.children) != 1
            or not all(e.memoryless and "time" not in e.references for e in parent.expressions)
        ):
            break
        found.insert(0, parent)
        node = parent
    return found


def _is_free(alert: AlertNode) -> bool:
    """Return whether a level depends only on the point: no state, no clock, no reset."""
    resets = alert.info_reset or alert.warn_reset or alert.crit_reset
    return not resets and is_timeless(alert.levels)


def _above(node: Node) -> Iterator[Node]:
    for parent in node.parents:
        yield parent
        yield from _above(parent)


_PLAIN = (bool, int, float, str, ast.Node, type(None))


def _definition(node: Node) -> Any:
    """Return the script's text of a node."""
    return type(node), {name: value for name, value in vars(node).items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    return isinstance(value, _PLAIN)

"""Where a threshold first counts: what comes there is kept, so that another needs no other run.

An alert may compare with a field that an eval just before it has made of the threshold. All nodes
above that eval do the same for every threshold, so it is enough to take what they gave through the
eval and the alert's conditions of a task with another threshold.
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
    """Stands before the evals that lead to an alert, and keeps of equal points one."""

    def __init__(self, evals: list[EvalNode]) -> None:
        self.order = array("L")  # the number of each point, among the different ones
        self._numbers: dict[Any, int] = {}
        self._different: list[Point] = []
        self._first = first = evals[0]
        self._expressions = [expression for node in evals for expression in node.expressions]
        parent = first.parents[0]
        parent.connect([Out(self) if out.receiver is first else out for out in parent.outs])

    @classmethod
    def between(cls, task: Task, other: Task) -> Self | None:
        """Cut a task where it may differ from one with another threshold; None: it cannot be cut.

        It can where one alert comes straight after evals, all of them without memory and clock, and
        every node above them is the same in both tasks.
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
        """Keep a point, and pass it on."""
        fields = tuple([(name, type(value), value) for name, value in point.fields.items()])
        key = (point.name, point.group, tuple(point.tags.items()), fields)
        place = self._numbers.get(key)
        if place is None:
            place = self._numbers[key] = len(self._different)
            self._different.append(point)
        self.order.append(place)
        self._first.point(point)

    def barrier(self, barrier: Barrier) -> None:
        """Pass a barrier on."""
        self._first.barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Pass the end of a group on."""
        self._first.delete_group(group)

    @property
    def broken(self) -> bool:
        """Whether an eval has come to depend on the points before: the cut is of no use then."""
        return any(expression.broken for expression in self._expressions)

    def count(self, task: Task) -> int:
        """Return how often a group would have become CRITICAL in a task with another threshold."""
        (alert,) = alert_nodes(task)
        judge = _Judge(alert)
        take = _evals(alert)[0].point
        judged: list[tuple[str, int] | None] = []
        for point in self._different:
            judge.found = None  # and so it stays if an eval fails on the point
            take(point)
            judged.append(judge.found)
        changes = Changes()
        for place in self.order:
            found = judged[place]
            if found is not None:
                changes.take(*found)
        return changes.critical


class _Judge:
    """In place of an alert's conditions: keeps the level, so that the alert stays quiet."""

    def __init__(self, node: AlertNode) -> None:
        self.found: tuple[str, int] | None = None
        self._judge = node.levels.of
        node.levels = self  # type: ignore[assignment]

    def of(self, point: AnyPoint, current: int) -> int:
        """Note the group and the level of a point."""
        self.found = group_of(point), self._judge(point, current)
        return current


def _evals(alert: AlertNode) -> list[EvalNode]:
    """Return the evals without memory that come straight before an alert, the first one first."""
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
    """Say whether a level depends on nothing but the point: no memory, no clock, no reset."""
    resets = alert.info_reset or alert.warn_reset or alert.crit_reset
    return not resets and is_timeless(alert.levels)


def _above(node: Node) -> Iterator[Node]:
    for parent in node.parents:
        yield parent
        yield from _above(parent)


_PLAIN = (bool, int, float, str, ast.Node, type(None))


def _definition(node: Node) -> Any:
    """Return what the script says of a node."""
    return type(node), {name: value for name, value in vars(node).items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    return isinstance(value, _PLAIN)

"""Determines the level of a point from the alert's conditions and resets.

Source: kapacitor ``alert.go`` (``determineLevel``). All groups share the state of the conditions,
as in Kapacitor.
"""

from __future__ import annotations

from collections.abc import Callable

from bmtick.engine.events import CRITICAL, INFO, LEVELS, OK, WARNING
from bmtick.engine.lambdas import EvaluationError
from bmtick.engine.messages import AnyPoint
from bmtick.engine.predicate import Predicate
from bmtick.tick import ast


class Levels:
    """The compiled conditions of an alert."""

    def __init__(
        self,
        conditions: tuple[ast.Lambda | None, ast.Lambda | None, ast.Lambda | None],
        resets: tuple[ast.Lambda | None, ast.Lambda | None, ast.Lambda | None],
        compiler: Callable[[ast.Lambda], Predicate],
        report: Callable[[str, object], None],
    ) -> None:
        self.report = report
        self.conditions: dict[int, Predicate] = {}
        self.resets: dict[int, Predicate] = {}
        for level, condition, reset in zip(
            (INFO, WARNING, CRITICAL), conditions, resets, strict=True
        ):
            if condition is not None:
                self.conditions[level] = compiler(condition)
                if reset is not None:
                    self.resets[level] = compiler(reset)

        self._highest_first = sorted(self.conditions.items(), reverse=True)

    @property
    def predicates(self) -> list[Predicate]:
        """All conditions and resets, in a fixed order."""
        return [*self.conditions.values(), *self.resets.values()]

    def of(self, point: AnyPoint, current: int) -> int:
        """Return the level of a point, given the current level of its group."""
        higher = self._first(CRITICAL, current - 1, point)
        if higher:
            return higher
        reset = self.resets.get(current)
        if reset is not None:
            try:
                if not reset(point.fields, point.tags, point.time):
                    return current
            except EvaluationError as error:
                self.report(
                    f"error evaluating reset expression for current level {LEVELS[current]}",
                    error,
                )
        return self._first(current, OK, point)

    def _first(self, start: int, stop: int, point: AnyPoint) -> int:
        for level, condition in self._highest_first:
            if level > start:
                continue
            if level <= stop:
                return OK
            try:
                if condition(point.fields, point.tags, point.time):
                    return level
            except EvaluationError as error:
                self.report(f"error evaluating expression for level {LEVELS[level]}", error)
        return OK

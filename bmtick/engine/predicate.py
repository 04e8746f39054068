"""Evaluates lambdas on points: fills the scope from fields, tags and time.

Source: kapacitor ``expr.go``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bmtick.engine.lambdas import MISSING, EvaluationError, Expression, Time
from bmtick.engine.messages import Fields, Tags


class TaskStopped(Exception):  # noqa: N818 -- the term of Kapacitor's log
    """A node failed in a way that also stops the task in Kapacitor."""


def fill_scope(
    scope: dict[str, Any],
    references: Sequence[str],
    fields: Fields,
    tags: Tags,
    time: int,
) -> None:
    """Set the references of an expression from a point.

    Raises:
        EvaluationError: a name is a field and a tag.
    """
    for name in references:
        if name in fields:
            if name == "time":
                scope[name] = Time(time)
                continue
            if name in tags:
                raise EvaluationError(f'cannot have field and tags with same name "{name}"')
            scope[name] = fields[name]
        elif name == "time":
            scope[name] = Time(time)
        elif name in tags:
            scope[name] = tags[name]
        elif name not in scope:
            scope[name] = MISSING


class Predicate:
    """A lambda that must give a boolean; keeps the state of stateful functions."""

    __slots__ = ("_fast", "expression", "references")

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self.references = expression.references
        self._fast = expression.condition_of_point()

    def copy(self) -> Predicate:
        """Return the predicate with fresh state, for another group."""
        return Predicate(self.expression.copy())

    def __call__(self, fields: Fields, tags: Tags, time: int) -> bool:
        """Return whether a point passes.

        Raises:
            EvaluationError: the expression has no boolean value for it.
            TaskStopped: Kapacitor's server would crash here.
        """
        try:
            passes: bool = self._fast(fields, tags, time)
        except Exception:  # noqa: BLE001 -- the exact evaluation says what is wrong, if anything
            return self._decide(fields, tags, time)
        return passes

    def _decide(self, fields: Fields, tags: Tags, time: int) -> bool:
        scope: dict[str, Any] = {}
        fill_scope(scope, self.references, fields, tags, time)
        try:
            return self.expression.decide_exactly(scope)
        except EvaluationError as error:
            if error.panic:
                raise TaskStopped(f"{error.message} (Kapacitor's server crashes here)") from None
            raise

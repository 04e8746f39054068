"""Evaluates in exactly Kapacitor's order: first all types, then the values.

Source: influxdata/kapacitor 1.5.7 ``tick/stateful/eval_*_node.go``. All groups of points share the
nodes and their cached operations: once an operand changes to a type that no operator fits, the
operator stays broken. The state of functions belongs to the group.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from bmtick.durations import format_go_duration
from bmtick.engine.lambdas.functions import STATEFUL, Stateful
from bmtick.tick.regexes import Regex
from bmtick.tick.strconv import format_float_g
from bmtick.tick.types import (
    MISSING,
    TYPES,
    Duration,
    EvaluationError,
    Missing,
    Time,
    Type,
    TypeGuardError,
    wrap,
)

Scope = Mapping[str, Any]
State = Mapping[str, Stateful]


def new_state() -> dict[str, Stateful]:
    """Return new stateful functions for one group."""
    return {name: make() for name, make in STATEFUL.items()}


class Evaluator(ABC):
    """One node. ``constant`` is its type if it is known without a scope."""

    go_name: str
    constant: Type = None

    @abstractmethod
    def type(self, scope: Scope) -> Type:
        """Return the type in this scope."""

    @abstractmethod
    def eval(self, want: Type, scope: Scope, state: State) -> Any:
        """Return the value, which must have the type ``want``."""

    def is_dynamic(self) -> bool:
        """Return whether the type may change from point to point."""
        return False


class Literal(Evaluator):
    """A constant."""

    go_name = "Literal"

    def __init__(self, value: Any) -> None:
        self.value = value
        self.constant = type(value)

    def type(self, scope: Scope) -> Type:  # noqa: ARG002 -- Evaluator's signature
        """Return the type, like Kapacitor's ``Type``."""
        return self.constant

    def eval(self, want: Type, scope: Scope, state: State) -> Any:  # noqa: ARG002
        """Return the value, like Kapacitor's ``EvalFloat`` and similar."""
        if want is not self.constant:
            raise TypeGuardError(want, self.constant)
        return self.value

    def __str__(self) -> str:
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, float):
            return format_float_g(self.value)
        if isinstance(self.value, Duration):
            return format_go_duration(self.value)
        return self.value.pattern if isinstance(self.value, Regex) else str(self.value)


class Reference(Evaluator):
    """A field, a tag or ``"time"``."""

    go_name = "EvalReferenceNode"

    def __init__(self, name: str) -> None:
        self.name = name

    def _get(self, scope: Scope) -> Any:
        if self.name in scope:
            return scope[self.name]
        names = ",".join(sorted(scope))
        raise EvaluationError(f'name "{self.name}" is undefined. Names in scope: {names}')

    def type(self, scope: Scope) -> Type:
        """Return the type, like Kapacitor's ``Type``."""
        kind = type(self._get(scope))
        return kind if kind in TYPES else None

    def eval(self, want: Type, scope: Scope, state: State) -> Any:  # noqa: ARG002
        """Return the value, like Kapacitor's ``EvalFloat`` and similar."""
        value = self._get(scope)
        if want is Missing and value is MISSING:
            raise EvaluationError(f'missing value: "{self.name}"')
        if type(value) is want:
            return value
        if value is MISSING:
            raise EvaluationError(f'reference "{self.name}" is missing value')
        raise TypeGuardError(want, type(value))

    def is_dynamic(self) -> bool:
        """Return Kapacitor's ``IsDynamic``."""
        return True

    def __str__(self) -> str:
        return f'"{self.name}"'


class Unary(Evaluator):
    """``!x`` and ``-x``."""

    go_name = "EvalUnaryNode"

    def __init__(self, operator: str, operand: Evaluator) -> None:
        self.operator, self.operand = operator, operand
        self.constant = bool if operator == "!" else operand.constant

    def type(self, scope: Scope) -> Type:
        """Return the type, like Kapacitor's ``Type``."""
        return self.operand.type(scope) if self.constant is None else self.constant

    def eval(self, want: Type, scope: Scope, state: State) -> Any:
        """Return the value, like Kapacitor's ``EvalFloat`` and similar."""
        if want is Missing:
            if not isinstance(self.operand, Reference):
                raise EvaluationError(
                    "expected nodeEvaluator to be *EvalReferenceNode got "
                    f"*stateful.{self.operand.go_name}"
                )
            raise EvaluationError(f'reference "{self.operand.name}" is missing value')
        if want not in (bool, int, float, Duration):
            raise TypeGuardError(want, self.constant)
        kind = self.type(scope)
        if kind is not want:
            raise TypeGuardError(want, kind)
        value = self.operand.eval(want, scope, state)
        if want is bool:
            return not value
        return -value if want is float else kind(wrap(-value))

    def is_dynamic(self) -> bool:
        """Return Kapacitor's ``IsDynamic``."""
        return self.constant is None and self.operand.is_dynamic()

    def __str__(self) -> str:
        return f"{self.operator}{self.operand}"


class Nested(Evaluator):
    """A lambda inside another, from a var: all groups share its state."""

    go_name = "EvalLambdaNode"

    def __init__(self, expression: Evaluator) -> None:
        self.expression = expression
        self.constant = expression.constant
        self.state = new_state()

    def type(self, scope: Scope) -> Type:
        """Return the type, like Kapacitor's ``Type``."""
        return self.expression.type(scope) if self.constant is None else self.constant

    def eval(self, want: Type, scope: Scope, state: State) -> Any:  # noqa: ARG002
        """Return the value, like Kapacitor's ``EvalFloat`` and similar."""
        kind = self.type(scope)
        if kind is want and want is not Time:
            return self.expression.eval(want, scope, self.state)
        raise TypeGuardError(bool if want is Missing else want, kind)

    def is_dynamic(self) -> bool:
        """Return Kapacitor's ``IsDynamic``."""
        return self.expression.is_dynamic()

    def __str__(self) -> str:
        return str(self.expression)

"""Binary operators, with Kapacitor's choice of the function for the types of the operands.

Source: influxdata/kapacitor 1.5.7 ``tick/stateful/eval_binary_node.go``.
"""

from __future__ import annotations

from typing import Any, Final

from bmtick.engine.lambdas.nodes import Evaluator, Reference, Scope, State
from bmtick.tick.arithmetic import KINDS, KNOWN_FOR, OPERATIONS, Operation
from bmtick.tick.types import (
    Duration,
    EvaluationError,
    Missing,
    Type,
    TypeGuardError,
    go_type_name,
    type_name,
)

LOGIC: Final = {"AND": False, "OR": True}
"""The value of the left side that decides the result alone."""
_TRIES: Final = 8  # more attempts than two operand types can need
_DYNAMIC: Final = "look at the types first"


class Binary(Evaluator):
    """``left OPERATOR right``.

    Args:
        operator: its text.
        left: the one side.
        right: the other side.
        noted: receives the operations of a one-pass evaluation, applied if it succeeds.

    Raises:
        EvaluationError: no operator fits these constants.
    """

    go_name = "EvalBinaryNode"

    def __init__(
        self,
        operator: str,
        left: Evaluator,
        right: Evaluator,
        noted: list[tuple[Binary, Operation]],
    ) -> None:
        self.noted = noted
        self.operator, self.left, self.right = operator, left, right
        self.dynamic = left.is_dynamic() or right.is_dynamic()
        self.constant = self._constant()
        self.stuck = False
        self._left_type: Type = None
        self._right_type: Type = None
        self.chosen: Operation | str | None = _DYNAMIC
        if not self.dynamic:
            self._left_type, self._right_type = left.constant, right.constant
            self.chosen = self._lookup()
            if self.chosen is None:
                raise self._type_error()

    def _constant(self) -> Type:
        if KINDS[self.operator] != "math":
            return bool
        found = OPERATIONS.get((self.operator, self.left.constant, self.right.constant))
        return found.result if found else None

    def _lookup(self) -> Operation | None:
        return OPERATIONS.get((self.operator, self._left_type, self._right_type))

    def type(self, scope: Scope) -> Type:
        """Return the type, like Kapacitor's ``Type``."""
        if self.constant is not None:
            return self.constant
        self._left_type = self.left.type(scope)
        self._right_type = self.right.type(scope)
        found = self._lookup()
        if found is None:
            raise self._type_error()
        return found.result

    def is_dynamic(self) -> bool:
        """Return Kapacitor's ``IsDynamic``."""
        return self.constant is None and self.dynamic

    def eval(self, want: Type, scope: Scope, state: State) -> Any:
        """Return the value, like Kapacitor's ``EvalFloat`` and similar."""
        if want not in (bool, int, float, str, Duration):
            raise TypeGuardError(want, self.constant)
        if want is bool and self.dynamic:
            self.chosen = _DYNAMIC
        value = self._run(scope, state)
        kind = type(value)
        if kind is want:
            return value
        if want in (int, float):
            raise TypeGuardError(want, kind if kind in (int, float) else self.constant)
        shown = go_type_name(kind) if kind in (bool, int, float) else "<nil>"
        raise EvaluationError(f"expression returned unexpected type {shown}")

    def _run(self, scope: Scope, state: State) -> Any:
        if self.chosen is _DYNAMIC:
            self._left_type = self.left.type(scope)
            self._right_type = self.right.type(scope)
            self.chosen = self._lookup()
        for _ in range(_TRIES):
            chosen = self.chosen
            if not isinstance(chosen, Operation):
                raise self._type_error_in(scope)
            on_left = True
            try:
                left: Any = self.left.eval(chosen.left, scope, state)
                if left is LOGIC.get(self.operator):
                    return left
                on_left = False
                right = self.right.eval(chosen.right, scope, state)
            except TypeGuardError as error:
                if self._learn(error.actual, on_left=on_left) is None:
                    self.stuck = True
                    raise
            else:
                return chosen.apply(left, right)
        # An operand does not have a value of its type: Kapacitor retries without end.
        raise EvaluationError("stack overflow", panic=True)

    def settles_on(self, operation: Operation) -> bool:
        """Return whether the exact node would use this operation; record it if it is the first."""
        if self.chosen == _DYNAMIC:
            self.noted.append((self, operation))
            return True
        return self.chosen is operation

    def settle(self, operation: Operation) -> None:
        """Use this operation from now on, as after an evaluation."""
        self.chosen = operation

    def _learn(self, actual: Type, *, on_left: bool) -> Operation | None:
        if on_left:
            self._left_type = actual
        else:
            self._right_type = actual
        self.chosen = found = self._lookup()
        return found

    def _type_error_in(self, scope: Scope) -> EvaluationError:
        """Return the error that no operator fits, after reading both operand types again."""
        for side, node in (("left", self.left), ("right", self.right)):
            try:
                kind = node.type(scope)
            except EvaluationError as error:
                return EvaluationError(f"can't get the type of the {side} node: {error}")
            if side == "left":
                self._left_type = kind
            else:
                self._right_type = kind
            if kind is None:
                return EvaluationError(f"{side} value is invalid value type")
            if kind is Missing:
                return _missing(side, node)
        return self._type_error()

    def _type_error(self) -> EvaluationError:
        left, right = self._left_type, self._right_type
        known = (left, self.operator) in KNOWN_FOR
        # Kapacitor reads the left type in both cases.
        for kind in (left, right):
            if kind is not None and not known:
                kind_name = type_name(kind)
                return EvaluationError(
                    f"invalid {KINDS[self.operator]} operator {self.operator} for type {kind_name}"
                )
        return EvaluationError(
            f"mismatched type to binary operator. got {type_name(left)} {self.operator} "
            f"{type_name(right)}. see bool(), int(), float(), string(), duration()"
        )

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


def _missing(side: str, node: Evaluator) -> EvaluationError:
    if isinstance(node, Reference):
        return EvaluationError(f'{side} reference value "{node.name}" is missing value')
    return EvaluationError(
        f"expected {side}Evaluator to be *EvalReferenceNode got *stateful.{node.go_name}"
    )

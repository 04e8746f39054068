"""Evaluates lambdas over whole columns of points, with the same results as the exact nodes.

A column contains integers, floats or booleans of one type. Integers stay below 2**53, so that no
sum overflows and no conversion to float rounds; larger values are refused. Parts of a lambda that
read only tags are evaluated once per series, by the exact nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from bmtick.engine.lambdas import MISSING, EvaluationError, Expression
from bmtick.engine.lambdas.binary import Binary
from bmtick.engine.lambdas.call import Call
from bmtick.engine.lambdas.nodes import Evaluator, Nested, Reference, Unary
from bmtick.tick.arithmetic import OPERATIONS

LIMIT: Final = 1 << 53
_COMPARISONS: Final[Mapping[str, Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}
_NUMBERS: Final = (int, float, bool)
_ARITHMETIC: Final[Mapping[str, Any]] = {"+": np.add, "-": np.subtract, "*": np.multiply}


class NotColumnarError(Exception):
    """This case needs the exact engine; the text gives the reason."""


class Vector(NamedTuple):
    """Values of one type: an array with one value per row, or one value for all rows."""

    kind: type
    values: Any


class Scope:
    """The rows for the evaluation of lambdas.

    Args:
        columns: the fields of all rows.
        tags: the tags of each series.
        series: the number of each row's series.
        ranks: returns the number of each row in its group, from 1; None where unavailable.
    """

    def __init__(
        self,
        columns: Mapping[str, Vector],
        tags: Sequence[Mapping[str, str]],
        series: Any,
        ranks: Callable[[], Any] | None = None,
    ) -> None:
        self.columns, self.tags, self.series, self.ranks = columns, tags, series, ranks
        self.tag_names = {name for one in tags for name in one}

    def evaluate(self, expression: Expression) -> Vector:
        """Return the values of a lambda.

        Raises:
            NotColumnarError: it may fail on a row, or does not support columns.
        """
        if expression.reads_clock or "time" in expression.references:
            raise NotColumnarError("a lambda reads the time")
        if expression.stateful and (self.ranks is None or _counts(expression.root) != 1):
            raise NotColumnarError("a lambda remembers")
        for name in expression.references:
            if name in self.columns and name in self.tag_names:
                raise NotColumnarError(f"{name} is a field and a tag")
        return self._of(expression.root)

    def condition(self, expression: Expression) -> Any:
        """Return a condition's value for each row.

        Raises:
            NotColumnarError: as ``evaluate``.
        """
        kind, values = self.evaluate(expression)
        if kind is not bool:
            raise NotColumnarError("a condition is no boolean")
        return np.broadcast_to(values, self.series.shape)

    def _of(self, node: Evaluator) -> Vector:
        if not _names(node) & self.columns.keys() and not _counts(node):
            return self._of_series(node)
        match node:
            case Reference():
                return self.columns[node.name]
            case Nested():
                return self._of(node.expression)
            case Unary():
                return _negated(node.operator, self._of(node.operand))
            case Binary():
                if node.operator in ("AND", "OR") and _counts(node):
                    raise NotColumnarError("a lambda may not count each row")
                return _binary(node.operator, self._of(node.left), self._of(node.right))
            case Call():
                return self._call(node)
        raise NotColumnarError(f"a {type(node).__name__} of columns")

    def _of_series(self, node: Evaluator) -> Vector:
        """Evaluate a node that reads no field, with the exact nodes."""
        names = _names(node)
        if not names:
            value = _exactly(node, {})
            return Vector(type(value), value)
        if not names <= self.tag_names:
            raise NotColumnarError("a lambda reads what not all points have")
        known: dict[tuple[Any, ...], Any] = {}
        ordered = sorted(names)
        values: list[Any] = []
        used = set(np.unique(self.series).tolist())
        for number, tags in enumerate(self.tags):
            if number not in used:
                values.append(None)
                continue
            key = tuple([tags.get(name, MISSING) for name in ordered])
            if key not in known:
                known[key] = _exactly(node, dict(zip(ordered, key, strict=True)))
            values.append(known[key])
        kinds = {type(values[number]) for number in used}
        if len(kinds) != 1:
            raise NotColumnarError("a lambda gives several types")
        kind = kinds.pop()
        if kind in (int, float, bool):
            plain = [value if value is not None else kind() for value in values]
            return Vector(kind, np.array(plain, dtype=kind)[self.series])
        return Vector(kind, Texts(values))

    def _call(self, node: Call) -> Vector:
        if node.name == "isPresent" and len(node.args) == 1:
            self._of(node.args[0])
            return Vector(bool, True)
        if node.name == "count" and node.stateful and not node.args and self.ranks is not None:
            return Vector(int, self.ranks())
        args = [self._of(arg) for arg in node.args]
        kinds = [arg.kind for arg in args]
        match node.name, kinds:
            case "int", [one] if one is Mixed:
                return Vector(int, args[0].values)
            case "int", [one] if one is int:
                return args[0]
            case "float", [one] if one is float:
                return args[0]
            case "float", [one] if one is int:
                return Vector(float, np.asarray(args[0].values).astype(np.float64))
            case "int", [one] if one is float:
                return _truncated(args[0].values)
            case "min" | "max", [one, other] if one is float and other is float:
                return _extreme(node.name, args[0].values, args[1].values)
            case "if", [one, left, right] if one is bool and left is right and left in _NUMBERS:
                return Vector(left, np.where(args[0].values, args[1].values, args[2].values))
        raise NotColumnarError(f"the function {node.name} of columns")


class Texts(NamedTuple):
    """Strings, one for each series: the results of lambdas over tags."""

    of_series: list[str]


class Mixed:
    """The type of integers with some floats, which are all zero: sums of empty windows."""


def _exactly(node: Evaluator, scope: Mapping[str, Any]) -> Any:
    try:
        return node.eval(node.type(scope), scope, {})
    except EvaluationError as error:
        raise NotColumnarError(error.message) from None


def _names(node: Evaluator) -> frozenset[str]:
    match node:
        case Reference():
            return frozenset((node.name,))
        case Unary():
            return _names(node.operand)
        case Nested():
            return _names(node.expression)
        case Binary():
            return _names(node.left) | _names(node.right)
        case Call():
            return frozenset().union(*[_names(arg) for arg in node.args])
    return frozenset()


def _counts(node: Evaluator) -> int:
    """Return the number of calls of stateful functions; functions other than ``count`` weigh more."""
    match node:
        case Unary():
            return _counts(node.operand)
        case Nested():
            return 2 * _counts(node.expression)  # it has its own state
        case Binary():
            return _counts(node.left) + _counts(node.right)
        case Call():
            own = 0 if not node.stateful else 1 if node.name == "count" else 2
            return own + sum(_counts(arg) for arg in node.args)
    return 0


def _negated(operator: str, operand: Vector) -> Vector:
    if operator == "!" and operand.kind is bool:
        return Vector(bool, np.logical_not(operand.values))
    if operator == "-" and operand.kind in (int, float):
        return Vector(operand.kind, np.negative(operand.values))
    raise NotColumnarError(f"the operator {operator}")


def _binary(operator: str, left: Vector, right: Vector) -> Vector:
    row = OPERATIONS.get((operator, left.kind, right.kind))
    if row is None or not {left.kind, right.kind} <= {int, float, bool}:
        raise NotColumnarError(f"the operator {operator}")
    one, other = left.values, right.values
    if operator in ("AND", "OR"):
        both = np.logical_and if operator == "AND" else np.logical_or
        return Vector(bool, both(one, other))
    if operator in _COMPARISONS:
        return Vector(bool, _COMPARISONS[operator](one, other))
    if row.result is float:
        with np.errstate(all="ignore"):
            found = np.divide(one, other) if operator == "/" else _ARITHMETIC[operator](one, other)
        return Vector(float, found)
    if operator == "%" and np.all(np.greater_equal(one, 0)) and np.all(np.greater(other, 0)):
        return Vector(int, np.remainder(one, other))
    if operator not in _ARITHMETIC or _most(one) * _most(other) >= LIMIT:
        raise NotColumnarError(f"the operator {operator} of integers")
    return Vector(int, _ARITHMETIC[operator](one, other))


def _most(values: Any) -> int:
    """Return the largest absolute value, at least 2: then a product bounds the sum, too."""
    array = np.asarray(values)
    if not array.size:
        return 2
    return max(abs(int(array.max())), abs(int(array.min())), 2)


def _truncated(values: Any) -> Vector:
    array = np.asarray(values)
    if not bool(np.all(np.abs(array) < LIMIT)):  # also false for NaN
        raise NotColumnarError("a float that is no integer")
    return Vector(int, np.trunc(array).astype(np.int64))


def _extreme(name: str, one: Any, other: Any) -> Vector:
    if bool(np.any(np.isnan(one))) or bool(np.any(np.isnan(other))):
        raise NotColumnarError("not a number")
    found = np.maximum(one, other) if name == "max" else np.minimum(one, other)
    zero = np.equal(one, 0) & np.equal(other, 0)
    if bool(np.any(zero & (np.signbit(one) != np.signbit(other)))):
        raise NotColumnarError("two zeros")
    return Vector(float, found)

"""The result of each operator for each pair of operand types.

Source: influxdata/kapacitor 1.5.7 ``tick/stateful/evaluation_funcs.go``. A pair that is missing in
the table is an error there and here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from bmtick.tick.regexes import Regex
from bmtick.tick.strconv import float_to_int, from_bytes, go_runes, to_bytes
from bmtick.tick.types import Duration, EvaluationError, Type, wrap

Function = Callable[[Any, Any], Any]


class Operation(NamedTuple):
    """One row of the table; ``result`` is the type of what ``apply`` returns."""

    left: type
    right: type
    result: type
    apply: Function


def _both_float(apply: Function) -> Function:
    return lambda left, right: apply(float(left), float(right))


def _wrapped(apply: Function) -> Function:
    return lambda left, right: wrap(apply(left, right))


def divide(left: int, right: int) -> int:
    """Divide as Go does: towards zero, with a panic for zero."""
    if left >= 0 < right:
        return left // right
    if right == 0:
        raise EvaluationError("runtime error: integer divide by zero", panic=True)
    quotient = abs(left) // abs(right)
    return wrap(quotient if (left < 0) == (right < 0) else -quotient)


def _modulo(left: int, right: int) -> int:
    if left >= 0 < right:
        return left % right
    return wrap(left - divide(left, right) * right)


def divide_floats(left: float, right: float) -> float:
    """Divide by IEEE 754: zero gives an infinity or NaN."""
    try:
        return left / right
    except ZeroDivisionError:
        if left == 0 or left != left:  # noqa: PLR0124 -- only NaN differs from itself
            return float("nan")
        return float("inf") if (left > 0) == (str(right)[0] != "-") else float("-inf")


def _concatenate(left: str, right: str) -> str:
    joined = left + right
    # Two halves of one UTF-8 character become that character.
    return joined if joined.isascii() else from_bytes(to_bytes(joined))


def _text_key(apply: Function) -> Function:
    """Compare bytes, as Go does; for ASCII that is the order of the characters."""

    def compare(left: str, right: str) -> bool:
        if left.isascii() and right.isascii():
            return bool(apply(left, right))
        return bool(apply(to_bytes(left), to_bytes(right)))

    return compare


def _duration(apply: Function) -> Function:
    return lambda left, right: Duration(wrap(apply(left, right)))


_COMPARISONS: Final[dict[str, Function]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _comparisons() -> dict[tuple[str, Type, Type], Operation]:
    table: dict[tuple[str, Type, Type], Operation] = {}
    for name, compare in _COMPARISONS.items():
        mixed = _both_float(compare)
        rows = [
            Operation(int, int, bool, compare),
            Operation(float, float, bool, compare),
            Operation(int, float, bool, mixed),
            Operation(float, int, bool, mixed),
            Operation(str, str, bool, _text_key(compare)),
            Operation(Duration, Duration, bool, compare),
        ]
        if name in ("==", "!="):
            rows.append(Operation(bool, bool, bool, compare))
        table |= {(name, row.left, row.right): row for row in rows}
    return table


def _arithmetic() -> dict[tuple[str, Type, Type], Operation]:
    rows = [
        ("+", Operation(float, float, float, operator.add)),
        ("-", Operation(float, float, float, operator.sub)),
        ("*", Operation(float, float, float, operator.mul)),
        ("/", Operation(float, float, float, divide_floats)),
        ("+", Operation(int, int, int, _wrapped(operator.add))),
        ("-", Operation(int, int, int, _wrapped(operator.sub))),
        ("*", Operation(int, int, int, _wrapped(operator.mul))),
        ("/", Operation(int, int, int, divide)),
        ("%", Operation(int, int, int, _modulo)),
        ("+", Operation(Duration, Duration, Duration, _duration(operator.add))),
        ("-", Operation(Duration, Duration, Duration, _duration(operator.sub))),
        ("*", Operation(Duration, int, Duration, _duration(operator.mul))),
        ("*", Operation(int, Duration, Duration, _duration(operator.mul))),
        ("*", Operation(Duration, float, Duration, _times_float)),
        ("*", Operation(float, Duration, Duration, _times_float)),
        ("/", Operation(Duration, int, Duration, lambda a, b: Duration(divide(a, b)))),
        ("/", Operation(Duration, float, Duration, _over_float)),
        ("/", Operation(Duration, Duration, int, divide)),
        ("+", Operation(str, str, str, _concatenate)),
    ]
    return {(name, row.left, row.right): row for name, row in rows}


def _times_float(left: float, right: float) -> Duration:
    return Duration(float_to_int(float(left) * float(right)))


def _over_float(left: Duration, right: float) -> Duration:
    return Duration(float_to_int(divide_floats(float(left), right)))


def _matches(text: str, regex: Regex) -> bool:
    return regex.match_string(text if text.isascii() else go_runes(text))


_LOGIC: Final[dict[tuple[str, Type, Type], Operation]] = {
    ("AND", bool, bool): Operation(bool, bool, bool, lambda a, b: a and b),
    ("OR", bool, bool): Operation(bool, bool, bool, lambda a, b: a or b),
    ("=~", str, Regex): Operation(str, Regex, bool, _matches),
    ("!~", str, Regex): Operation(str, Regex, bool, lambda a, b: not _matches(a, b)),
}

OPERATIONS: Final[dict[tuple[str, Type, Type], Operation]] = {
    **_comparisons(),
    **_arithmetic(),
    **_LOGIC,
}
"""(operator, type of the left side, type of the right side) -> what to do."""

KINDS: Final = {
    **dict.fromkeys(("+", "-", "*", "/", "%"), "math"),
    **dict.fromkeys((*_COMPARISONS, "=~", "!~"), "comparison"),
    **dict.fromkeys(("AND", "OR"), "logical"),
}
"""Every binary operator with the kind that error messages name."""

KNOWN_FOR: Final = {(side, name) for name, *pair in OPERATIONS for side in pair}
"""(type, operator) where the operator takes that type on at least one side."""

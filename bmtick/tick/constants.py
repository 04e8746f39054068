"""Operators on constants, as Kapacitor computes them where a script is defined."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from bmtick.errors import BmtickError
from bmtick.tick.values import UNKNOWN

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "AND": lambda a, b: a and b,
    "OR": lambda a, b: a or b,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def fold(symbol: str, left: Any, right: Any) -> Any:
    """Return ``left symbol right``, or UNKNOWN where either is not known or they do not fit.

    Ints and durations are both Python ints, and a float beside one means that the other is a
    duration.

    Raises:
        BmtickError: an integer is divided by zero.
    """
    if not _fit(symbol, left, right):
        return UNKNOWN
    if symbol in _COMPARE:
        return _COMPARE[symbol](left, right)
    whole = not (isinstance(left, float) and isinstance(right, float))
    if symbol in _ARITHMETIC:
        return _wrapped(_ARITHMETIC[symbol](left, right), whole=whole)
    if symbol in ("/", "%"):
        return _divide(symbol, left, right, whole=whole)
    return UNKNOWN


def _fit(symbol: str, left: Any, right: Any) -> bool:
    """Say whether Python would compute what Kapacitor does: it would repeat a text, too."""
    if isinstance(left, str) and isinstance(right, str):
        return symbol == "+" or symbol in _COMPARE
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and symbol in _COMPARE
    return isinstance(left, (int, float)) and isinstance(right, (int, float))


def _divide(symbol: str, left: Any, right: Any, *, whole: bool) -> Any:
    if isinstance(right, float):
        return UNKNOWN if right == 0 else _wrapped(left / right, whole=whole)
    if right == 0:
        raise BmtickError("an integer is divided by zero")
    quotient = abs(left) // abs(right)  # Go cuts towards zero
    if (left < 0) != (right < 0):
        quotient = -quotient
    return _wrapped(quotient if symbol == "/" else left - quotient * right, whole=True)


def _wrapped(value: Any, *, whole: bool) -> Any:
    """Return a number as 64 bits hold it; texts stay as they are."""
    if isinstance(value, float) and not math.isfinite(value):
        return UNKNOWN
    if whole and isinstance(value, (int, float)):
        return (int(value) + 2**63) % 2**64 - 2**63
    return value

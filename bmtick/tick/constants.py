"""Operators on constants, as Kapacitor computes them where a script is defined."""

from __future__ import annotations

import math
import operator
import re
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


def fold(symbol: str, left: Any, right: Any, result: str) -> Any:
    """Return ``left symbol right`` of type ``result``, or UNKNOWN where either is not known.

    Raises:
        BmtickError: an integer is divided by zero.
    """
    if left is UNKNOWN or right is UNKNOWN or isinstance(right, re.Pattern):
        return UNKNOWN
    if symbol in _COMPARE:
        return _COMPARE[symbol](left, right)
    if symbol in _ARITHMETIC:
        return _typed(_ARITHMETIC[symbol](left, right), result)
    if symbol in ("/", "%"):
        return _divide(symbol, left, right, result)
    return UNKNOWN


def _divide(symbol: str, left: Any, right: Any, result: str) -> Any:
    if result == "float" or isinstance(right, float):
        return UNKNOWN if right == 0 else _typed(left / right, result)
    if right == 0:
        raise BmtickError("an integer is divided by zero")
    quotient = abs(left) // abs(right)  # Go cuts towards zero
    if (left < 0) != (right < 0):
        quotient = -quotient
    return _typed(quotient if symbol == "/" else left - quotient * right, result)


def _typed(value: Any, result: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return UNKNOWN
    if result in ("int", "duration"):
        return (int(value) + 2**63) % 2**64 - 2**63  # 64 bits wrap
    return value

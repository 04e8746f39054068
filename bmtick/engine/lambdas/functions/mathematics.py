"""The mathematical functions: Go's ``math`` package, special cases included."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from bmtick.engine.lambdas.functions.base import Function, simple

_NAN: Final = math.nan
_INF: Final = math.inf


def _total(
    apply: Callable[[float], float],
    *,
    domain: Callable[[float], float] = lambda _: _NAN,
    overflow: Callable[[float], float] = lambda _: _INF,
) -> Callable[[float], float]:
    """Make a function of Python's ``math`` total, as Go's are: NaN and infinities, no errors."""

    def call(x: float) -> float:
        try:
            return float(apply(x))
        except ValueError:
            return domain(x)
        except OverflowError:
            return overflow(x)

    return call


def _rounding(apply: Callable[[float], int]) -> Callable[[float], float]:
    def call(x: float) -> float:
        if math.isinf(x) or math.isnan(x):
            return x
        return math.copysign(float(apply(x)), x)

    return call


def _zero_is_minus_infinity(x: float) -> float:
    return -_INF if x == 0 else _NAN


def _atanh(x: float) -> float:
    if abs(x) == 1:
        return math.copysign(_INF, x)
    return math.atanh(x)


def _logb(x: float) -> float:
    if x == 0:
        return -_INF
    if math.isinf(x):
        return _INF
    return x if math.isnan(x) else float(math.frexp(x)[1] - 1)


def _log1p(x: float) -> float:
    return -_INF if x == -1 else math.log1p(x)


def _gamma(x: float) -> float:
    if x == 0:
        return math.copysign(_INF, x)
    if x == -_INF or (x < 0 and x == math.floor(x)):
        return _NAN
    return math.gamma(x)


def _max(x: float, y: float) -> float:
    if _INF in (x, y):
        return _INF
    if math.isnan(x) or math.isnan(y):
        return _NAN
    if x == y == 0:
        return y if math.copysign(1, x) < 0 else x
    return max(x, y)


def _min(x: float, y: float) -> float:
    if -_INF in (x, y):
        return -_INF
    if math.isnan(x) or math.isnan(y):
        return _NAN
    if x == y == 0:
        return x if math.copysign(1, x) < 0 else y
    return min(x, y)


def _mod(x: float, y: float) -> float:
    try:
        return math.fmod(x, y)
    except ValueError:
        return _NAN


def _pow(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except ValueError:
        if x == 0 and y < 0:
            odd = y == math.floor(y) and math.fmod(y, 2) != 0
            return math.copysign(_INF, x) if odd else _INF
        return _NAN
    except OverflowError:
        return -_INF if x < 0 and math.fmod(y, 2) != 0 else _INF


def _pow10(n: int) -> float:
    if n < -323:
        return 0.0
    return _INF if n > 308 else float(f"1e{n}")


def _signed_infinity(x: float) -> float:
    return math.copysign(_INF, x)


_ONE: Final[dict[str, Callable[[float], float]]] = {
    "abs": math.fabs,
    "acos": _total(math.acos),
    "acosh": _total(math.acosh),
    "asin": _total(math.asin),
    "asinh": math.asinh,
    "atan": math.atan,
    "atanh": _total(_atanh),
    "cbrt": math.cbrt,
    "ceil": _rounding(math.ceil),
    "cos": _total(math.cos),
    "cosh": _total(math.cosh),
    "erf": math.erf,
    "erfc": math.erfc,
    "exp": _total(math.exp),
    "exp2": _total(math.exp2),
    "expm1": _total(math.expm1),
    "floor": _rounding(math.floor),
    "gamma": _total(_gamma, overflow=_INF.__mul__),
    "log": _total(math.log, domain=_zero_is_minus_infinity),
    "log10": _total(math.log10, domain=_zero_is_minus_infinity),
    "log1p": _total(_log1p),
    "log2": _total(math.log2, domain=_zero_is_minus_infinity),
    "logb": _logb,
    "sin": _total(math.sin),
    "sinh": _total(math.sinh, overflow=_signed_infinity),
    "sqrt": _total(math.sqrt),
    "tan": _total(math.tan),
    "tanh": math.tanh,
    "trunc": _rounding(math.trunc),
}
_TWO: Final[dict[str, Callable[[float, float], float]]] = {
    "atan2": math.atan2,
    "hypot": math.hypot,
    "max": _max,
    "min": _min,
    "mod": _mod,
    "pow": _pow,
}

MATHEMATICS: Final[dict[str, Function]] = {
    **{name: simple(name, (float,), float, apply) for name, apply in _ONE.items()},
    **{name: simple(name, (float, float), float, apply2) for name, apply2 in _TWO.items()},
    "pow10": simple("pow10", (int,), float, _pow10),
}

NOT_IMPLEMENTED: Final = frozenset(("j0", "j1", "jn", "y0", "y1", "yn"))
"""Bessel functions: refused when a script is loaded."""

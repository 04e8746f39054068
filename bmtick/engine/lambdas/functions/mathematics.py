"""The mathematical functions: Go's ``math`` package with its special cases.

Functions outside of ``gomath`` use the C library and may differ from Go's in the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from bmtick.engine.lambdas.functions import gomath
from bmtick.engine.lambdas.functions.base import Function, simple

_TYPE_ERROR: Final = "cannot pass {got} to {name}, must be {want}"
_NAN: Final = math.nan
_INF: Final = math.inf


def _total(
    apply: Callable[[float], float],
    *,
    domain: Callable[[float], float] = lambda _: _NAN,
    overflow: Callable[[float], float] = lambda _: _INF,
) -> Callable[[float], float]:
    """Return a total version of a ``math`` function, as in Go: NaN and infinities, no errors."""

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


def _pow10(n: int) -> float:
    if n < -323:
        return 0.0
    if n > 308:
        return _INF
    whole, rest = divmod(abs(n), 32)
    # The tables of Go's math.Pow10: one product or quotient of two powers, rounded once.
    if n >= 0:
        return float(f"1e{whole * 32}") * float(f"1e{rest}")
    return float(f"1e-{whole * 32}") / float(f"1e{rest}")


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
    "log": gomath.log,
    "log10": gomath.log10,
    "log1p": _total(_log1p),
    "log2": gomath.log2,
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
    "hypot": gomath.hypot,
    "max": _max,
    "min": _min,
    "mod": _mod,
    "pow": gomath.power,
}

MATHEMATICS: Final[dict[str, Function]] = {
    **{name: simple(name, (float,), float, apply, _TYPE_ERROR) for name, apply in _ONE.items()},
    **{
        name: simple(name, (float, float), float, apply2, _TYPE_ERROR)
        for name, apply2 in _TWO.items()
    },
    "pow10": simple("pow10", (int,), float, _pow10, _TYPE_ERROR),
}

NOT_IMPLEMENTED: Final = frozenset(("j0", "j1", "jn", "y0", "y1", "yn"))
"""Bessel functions: refused when a script is loaded."""

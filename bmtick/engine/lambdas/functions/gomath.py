"""Go's ``math`` functions with bit-exact results: log, log10, log2, hypot, pow.

Source: Go ``math/log.go``, ``log10.go``, ``pow.go`` and the assembly for amd64. Functions that use
``Exp`` are excluded: in Go, too, their last bit depends on the processor.
"""

from __future__ import annotations

import math
from typing import Final

_LN2_HI: Final = 6.93147180369123816490e-01
_LN2_LO: Final = 1.90821492927058770002e-10
_L: Final = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_LOG10_E: Final = 0.43429448190325182765  # 1/ln 10, rounded once
_LOG2_E: Final = 1.44269504088896340736
_SMALLEST_NORMAL: Final = 2.0**-1022
_MAX_INT: Final = float(1 << 63)
_MAX_EXPONENT: Final = 1 << 12


def log(x: float) -> float:
    """Return the natural logarithm."""
    if math.isnan(x) or x == math.inf:
        return x
    if x <= 0:
        return math.nan if x < 0 else -math.inf
    fraction, exponent = math.frexp(x)
    if x < _SMALLEST_NORMAL:
        # The assembly for amd64 reads the bits of a subnormal number as if it were normal.
        fraction, exponent = 0.5 + x / _SMALLEST_NORMAL / 2, -1022
    if fraction < math.sqrt(2) / 2:
        fraction *= 2
        exponent -= 1
    f, k = fraction - 1, float(exponent)
    s = f / (2 + f)
    s2 = s * s
    s4 = s2 * s2
    odd = s2 * (_L[0] + s4 * (_L[2] + s4 * (_L[4] + s4 * _L[6])))
    even = s4 * (_L[1] + s4 * (_L[3] + s4 * _L[5]))
    half = 0.5 * f * f
    return k * _LN2_HI - ((half - (s * (half + (odd + even)) + k * _LN2_LO)) - f)


def log10(x: float) -> float:
    """Return the decimal logarithm."""
    return log(x) * _LOG10_E


def log2(x: float) -> float:
    """Return the binary logarithm; exact for powers of two."""
    if x <= 0 or math.isinf(x) or math.isnan(x):
        return log(x)
    fraction, exponent = math.frexp(x)
    if fraction == 0.5:
        return float(exponent - 1)
    return log(fraction) * _LOG2_E + float(exponent)


def hypot(x: float, y: float) -> float:
    """Return the length of the hypotenuse."""
    if math.isinf(x) or math.isinf(y):
        return math.inf
    if math.isnan(x) or math.isnan(y):
        return math.nan
    large, small = max(abs(x), abs(y)), min(abs(x), abs(y))
    if large == 0:
        return 0.0
    ratio = small / large
    return large * math.sqrt(1 + ratio * ratio)


def power(x: float, y: float) -> float:
    """Return x to the power y, by squaring for the integer part of y."""
    special = _special_power(x, y)
    if special is not None:
        return special
    fraction, whole = math.modf(abs(y))
    if fraction and x < 0:
        return math.nan
    if whole >= _MAX_INT:
        if x == -1:
            return 1.0
        return 0.0 if (abs(x) < 1) == (y > 0) else math.inf
    result, exponent = 1.0, 0
    if fraction:
        if fraction > 0.5:
            fraction -= 1
            whole += 1
        result = math.exp(fraction * log(x))
    result, exponent = _whole_power(result, x, int(whole))
    if y < 0:
        result, exponent = 1 / result, -exponent
    try:
        return math.ldexp(result, exponent)
    except OverflowError:
        return math.copysign(math.inf, result)


def _whole_power(result: float, x: float, whole: int) -> tuple[float, int]:
    exponent = 0
    base, shift = math.frexp(x)
    while whole:
        if abs(shift) > _MAX_EXPONENT:
            exponent += shift
            break
        if whole & 1:
            result *= base
            exponent += shift
        base *= base
        shift *= 2
        if base < 0.5:
            base += base
            shift -= 1
        whole >>= 1
    return result, exponent


def _is_odd(y: float) -> bool:
    return abs(y) < float(1 << 53) and y == math.floor(y) and math.fmod(y, 2) != 0


def _special_power(x: float, y: float) -> float | None:
    if y == 0 or x == 1:
        return 1.0
    if y == 1:
        return x
    if math.isnan(x) or math.isnan(y):
        return math.nan
    if x == 0:
        size = math.inf if y < 0 else 0.0
        return math.copysign(size, x) if _is_odd(y) else size
    if math.isinf(y):
        if x == -1:
            return 1.0
        return 0.0 if (abs(x) < 1) == (y > 0) else math.inf
    if math.isinf(x):
        if x < 0:
            return power(-0.0, -y)
        return 0.0 if y < 0 else math.inf
    if abs(y) == 0.5:
        root = math.sqrt(x) if x > 0 else math.nan
        return root if y > 0 else 1 / root
    return None

"""bool, int, float, string, duration and humanBytes."""

from __future__ import annotations

import math
import re
from typing import Final

from bmtick.durations import DAY, HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND, WEEK
from bmtick.engine.lambdas.functions.base import Function
from bmtick.tick.arithmetic import divide
from bmtick.tick.strconv import (
    float_to_int,
    float_to_uint,
    format_float,
    format_float_g,
    parse_bool,
    parse_float,
    parse_int,
    quote,
)
from bmtick.tick.types import Duration, wrap

_MAX_INT: Final = (1 << 63) - 1
_NO_UNIT: Final = Duration(0)  # the unit of a value that is already a duration


def _to_bool(value: float | str) -> bool:
    if isinstance(value, str):
        return parse_bool(value)
    if value in (0, 1):
        return value == 1
    shown = format_float_g(value) if isinstance(value, float) else str(value)
    raise ValueError(f"cannot convert {shown} to boolean")


def _to_int(value: float | str) -> int:
    if isinstance(value, str):
        return parse_int(value)
    return float_to_int(value) if isinstance(value, float) else int(value)


def _to_float(value: float | str) -> float:
    return parse_float(value) if isinstance(value, str) else float(value)


def _to_string(value: float | str | Duration) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    return format_influx_duration(value) if isinstance(value, Duration) else str(value)


_UNITS: Final = {
    "w": WEEK,
    "d": DAY,
    "h": HOUR,
    "m": MINUTE,
    "s": SECOND,
    "ms": MILLISECOND,
    "u": MICROSECOND,
    "µ": MICROSECOND,
}
_PART: Final = re.compile(r"([0-9]+)(ms|[wdhmsuµ])")


def format_influx_duration(span: int) -> str:
    """Return 2017's ``influxql.FormatDuration``, which Kapacitor vendors: nothing below 1u."""
    if span == 0:
        return "0s"
    unit = next((u for u in ("w", "d", "h", "m", "s", "ms") if span % _UNITS[u] == 0), "u")
    return f"{divide(span, _UNITS[unit])}{unit}"


def _parse_influx_duration(text: str) -> Duration:
    """Return 2017's ``influxql.ParseDuration``: no ``ns``, sums overflow, a leading minus."""
    failed = ValueError(f"invalid duration string {quote(text)}")
    if len(text.encode("utf-8", "surrogateescape")) < 2:
        raise failed
    negative = text.startswith("-")
    rest = text[negative:]
    total = position = 0
    while match := _PART.match(rest, position):
        number = int(match[1])
        if number > _MAX_INT:
            raise failed
        total = wrap(total + wrap(number * _UNITS[match[2]]))
        position = match.end()
    if position != len(rest) or (total < 0 and not negative):
        raise failed
    return Duration(wrap(-total) if negative else total)


def _to_duration(value: float | str | Duration, unit: Duration = _NO_UNIT) -> Duration:
    if isinstance(value, str):
        return _parse_influx_duration(value)
    if isinstance(value, float):
        return Duration(float_to_int(value * float(unit)))
    return value if isinstance(value, Duration) else Duration(wrap(value * unit))


_SIZES: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def human_bytes(value: float) -> str:
    """Return ``humanize.Bytes``: decimal prefixes, one decimal below 10."""
    size = float_to_uint(value) if isinstance(value, float) else value % (1 << 64)
    if size < 10:
        return f"{size} B"
    exponent = math.floor(math.log(float(size)) / math.log(1000.0))
    shown = math.floor(float(size) / 1000.0**exponent * 10 + 0.5) / 10
    return f"{shown:.{1 if shown < 10 else 0}f} {_SIZES[exponent]}"


CONVERSIONS: Final[dict[str, Function]] = {
    function.name: function
    for function in (
        Function(
            "bool",
            {(t,): bool for t in (bool, str, int, float)},
            _to_bool,
            "cannot convert {got} to boolean",
        ),
        Function(
            "int",
            {(t,): int for t in (bool, str, int, float)},
            _to_int,
            "cannot convert {got} to integer",
        ),
        Function(
            "float",
            {(t,): float for t in (bool, str, int, float)},
            _to_float,
            "cannot convert {got} to float",
        ),
        Function(
            "string",
            {(t,): str for t in (bool, str, int, float, Duration)},
            _to_string,
            "cannot convert {got} to string",
        ),
        # One argument suffices only where the type is unambiguous; 'duration("1m")' does not count.
        Function(
            "duration",
            {
                (Duration,): Duration,
                (int, Duration): Duration,
                (float, Duration): Duration,
                (str, Duration): Duration,
            },
            _to_duration,
            "cannot convert {got} to duration",
        ),
        Function(
            "humanBytes",
            {(float,): str, (int,): str},
            human_bytes,
            "cannot convert {got} to humanBytes",
        ),
    )
}

"""Durations in InfluxQL's and TICKscript's syntax, as integer nanoseconds.

Source: influxdata/influxdb ``influxql.ParseDuration`` and ``FormatDuration`` (1.x). Units are
``ns``, ``u`` or ``µ`` (microseconds), ``ms``, ``s``, ``m``, ``h``, ``d`` (24 h), ``w`` (7 d).
"""

from __future__ import annotations

from bmtick.errors import BmtickError

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

UNITS = {
    "ns": NANOSECOND,
    "u": MICROSECOND,
    "µ": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": WEEK,
}
_MAX = 2**63 - 1
_DIGITS = 20  # one more than the longest duration in nanoseconds has


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a duration such as ``10m`` or ``1h30m``.

    Raises:
        BmtickError: the text is not a duration, or is longer than 292 years.
    """
    negative = text.startswith("-")
    rest = text.removeprefix("-")
    total = 0
    whole = rest
    while rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        rest = rest[len(digits) :]
        unit = rest[:2] if rest[:2] in UNITS else rest[:1]
        if not digits or unit not in UNITS:
            whole = ""
            break
        # more digits are too long with any unit
        total += int(digits.lstrip("0")[:_DIGITS] or 0) * UNITS[unit]
        rest = rest[len(unit) :]
    if not whole:
        raise BmtickError(
            f"'{text[:40]}' is not a duration",
            remedy="write a number and a unit, like 30s, 10m or 1h",
        )
    if total > _MAX:
        raise BmtickError(f"the duration '{text[:40]}' is too long", remedy="at most 292 years")
    return -total if negative else total


def format_duration(nanoseconds: int) -> str:
    """Return the shortest exact form with one unit, as ``influxql.FormatDuration`` does."""
    if nanoseconds == 0:
        return "0s"
    for unit in ("w", "d", "h", "m", "s", "ms", "u"):
        if nanoseconds % UNITS[unit] == 0:
            return f"{nanoseconds // UNITS[unit]}{unit}"
    return f"{nanoseconds}ns"


def format_go_duration(nanoseconds: int) -> str:
    """Return Go's ``time.Duration.String()``: ``1h30m0s``, ``1.5s``, ``10ms``, ``0s``."""
    sign = "-" if nanoseconds < 0 else ""
    left = abs(nanoseconds)
    if left == 0:
        return "0s"
    if left < SECOND:
        name, unit = next(
            (n, u)
            for n, u in (("ms", MILLISECOND), ("µs", MICROSECOND), ("ns", NANOSECOND))
            if left >= u
        )
        return sign + _decimal(left, unit) + name
    minutes, rest = divmod(left, MINUTE)
    hours, minutes = divmod(minutes, 60)
    text = _decimal(rest, SECOND) + "s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _decimal(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    if not part:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{str(part).rjust(digits, '0').rstrip('0')}"

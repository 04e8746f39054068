"""Go's ``time`` package for templates: layouts, and the methods of Time and Duration.

Source: Go ``time/format.go`` and ``time/time.go``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from bmtick.durations import HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND, format_go_duration
from bmtick.engine.gotemplate.values import GoInt, Month, Weekday
from bmtick.tick.arithmetic import divide
from bmtick.tick.types import Duration, Time, wrap

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_TIME: Final = -62135596800 * SECOND  # 0001-01-01, from which Go counts multiples
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

# In Go's order of search; (?![a-z]) keeps words like "Janus" and "Mont" unchanged.
_CHUNK: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|__2|_2(?!006)"
    r"|3|4|5|PM|pm"
    r"|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07"
    r"|[.,](?:0+|9+)(?![0-9])"
)


def local(time: int, zone: tzinfo) -> datetime:
    """Return the time in a zone, truncated to seconds."""
    return (_EPOCH + timedelta(seconds=time // SECOND)).astimezone(zone)


class LocalTime(Time):
    """A time with its own zone for display, as ``.Time.Local`` returns it."""

    zone: tzinfo

    @classmethod
    def of(cls, time: int, zone: tzinfo) -> LocalTime:
        """Return a time in a zone."""
        made = cls(time)
        made.zone = zone
        return made


def zone_of(time: int) -> tzinfo:
    """Return the zone for the display of a time: UTC unless it is local."""
    return time.zone if isinstance(time, LocalTime) else UTC


def _like(time: Time, moment: int) -> Time:
    """Return another time in the same zone."""
    return LocalTime.of(moment, time.zone) if isinstance(time, LocalTime) else Time(moment)


def format_time(time: int, layout: str) -> str:
    """Return Go's ``Time.Format``, in the time's own zone."""
    moment = local(time, zone_of(time))
    return _CHUNK.sub(lambda match: _chunk(match[0], moment, time % SECOND), layout)


def time_string(time: int) -> str:
    """Return Go's ``Time.String``, which is used when a time is printed."""
    return format_time(time, "2006-01-02 15:04:05.999999999 -0700 MST")


def _chunk(chunk: str, moment: datetime, nanoseconds: int) -> str:
    if chunk[0] in ".,":
        digits = f"{nanoseconds:09d}"[: len(chunk) - 1].ljust(len(chunk) - 1, "0")
        if chunk[1] == "0":
            return chunk[0] + digits
        digits = f"{nanoseconds:09d}"[: min(9, len(chunk) - 1)].rstrip("0")
        return chunk[0] + digits if digits else ""
    if chunk[0] in "-Z":
        return _offset(chunk, moment)
    return _CHUNKS[chunk](moment)


def _offset(chunk: str, moment: datetime) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if chunk[0] == "Z" and seconds == 0:
        return "Z"
    sign = "-" if seconds < 0 else "+"
    minutes, rest = divmod(abs(seconds), 60)
    parts = [f"{minutes // 60:02d}"]
    if len(chunk) > 3:
        parts.append(f"{minutes % 60:02d}")
    if chunk.count("0") > 3 and len(chunk.replace(":", "")) > 5:
        parts.append(f"{rest:02d}")
    return sign + (":" if ":" in chunk else "").join(parts)


def _zone_name(moment: datetime) -> str:
    name = moment.tzname() or ""
    if name and not re.match(r"UTC[+-]", name):
        return name
    return _offset("-0700" if moment.minute % 60 else "-07", moment)


def _hour12(moment: datetime) -> int:
    return moment.hour % 12 or 12


_CHUNKS: Final[dict[str, Callable[[datetime], str]]] = {
    "January": lambda t: MONTHS[t.month - 1],
    "Jan": lambda t: MONTHS[t.month - 1][:3],
    "1": lambda t: str(t.month),
    "01": lambda t: f"{t.month:02d}",
    "Monday": lambda t: WEEKDAYS[t.isoweekday() % 7],
    "Mon": lambda t: WEEKDAYS[t.isoweekday() % 7][:3],
    "2": lambda t: str(t.day),
    "_2": lambda t: f"{t.day:2d}",
    "02": lambda t: f"{t.day:02d}",
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "15": lambda t: f"{t.hour:02d}",
    "3": lambda t: str(_hour12(t)),
    "03": lambda t: f"{_hour12(t):02d}",
    "4": lambda t: str(t.minute),
    "04": lambda t: f"{t.minute:02d}",
    "5": lambda t: str(t.second),
    "05": lambda t: f"{t.second:02d}",
    "2006": lambda t: f"{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "MST": _zone_name,
}


def _rounded(span: int, unit: int) -> int:
    """Return ``Duration.Round``: the nearest multiple, halves away from zero."""
    if unit <= 0:
        return span
    rest = abs(span) % unit
    down = abs(span) - rest
    size = down if rest + rest < unit else down + unit
    return size if span >= 0 else -size


def _truncate_time(time: int, unit: int) -> int:
    return time if unit <= 0 else time - (time - _ZERO_TIME) % unit


def _round_time(time: int, unit: int) -> int:
    if unit <= 0:
        return time
    rest = (time - _ZERO_TIME) % unit
    return time - rest if rest + rest < unit else time + unit - rest


def _fraction(unit: int) -> Callable[[int], float]:
    def call(span: int) -> float:
        whole = divide(span, unit)
        return float(whole) + float(span - whole * unit) / float(unit)

    return call


Method = tuple[tuple[type, ...], Callable[..., Any]]


def _part(name: str) -> Callable[[Time, tzinfo], GoInt]:
    return lambda time, _: GoInt(getattr(local(time, zone_of(time)), name))


TIME_METHODS: Final[dict[str, Method]] = {
    "Format": ((str,), lambda t, _, layout: format_time(t, layout)),
    "String": ((), lambda t, _: time_string(t)),
    "Unix": ((), lambda t, _: t // SECOND),
    "UnixMilli": ((), lambda t, _: t // MILLISECOND),
    "UnixMicro": ((), lambda t, _: t // MICROSECOND),
    "UnixNano": ((), lambda t, _: int(t)),
    "Year": ((), _part("year")),
    "Month": ((), lambda t, _: Month(local(t, zone_of(t)).month)),
    "Day": ((), _part("day")),
    "Hour": ((), _part("hour")),
    "Minute": ((), _part("minute")),
    "Second": ((), _part("second")),
    "Nanosecond": ((), lambda t, _: GoInt(t % SECOND)),
    "Weekday": ((), lambda t, _: Weekday(local(t, zone_of(t)).isoweekday() % 7)),
    "YearDay": ((), lambda t, _: GoInt(local(t, zone_of(t)).timetuple().tm_yday)),
    "UTC": ((), lambda t, _: Time(t)),
    "Local": ((), LocalTime.of),
    "IsDST": ((), lambda t, _: bool(local(t, zone_of(t)).dst())),
    "IsZero": ((), lambda t, _: int(t) == _ZERO_TIME),
    "Add": ((Duration,), lambda t, _, span: _like(t, t + span)),
    "AddDate": ((int, int, int), lambda t, _, *parts: _like(t, _add_date(t, *parts))),
    "Sub": ((Time,), lambda t, _, other: Duration(t - other)),
    "After": ((Time,), lambda t, _, other: int(t) > int(other)),
    "Before": ((Time,), lambda t, _, other: int(t) < int(other)),
    "Equal": ((Time,), lambda t, _, other: int(t) == int(other)),
    "Compare": ((Time,), lambda t, _, other: GoInt((t > other) - (t < other))),
    "Truncate": ((Duration,), lambda t, _, unit: _like(t, _truncate_time(t, unit))),
    "Round": ((Duration,), lambda t, _, unit: _like(t, _round_time(t, unit))),
}
"""Name -> argument types and the method, which also receives the machine's zone."""


def _add_date(time: int, years: int, months: int, days: int) -> int:
    zone = zone_of(time)
    moment = local(time, zone)
    year, month = divmod(moment.year * 12 + moment.month - 1 + years * 12 + months, 12)
    day = datetime(year, month + 1, 1, tzinfo=UTC) + timedelta(days=moment.day - 1 + days)
    return _date(datetime.combine(day, moment.time()), zone) + time % SECOND


def _date(clock: datetime, zone: tzinfo) -> int:
    """Return Go's ``time.Date``, which chooses the offset where a zone skips or repeats an hour."""
    naive = (clock.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)

    def offset(at: int) -> int:
        return round((local(at * SECOND, zone).utcoffset() or timedelta()).total_seconds())

    first = offset(naive)
    if first == 0:
        return naive * SECOND
    # Go looks up the zone with the time as UTC, then again on the other side of the transition.
    guess = naive - first
    second = offset(guess)
    return (guess if second == first else naive - second) * SECOND


DURATION_METHODS: Final[dict[str, Method]] = {
    "String": ((), lambda d, _: format_go_duration(d)),
    "Nanoseconds": ((), lambda d, _: int(d)),
    "Microseconds": ((), lambda d, _: divide(d, MICROSECOND)),
    "Milliseconds": ((), lambda d, _: divide(d, MILLISECOND)),
    "Seconds": ((), lambda d, _: _fraction(SECOND)(d)),
    "Minutes": ((), lambda d, _: _fraction(MINUTE)(d)),
    "Hours": ((), lambda d, _: _fraction(HOUR)(d)),
    "Abs": ((), lambda d, _: Duration(wrap(abs(d)))),
    "Round": ((Duration,), lambda d, _, unit: Duration(_rounded(d, unit))),
    "Truncate": (
        (Duration,),
        lambda d, _, unit: (
            d if unit <= 0 else Duration(int(math.copysign(1, d)) * (abs(d) // unit * unit))
        ),
    ),
}
MONTH_METHODS: Final[dict[str, Method]] = {"String": ((), lambda m, _: MONTHS[m - 1])}
WEEKDAY_METHODS: Final[dict[str, Method]] = {"String": ((), lambda d, _: WEEKDAYS[d])}

METHODS: Final[dict[type, dict[str, Method]]] = {
    Time: TIME_METHODS,
    LocalTime: TIME_METHODS,
    Duration: DURATION_METHODS,
    Month: MONTH_METHODS,
    Weekday: WEEKDAY_METHODS,
}


def stringer(value: Any) -> str | None:
    """Return the result of the value's ``String`` method, or None if it has none."""
    methods = METHODS.get(type(value))
    if methods is None:
        return None
    return str(methods["String"][1](value, UTC))

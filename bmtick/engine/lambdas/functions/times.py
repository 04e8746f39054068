"""The functions of time. Kapacitor uses its local zone; here the caller gives the zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from bmtick.durations import SECOND
from bmtick.engine.lambdas.functions.base import Function, simple
from bmtick.tick.types import Time, wrap

_TYPE_ERROR: Final = "cannot convert {got} to time.Time"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _local(zone: tzinfo) -> Callable[[int], datetime]:
    return lambda time: (_EPOCH + timedelta(seconds=time // SECOND)).astimezone(zone)


def time_functions(zone: tzinfo, now: Callable[[], int]) -> dict[str, Function]:
    """Return the functions of time for a zone and a clock (nanoseconds since the epoch)."""
    local = _local(zone)
    parts: dict[str, Callable[[Time], int]] = {
        "unixNano": lambda time: wrap(int(time)),
        "minute": lambda time: local(time).minute,
        "hour": lambda time: local(time).hour,
        "weekday": lambda time: local(time).isoweekday() % 7,  # Sunday is 0
        "day": lambda time: local(time).day,
        "month": lambda time: local(time).month,
        "year": lambda time: local(time).year,
    }
    functions = {
        name: simple(name, (Time,), int, apply, _TYPE_ERROR) for name, apply in parts.items()
    }
    functions["now"] = simple("now", (), Time, lambda: Time(now()))
    return functions

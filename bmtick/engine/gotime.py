"""Time arithmetic like Go's ``time`` package, in integer nanoseconds since the epoch.

Source: Go ``time.Time.Truncate`` and ``Round``. Multiples are counted from the zero time (year 1 of
the proleptic calendar), not from 1970; this matters for durations that do not divide a day.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SECOND = 1_000_000_000
# Seconds from 0001-01-01 to 1970-01-01.
_ZERO_TO_EPOCH = 62_135_596_800 * _SECOND


def truncate(time: int, unit: int) -> int:
    """Return the last multiple of unit at or before time; time itself if unit <= 0."""
    return time if unit <= 0 else time - (time + _ZERO_TO_EPOCH) % unit


def round_time(time: int, unit: int) -> int:
    """Return the nearest multiple of unit, halves rounded up; time itself if unit <= 0."""
    if unit <= 0:
        return time
    rest = (time + _ZERO_TO_EPOCH) % unit
    return time - rest if rest + rest < unit else time + (unit - rest)


def rfc3339_nano(time: int) -> str:
    """Return ``1971-01-01T00:00:00.5Z``: UTC, without trailing zeros in the fraction."""
    seconds, fraction = divmod(time, _SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if text[:4] != f"{text[:4]:0>4}":
        text = text.rjust(19, "0")
    if fraction:
        text += "." + f"{fraction:09d}".rstrip("0")
    return text + "Z"


_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)", re.ASCII
)


def parse_rfc3339(text: str) -> int:
    """Return the nanoseconds of ``2026-01-31T08:00:00.5Z``.

    Raises:
        ValueError: the text does not have this format.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"unexpected time format: {text}")
    moment = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    span = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (span.days * 86400 + span.seconds) * _SECOND + int((match[2] or "0").ljust(9, "0"))

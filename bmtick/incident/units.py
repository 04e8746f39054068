"""Format and parse times and durations; the analyses use whole seconds."""

from __future__ import annotations

from datetime import datetime

from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError


def seconds(text: str) -> int:
    """Return the seconds of a duration such as ``24h``.

    Raises:
        BmtickError: the text is no duration, or not positive.
    """
    found = parse_duration(text) // SECOND
    if found <= 0:
        raise BmtickError(f"'{text}' is no stretch of time", remedy="write one like 24h or 7d")
    return found


def iso(time: int) -> str:
    """Format a time (seconds since the epoch) as ISO 8601, local time with offset."""
    return datetime.fromtimestamp(time).astimezone().isoformat()


def plain(time: int) -> str:
    """Format a time for people, in local time."""
    return f"{datetime.fromtimestamp(time).astimezone():%Y-%m-%d %H:%M:%S}"


def zone_of(time: int) -> str:
    """Return name and offset of the local zone at a time, such as ``CET +0100``."""
    return f"{datetime.fromtimestamp(time).astimezone():%Z %z}"


def size(count: int) -> str:
    """Format bytes for people, in decimal units."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def age(seconds_: int) -> str:
    """Format a duration for people, in its two largest units."""
    left = max(0, seconds_)
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"

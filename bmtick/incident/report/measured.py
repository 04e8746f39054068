"""The queue's measured length: points of ``postfix_queue``, by Telegraf or bmtick."""

from __future__ import annotations

from collections.abc import Iterable

from bmtick.incident.report.events import Series
from bmtick.incident.report.timeline import slot_length
from bmtick.names import QUEUE
from bmtick.points import Point

_SECOND = 1_000_000_000
_STALE = 3  # slots after which a silent series no longer counts


def queue_curve(points: Iterable[Point], start: int, end: int, source: str) -> Series | None:
    """Add up the queues of all hosts for each slot; None if there are no points.

    The series of a host have different timestamps, so each counts with the maximum of its slot, and
    for a few slots with its last value.

    Args:
        points: in order of time.
        start: seconds since the epoch.
        end: seconds since the epoch.
        source: name of the series.
    """
    length = slot_length(end - start)
    slots: dict[int, dict[tuple[tuple[str, str], ...], int]] = {}
    for point in points:
        value = point.fields.get("length")
        time = point.time // _SECOND
        if point.name != QUEUE or not isinstance(value, (int, float)) or not start <= time <= end:
            continue
        series = tuple(sorted(point.tags.items()))
        values = slots.setdefault(time - time % length, {})
        values[series] = max(values.get(series, 0), int(value))
    if not slots:
        return None
    times = list(range(min(slots), max(slots) + 1, length))
    lengths: list[int] = []
    last: dict[tuple[tuple[str, str], ...], tuple[int, int]] = {}
    for time in times:
        for series, value in slots.get(time, {}).items():
            last[series] = (time, value)
        alive = [v for at, v in last.values() if time - at <= _STALE * length]
        lengths.append(sum(alive))
    return Series(times, lengths, source)

"""Recorded alert events: from ``bmtick watch``, or from Kapacitor in InfluxDB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bmtick.cli import _watching

if TYPE_CHECKING:
    from bmtick.settings import Settings


def recorded_events(
    settings: Settings, chosen: _watching.CommandTargets, begin: int
) -> list[dict[str, Any]]:
    """Return the events since a time (nanoseconds), oldest first.

    Raises:
        BmtickError: the history or InfluxDB cannot be read.
    """
    found: list[dict[str, Any]] = []
    if chosen.watch:
        found += _of_watch(settings, begin)
    if chosen.kapacitors:
        found += _of_influxdb(settings, begin)
    return sorted(found, key=lambda event: str(event["time"]))


def told_by(event: dict[str, Any]) -> str:
    """Return the handlers that sent notifications, in words."""
    if "silenced" in event:
        return f"muted by {event['silenced']}"
    if "handlers" not in event:
        return "?"
    return ", ".join(event["handlers"]) or "nobody"


def _of_watch(settings: Settings, begin: int) -> Iterable[dict[str, Any]]:
    from bmtick.watch.history import path_of, read_history

    for record in read_history(path_of(settings.watch.state), begin):
        yield {"source": _watching.NAME, **record}


def _of_influxdb(settings: Settings, begin: int) -> Iterable[dict[str, Any]]:
    from dataclasses import replace

    from bmtick import names
    from bmtick.cli._influxdb import connection
    from bmtick.engine.gotime import rfc3339_nano
    from bmtick.history import Span, read_points

    there = replace(
        connection(settings),
        database=names.ALERTS_DATABASE,
        retention_policy=names.ALERTS_RETENTION_POLICY,
    )
    for point in read_points(there, [names.ALERTS_MEASUREMENT], Span(begin, 2**62)):
        tags, fields = dict(point.tags), dict(point.fields)
        name = tags.pop("alertName", "").removeprefix(names.TASK_PREFIX)
        yield {
            "source": "influxdb",
            "alert": name,
            "time": rfc3339_nano(point.time),
            "id": tags.pop("alertID", ""),
            "level": tags.pop("level", ""),
            "message": str(fields.pop("message", "")),
            "tags": tags,
            "fields": fields,
        }

"""``bmtick events``: what alerts found, when, and whether anybody was told."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli import _watching
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table

if TYPE_CHECKING:
    from bmtick.settings import Settings


@click.command()
@click.option("--since", default="7d", show_default=True, help="How far back from now.")
@click.option("--alert", default="", metavar="NAME", help="Only this alert.")
@_watching.watch_option
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context, since: str, alert: str, watch_only: bool, output_format: str
) -> None:
    """List the events of alerts, the oldest first: level, message, who was told.

    Those of 'bmtick watch' come from the history that it keeps; those of Kapacitor from where its
    alerts are recorded, chronograf.autogen.alerts in InfluxDB, which does not tell what was muted.
    """
    from bmtick.durations import parse_duration

    settings = load_settings(ctx)
    chosen = _watching.chosen(settings, (), watch_only=watch_only)
    begin = time.time_ns() - parse_duration(since)
    found: list[dict[str, Any]] = []
    if chosen.watch:
        found += _of_watch(settings, begin)
    if chosen.kapacitors:
        found += _of_influxdb(settings, begin)
    found = sorted((e for e in found if alert in ("", e["alert"])), key=lambda e: str(e["time"]))
    if output_format == "json":
        print_json(found)
    elif found:
        print_table(("time", "alert", "level", "told by", "message"), [_row(e) for e in found])
    else:
        click.echo(f"no events within {since}")


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


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    told = f"muted by {event['silenced']}" if "silenced" in event else ""
    told = told or (", ".join(event["handlers"]) if "handlers" in event else "?")
    return (event["time"], event["alert"], event["level"], told or "nobody", event["message"])

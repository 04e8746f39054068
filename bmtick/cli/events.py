"""``bmtick events``: past alert events and their notifications."""

from __future__ import annotations

import time
from typing import Any

import click

from bmtick.cli import _watching
from bmtick.cli._complete import alert_names
from bmtick.cli._events import recorded_events, told_by
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table


@click.command()
@click.option("--since", default="7d", show_default=True, help="How far back from now.")
@click.option(
    "--alert", default="", metavar="NAME", shell_complete=alert_names, help="Only this alert."
)
@_watching.watch_option
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context, since: str, alert: str, watch_only: bool, output_format: str
) -> None:
    """List past alert events, oldest first: level, message, notifications.

    Events of 'bmtick watch' come from its history. Kapacitor's events come from InfluxDB
    (chronograf.autogen.alerts), which does not record whether an alert was silenced.
    """
    from bmtick.durations import parse_duration

    settings = load_settings(ctx)
    chosen = _watching.chosen(settings, (), watch_only=watch_only)
    found = recorded_events(settings, chosen, time.time_ns() - parse_duration(since))
    found = [event for event in found if alert in ("", event["alert"])]
    if output_format == "json":
        print_json(found)
    elif found:
        print_table(("time", "alert", "level", "told by", "message"), [_row(e) for e in found])
    else:
        click.echo(f"no events within {since}")


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    return (event["time"], event["alert"], event["level"], told_by(event), event["message"])

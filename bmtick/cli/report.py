"""``bmtick report -o FILE.html``: writes one self-contained page about an incident."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bmtick.cli._logs import analyse_logs, config_dir_option, log_option, span_options
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import BmtickError, printable
from bmtick.files import write_output
from bmtick.languages import _

if TYPE_CHECKING:
    from bmtick.incident.report.events import ResponseAction, Series
    from bmtick.incident.traffic import Window
    from bmtick.settings import Settings


@click.command()
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The page.")
@log_option
@span_options("7d", "shown")
@click.option(
    "--points",
    type=click.Path(),
    help="Line protocol with postfix_queue, for the curve of the queue.",
)
@click.option(
    "--influxdb/--no-influxdb",
    default=None,
    help="Take the queue from InfluxDB.  [default: if there is a settings file]",
)
@config_dir_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    output: Path,
    logs: tuple[str, ...],
    since: str,
    past: str,
    points: str | None,
    influxdb: bool | None,
    config_dir: str,
) -> None:
    """Write a page with plots: queue, senders, refusals, and the timeline of an incident.

    The page needs no network. Without --points or InfluxDB, the queue length is derived from the
    log. It needs the library plotly, which the extra 'report' and the Debian package install.
    """
    from bmtick.cli._sources import known_relays, threshold
    from bmtick.incident.logs import server_of
    from bmtick.incident.report.build import ReportData, build
    from bmtick.incident.report.figures import library
    from bmtick.incident.report.page import render
    from bmtick.incident.report.timeline import Timeline
    from bmtick.incident.suspects import find_suspects

    script = library()  # report a missing library before the log is read
    settings = load_settings(ctx)
    timelines: list[Timeline] = []

    def watch(window: Window) -> list[Timeline]:
        timelines.append(Timeline(window))
        return timelines

    analysis = analyse_logs(settings, logs, since, past, watch)
    window = analysis.traffic.window
    data = ReportData(
        analysis,
        timelines[0],
        find_suspects(analysis),
        known_relays(analysis, settings, config_dir),
        threshold(settings),
        _curve(settings, window, points, influxdb),
        _alert_events(settings, window, influxdb),
        host=settings.watch.host
        or (server_of(analysis.logs.files[0].path) if logs else socket.gethostname()),
        response_actions=_actions_taken(settings),
    )
    _write(output, render(build(data), script))
    if ctx.parent is None or ctx.parent.info_name != "incident":  # that says it itself
        click.echo(_("wrote {path}", path=printable(str(output))), err=True)


def _actions_taken(settings: Settings) -> list[ResponseAction]:
    """Return the actions in the journals of 'bmtick respond' and of the guard."""
    from bmtick.cli import _response_actions
    from bmtick.guard.manual import open_journal
    from bmtick.incident.response.journal import Journal
    from bmtick.state_folders import incidents_folder

    found: list[ResponseAction] = []
    try:
        operations = Journal(incidents_folder(settings.collect.state)).operations()
        found += _response_actions.of_steps(operations)
    except BmtickError as error:
        click.echo(f"bmtick: without what was done by hand: {error.message}", err=True)
    try:
        found += _response_actions.of_guard(open_journal(settings.guard.state).holds)
    except BmtickError as error:
        click.echo(f"bmtick: without who is held: {error.message}", err=True)
    return found


def _curve(
    settings: Settings, window: Window, points: str | None, influxdb: bool | None
) -> Series | None:
    from bmtick.cli._sources import measured_points
    from bmtick.incident.report.measured import queue_curve
    from bmtick.points import parse_lines

    if points is not None:
        try:
            with open(points, encoding="utf-8") as lines:  # noqa: PTH123 -- the path as given
                parsed = sorted(parse_lines(lines, file=points), key=lambda p: p.time)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise BmtickError(f"cannot read '{points}': {reason}") from None
        curve = queue_curve(
            parsed, window.start, window.end, _("as measured, from {source}", source=points)
        )
        if curve is None:
            raise BmtickError(
                f"'{points}' has no point of postfix_queue in this time", remedy="see --since"
            )
        return curve
    if influxdb is False or (influxdb is None and not settings.path):
        return None
    try:
        source = _("as measured, from {source}", source="InfluxDB")
        return queue_curve(measured_points(settings, window), window.start, window.end, source)
    except BmtickError as error:
        if influxdb:
            raise
        said = _("the queue is derived from the log: {reason}", reason=error.message)
        click.echo(f"bmtick: {said}", err=True)
        return None


def _alert_events(
    settings: Settings, window: Window, influxdb: bool | None
) -> list[tuple[str, str, str, str, str]] | None:
    """Return the recorded events of the alerts within the window; None if none are recorded."""
    from datetime import datetime

    from bmtick.cli import _watching
    from bmtick.cli._events import recorded_events, told_by
    from bmtick.durations import SECOND
    from bmtick.incident.units import plain
    from bmtick.settings import has_section
    from bmtick.watch.status import exists

    named = any(has_section(settings, section) for section in ("kapacitor", "influxdb"))
    chosen = _watching.chosen(settings, (), watch_only=False)
    chosen = chosen._replace(
        kapacitors=chosen.kapacitors and (named if influxdb is None else influxdb),
        watch=chosen.watch and exists(settings.watch.state),
    )
    if not any(chosen):
        return None
    try:
        found = recorded_events(settings, chosen, window.start * SECOND)
    except BmtickError as error:
        click.echo(f"bmtick: without what the alerts told: {error.message}", err=True)
        return None
    rows = []
    for event in found:
        at = int(datetime.fromisoformat(event["time"]).timestamp())
        if at <= window.end:
            rows.append(
                (plain(at), event["alert"], event["level"], told_by(event), event["message"])
            )
    return rows


def _write(output: Path, page: str) -> None:
    """Write the page atomically; it contains addresses, so only its owner may read it."""
    try:
        write_output(output, page, 0o600)
    except OSError as error:
        raise BmtickError(f"cannot write '{output}': {error.strerror}") from None

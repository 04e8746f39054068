"""``bmtick backtest``: when alerts would have fired, over mail logs or InfluxDB's history."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from bmtick import names as n
from bmtick.cli._complete import alert_names
from bmtick.cli._influxdb import over_history, span_of
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table
from bmtick.documents import read_text
from bmtick.durations import SECOND, format_duration, format_go_duration, parse_duration
from bmtick.errors import BmtickError, printable
from bmtick.zones import local_zone

if TYPE_CHECKING:
    from bmtick.collect.emit import Row
    from bmtick.engine import Task
    from bmtick.history import Span
    from bmtick.points import Point
    from bmtick.settings import Settings
    from bmtick.testing.backtest import Result, Run, Subject

_SHOWN = 20  # episodes of one alert in the table


@click.command()
@click.argument("alerts", nargs=-1, shell_complete=alert_names)
@click.option("--log", "logs", multiple=True, help="Postfix log, plain or compressed; repeatable.")
@click.option(
    "--from", "since", help="InfluxDB's history from so long ago, like 7d, or from a time."
)
@click.option("--to", "until", help="Until so long ago, or a time. Default: now.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Parameter; repeatable.")
@click.option("--host", help="Tag host of the points of logs. Default: this machine's name.")
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    alerts: tuple[str, ...],
    logs: tuple[str, ...],
    since: str | None,
    until: str | None,
    sets: tuple[str, ...],
    host: str | None,
    output_format: str,
) -> None:
    """Show when ALERTs would have fired, how often, and which threshold fits.

    ALERT is a section of the settings' [alerts] or an alert of the catalogue; by default, all that
    the settings enable, or the whole catalogue. The data comes from mail logs (--log) or from
    InfluxDB (--from). With a log, the queue length is derived from arrivals and removals.

    ALERT can also be a file SCRIPT.tick with your own stream or batch script; then there is no
    table of thresholds.
    """
    settings = load_settings(ctx)
    scripts = [name for name in alerts if name.endswith(".tick")]
    if scripts and (len(scripts) < len(alerts) or sets):
        raise BmtickError("scripts of your own stand alone, without --set", remedy="name them only")
    if bool(logs) == bool(since):
        raise BmtickError("say where the past is", remedy="--log PATH, or --from 7d for InfluxDB")
    if until and logs:
        raise BmtickError("--to goes with --from")
    past = _HistorySource(settings, logs, span_of(since, until) if since else None, host)
    if scripts:
        documents = [_script(path, past) for path in scripts]
        if output_format == "json":
            print_json(documents)
        else:
            for document in documents:
                _show_script(document)
        return
    run, results = _results(past, _subjects(settings, alerts, sets), named=bool(alerts))
    if output_format == "json":
        print_json([_document(result) for result in results])
    else:
        _show(run, results)


class _HistorySource(NamedTuple):
    """The source of history: logs, or InfluxDB over a span."""

    settings: Settings
    logs: tuple[str, ...]
    span: Span | None
    host: str | None

    def rows(self, measurements: Iterable[str]) -> Iterator[Row]:
        """Yield the rows of the logs; includes queue rows if that measurement is requested."""
        from bmtick.collect.batch import rows_of_logs
        from bmtick.collect.options import Options
        from bmtick.incident.queue_length import rows_with_queue

        read = rows_with_queue if n.QUEUE in measurements else rows_of_logs
        return read(self.logs, Options.of(self.settings.collect))

    def point(self, row: Row) -> Point:
        """Convert a row of a log to a point of this machine, or of ``--host``."""
        from bmtick.points import Point

        name, tags, fields, at = row
        return Point(
            name,
            {**dict(zip(n.TAGS[name], tags, strict=True)), "host": self.host or _hostname()},
            dict(zip(n.FIELDS[name], fields, strict=False)),
            at,
        )

    def points(self, measurements: Sequence[str]) -> Iterator[Point]:
        from bmtick.cli._influxdb import connection
        from bmtick.history import read_points

        assert self.span is not None  # noqa: S101 -- logs are read by rows
        return read_points(connection(self.settings), measurements, self.span)

    def steps(self, task: Task) -> Iterator[int]:
        """Run a task over the history; yield the current time after each step."""
        zone = local_zone()
        if self.span is not None:
            return over_history(task, self.settings, self.span, zone)
        rows = self.rows((n.QUEUE,) if task.is_batch else task.measurements)
        points = map(self.point, rows)
        if task.is_batch:
            from bmtick.testing.batches import over_points

            return over_points(task, ((point, None) for point in points), zone)
        return _feeding(task, points)


def _results(
    past: _HistorySource, subjects: list[Subject], *, named: bool
) -> tuple[Run, list[Result]]:
    from bmtick.testing.backtest import Run, ask_queries

    asking = [subject for subject in subjects if subject.alert.batch]
    if past.logs and asking and not named:
        names = printable(", ".join(subject.name for subject in asking))
        click.echo(f"bmtick: without {names}, which asks InfluxDB: name it", err=True)
        asking = []
    reading = [subject for subject in subjects if not subject.alert.batch]
    by_columns = "-" not in past.logs  # data that does not fit is read again
    if past.logs:
        run = Run(reading, past.settings, apart=(n.QUEUE,), by_columns=by_columns)
    else:
        run = _run(reading, past.settings, named=named)
    found: list[Result] = []
    if run.measurements:
        found = _replay(past, run)
    if run.unfit:
        found += _replay(past, Run(run.unfit, past.settings, apart=(n.QUEUE,) if past.logs else ()))
    found += [ask_queries(subject, past.settings, past.steps) for subject in asking]
    order = [subject.name for subject in subjects]
    return run, sorted(found, key=lambda result: order.index(result.name))


def _replay(past: _HistorySource, run: Run) -> list[Result]:
    """Replay the history through a run; log rows that no alert reads are only counted."""
    with _progress(past.span) as step:
        if past.span is None:
            wanted = set(run.measurements)
            for row in past.rows(wanted):
                if row[0] in wanted or "" in wanted:
                    run.feed(past.point(row))
                else:
                    run.see(row[3])
                step(row[3])
        else:
            for point in past.points(run.measurements):
                run.feed(point)
                step(point.time)
    return run.finish()


def _script(path: str, past: _HistorySource) -> dict[str, Any]:
    """Run the user's own script; return the result as data."""
    from bmtick.engine import load_task
    from bmtick.testing.scripts import FiringSpans

    task = load_task(read_text(path), file=path, name=Path(path).stem, now=None, zone=local_zone())
    spans = FiringSpans()
    latest = None
    for at in past.steps(task):
        latest = max(latest or at, at)
        spans.take(task.take_events())
        task.drop_outputs()
    if latest is not None:
        task.advance(latest + 5 * SECOND)
    task.close()
    spans.take(task.take_events())
    problems = [f"{d.node}: {d.message}" for d in task.diagnostics()]
    if task.stopped:
        problems.append(f"the task stopped, as in Kapacitor: {task.stopped}")
    return {
        "script": path,
        "episodes": [
            {
                "begin": _iso(span.begin),
                "end": _iso(span.end),
                "level": span.level,
                "id": span.id,
                "message": span.message,
            }
            for span in spans.found
        ],
        "problems": problems,
    }


def _feeding(task: Task, points: Iterable[Point]) -> Iterator[int]:
    for point in points:
        task.advance(point.time)
        task.feed(point, "", "")  # matches any database of the script
        yield point.time


def _show_script(document: dict[str, Any]) -> None:
    episodes = document["episodes"]
    click.echo(
        f"{printable(document['script'])}: {len(episodes)} episode{'s' * (len(episodes) != 1)}"
    )
    for problem in document["problems"]:
        click.echo(f"  {printable(problem)}", err=True)
    shown = episodes[-_SHOWN:]
    if len(shown) < len(episodes):
        click.echo(f"  the last {_SHOWN}; all with --format json")
    if shown:
        print_table(
            ("begin", "end", "level", "id", "message"),
            [(e["begin"], e["end"] or "firing", e["level"], e["id"], e["message"]) for e in shown],
        )


def _run(subjects: list[Subject], settings: Settings, *, named: bool) -> Run:
    from bmtick.testing.backtest import Run

    run = Run(subjects, settings, by_columns=True)
    greedy = run.greedy
    if named or not greedy:
        return run
    names = printable(", ".join(greedy))
    click.echo(f"bmtick: without {names}, to whom all of the database counts: name it", err=True)
    subjects = [subject for subject in subjects if subject.name not in greedy]
    return Run(subjects, settings, by_columns=True)


def _subjects(settings: Settings, names: tuple[str, ...], sets: tuple[str, ...]) -> list[Subject]:
    from bmtick.alerts import catalogue, find
    from bmtick.alerts.assign import assignments, merged
    from bmtick.alerts.resolve import instances
    from bmtick.testing.backtest import Subject

    enabled = instances(settings)
    wanted = names or tuple(enabled) or tuple(catalogue())
    if sets and len(wanted) != 1:
        raise BmtickError("--set is for one alert", remedy="name the alert")
    found = []
    for name in wanted:
        alert, values = enabled.get(name) or (find(name), {})
        found.append(Subject(name, alert, merged(values, assignments(alert, sets))))
    return found


@cache
def _hostname() -> str:
    return socket.gethostname()


@contextmanager
def _progress(span: Span | None) -> Iterator[Any]:
    """Show progress on a terminal; yields a callback for the current time."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from bmtick.terminal import console

    columns = (TextColumn("{task.fields[day]}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        total = (span.end - span.begin) if span else None
        task = progress.add_task("", total=total, day="reading")
        seen = 0

        def step(at: int) -> None:
            nonlocal seen
            seen += 1
            if seen % 1000 == 0:
                done = at - span.begin if span else None
                progress.update(task, completed=done, day=_when(at)[:10])

        yield step


def _show(run: Run, results: Iterable[Result]) -> None:
    if run.points:
        click.echo(f"{run.points:,} points, {_when(run.begin)} to {_when(run.end)}")
    for result in results:
        click.echo("")
        _show_one(result)


def _show_one(result: Result) -> None:
    title = click.style(printable(result.name), bold=True)
    if not result.points and result.alert.batch:
        click.echo(f"{title}: no query is due in this past")
        return
    if not result.points:
        names = ", ".join(result.measurements)
        click.echo(f"{title}: no points of {printable(names)} in this past")
        return
    weeks = (result.end - result.begin) / parse_duration("1w")
    count = len(result.episodes)
    rate = f", {count / weeks:.1f} a week" if weeks >= 1 else ""
    what = "queries" if result.alert.batch else "points"
    click.echo(f"{title}: {count} episode{'s' * (count != 1)}{rate} ({result.points:,} {what})")
    for problem in result.problems:
        click.echo(f"  {printable(problem)}", err=True)
    shown = result.episodes[-_SHOWN:]
    if len(shown) < count:
        click.echo(f"  the last {_SHOWN}; all with --format json")
    if shown:
        print_table(
            ("begin", "end", "for", "level", "peak", "group"),
            [
                (
                    _when(e.begin),
                    _when(e.end) if e.end else "stands",
                    format_go_duration((e.end or result.end) - e.begin),
                    e.level_name,
                    _plain(e.peak),
                    _group(result, e.group),
                )
                for e in shown
            ],
        )
    _show_table(result)


def _show_table(result: Result) -> None:
    if result.no_table:
        click.echo(f"  no table of thresholds: {result.no_table}")
        return
    unit = result.alert.parameters["crit"].unit
    long_enough = result.end - result.begin >= parse_duration("1d")
    chosen = result.suggestion.threshold if result.suggestion else None
    print_table(
        (f"threshold ({unit})" if unit else "threshold", "episodes", "a week", ""),
        [
            (
                _plain(row.threshold),
                row.episodes,
                f"{row.per_week:.1f}" if long_enough else "",
                " ".join(
                    word
                    for word, here in (
                        ("in use", row.threshold == result.current),
                        ("suggested", row.threshold == chosen),
                    )
                    if here
                ),
            )
            for row in result.rows
        ],
    )
    if result.suggestion:
        click.echo(f"  suggestion: crit = {_plain(chosen)}: {result.suggestion.reason}")
    elif not long_enough:
        click.echo("  no suggestion: less than a day says nothing about a week")
    else:
        click.echo("  no suggestion: every threshold would have been reached more than once a week")


def _group(result: Result, tags: Any) -> str:
    return ", ".join(f"{tag}={tags[tag]}" for tag in result.alert.group if tags.get(tag))


def _plain(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:g}" if isinstance(number, float) else str(number)


def _when(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _iso(at: int | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat().replace("+00:00", "Z")


def _document(result: Result) -> dict[str, Any]:
    suggestion = result.suggestion
    return {
        "alert": result.name,
        "points": result.points,
        "begin": _iso(result.begin),
        "end": _iso(result.end),
        "span": format_duration((result.end - result.begin) // SECOND * SECOND),
        "episodes": [
            {
                "begin": _iso(e.begin),
                "end": _iso(e.end),
                "level": e.level_name,
                "peak": e.peak,
                "group": {tag: e.group.get(tag, "") for tag in result.alert.group},
            }
            for e in result.episodes
        ],
        "threshold": result.current,
        "thresholds": [
            {"threshold": r.threshold, "episodes": r.episodes, "per_week": round(r.per_week, 3)}
            for r in result.rows
        ],
        "suggestion": (
            {"threshold": suggestion.threshold, "reason": suggestion.reason} if suggestion else None
        ),
        "no_table": result.no_table or None,
        "problems": result.problems,
    }

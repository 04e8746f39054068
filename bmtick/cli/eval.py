"""``bmtick eval``: run one script over points and print its alert events."""

from __future__ import annotations

import gzip
import socket
import sys
import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any, TextIO

import click

from bmtick.cli._influxdb import over_history, span_of
from bmtick.cli.common import config_option, load_settings, version_option
from bmtick.documents import read_text
from bmtick.durations import SECOND
from bmtick.errors import BmtickError, Location, printable
from bmtick.tick.variables import load_variables
from bmtick.zones import local_zone

if TYPE_CHECKING:
    from datetime import tzinfo

    from bmtick.engine import Posted, Task
    from bmtick.points import Point


# A server continues after the last point: barriers then close pending groups of events.
_AFTERWARDS = 5 * SECOND
_POST_TIMEOUT = 30.0  # seconds, if the script sets none


@click.command()
@click.argument("script", type=click.Path(allow_dash=True))
@click.option(
    "--points",
    type=click.Path(allow_dash=True),
    help="Points in line protocol (nanoseconds), or a Kapacitor recording, also gzipped; - is stdin.",
)
@click.option(
    "--from", "since", help="The settings' InfluxDB instead, from so long ago (6h), or from a time."
)
@click.option("--to", "until", help="With --from: until so long ago, or a time. Default: now.")
@click.option("--vars", "variables", type=click.Path(), help="Kapacitor vars file (JSON).")
@click.option(
    "--show",
    type=click.Choice(["events", "http-out", "influxdb-out", "loopback", "http-post"]),
    default="events",
    show_default=True,
    help="What to print: alert events, or what nodes serve, write or post.",
)
@version_option
@click.option("--http-out", is_flag=True, help="The same as --show http-out.")
@click.option(
    "--post", is_flag=True, help="Really send what |httpPost() posts. Default: nothing is sent."
)
@click.option("--database", default="", help="Database of the points. Default: any.")
@click.option("--retention-policy", default="", help="Retention policy of the points.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    script: str,
    points: str | None,
    since: str | None,
    until: str | None,
    variables: str | None,
    show: str,
    version: tuple[int, ...],
    http_out: bool,
    post: bool,
    database: str,
    retention_policy: str,
) -> None:
    """Run SCRIPT over points; print its alert events as JSON lines.

    The task's name is the file's stem. Alerts without a handler report too. Time is that of the
    points: deadman, stats and barrier act as if each point arrived at its own time, and the clock
    continues for five seconds after the last one.

    A batch task's queries run on the settings' InfluxDB (--from), or over the points in a
    temporary InfluxDB if influxd is on PATH, like a server that starts at the first point; a
    recording (.brpl) contains their results.
    """
    from bmtick.engine import load_task

    if bool(points) == bool(since):
        raise BmtickError("say where the points are", remedy="--points FILE, or --from 6h")
    if until and not since:
        raise BmtickError("--to goes with --from")
    zone = local_zone()
    task = load_task(
        read_text(script),
        file=script,
        name=Path(script).stem if script != "-" else "stdin",
        variables=load_variables(read_text(variables), file=variables) if variables else None,
        variables_file=variables or "vars",
        hostname=socket.gethostname(),
        post=_post if post else None,
        version=version,
    )
    show = "http-out" if http_out else show
    _check_databases(task, database)
    steps: Iterator[int]
    if since:
        steps = over_history(task, load_settings(ctx), span_of(since, until), zone)
    elif task.is_batch:
        steps = _over_batches(task, str(points), (database, retention_policy), zone)
    else:
        steps = _over_stream(task, str(points), (database, retention_policy))
    latest = None
    for at in steps:
        latest = max(latest or at, at)
        _print_new(task, show)
    if latest is not None:
        task.advance(latest + _AFTERWARDS)
    task.close()
    _print_new(task, show)
    if show == "http-out":
        _print_outputs(task)
    _print_problems(task)


def _over_stream(task: Task, path: str, elsewhere: tuple[str, str]) -> Iterator[int]:
    """Feed a file's points, each at its own time; yield the time after each."""
    for point, where in _points_of(path):
        task.advance(point.time)
        task.feed(point, *(where or elsewhere))
        yield point.time


def _points_of(path: str) -> Iterator[tuple[Point, tuple[str, str] | None]]:
    from bmtick.engine.recording import read_points

    with _open(path) as stream:
        yield from read_points(_lines(stream, path), file=path, now=time_ns())


def _over_batches(task: Task, path: str, elsewhere: tuple[str, str], zone: tzinfo) -> Iterator[int]:
    """Feed a recording's batches, or run the queries over a file's points; yield the times."""
    from bmtick.engine.batches import recording_in
    from bmtick.testing.batches import over_points, replay

    if path != "-" and (recording := recording_in(Path(path))) is not None:
        yield from replay(task, recording)
        return
    found = ((point, where or _place(elsewhere)) for point, where in _points_of(path))
    yield from over_points(task, found, zone)


def _place(elsewhere: tuple[str, str]) -> tuple[str, str] | None:
    database, policy = elsewhere
    return (database, policy or "autogen") if database else None


def _check_databases(task: Task, database: str) -> None:
    databases = {name for name, _ in task.databases if name}
    if len(databases) > 1 and not database:
        click.echo(
            f"bmtick: warning: the script reads several databases ({', '.join(sorted(databases))}); "
            "points without one go to all of them (name one with --database)",
            err=True,
        )


def _print_new(task: Task, show: str) -> None:
    """Print new events since the last call; contents of httpOut are printed at the end."""
    taken: dict[str, list[Any]] = {
        "events": task.take_events(),
        "influxdb-out": task.take_written(),
        "loopback": task.take_looped(),
        "http-post": task.take_posted(),
    }
    for item in taken.get(show, ()):
        sys.stdout.write(_safe(item.to_json()) + "\n")


def _post(posted: Posted) -> tuple[int, str]:
    """Send a request of a node; return the HTTP status and text, or 0 and the error."""
    from bmtick.httpclient import HttpError, fetch

    if posted.endpoint:
        return 0, f"the endpoint '{posted.endpoint}' is of Kapacitor's own configuration"
    try:
        reply = fetch(
            posted.url,
            data=posted.body.encode("utf-8", "surrogateescape"),
            headers=posted.headers,
            seconds=posted.timeout / SECOND or _POST_TIMEOUT,
        )
    except HttpError as error:
        return 0, error.message
    return reply.status, reply.body.decode("utf-8", "replace")


def _print_outputs(task: Task) -> None:
    from bmtick.engine import gojson

    contents = []
    for endpoint, content in task.http_outputs().items():
        try:
            text = gojson.dumps(content)
        except gojson.UnsupportedValueError as error:
            # The response of Kapacitor's own server in this case.
            text = gojson.dumps({"error": str(error)})
        contents.append(f"{gojson.dumps(endpoint)}:{text}")
    sys.stdout.write(_safe("{" + ",".join(contents) + "}") + "\n")


def _safe(text: str) -> str:
    # Bytes that are not UTF-8 were read as surrogates; Go writes U+FFFD for them.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _print_problems(task: Task) -> None:
    for found in task.diagnostics():
        times = f" ({found.count} times)" if found.count > 1 else ""
        click.echo(printable(f"bmtick: {found.node}: {found.message}{times}"), err=True)
    if task.stopped:
        click.echo(
            printable(f"bmtick: the task stopped, as in Kapacitor: {task.stopped}"), err=True
        )


def _open(path: str) -> TextIO:
    if path == "-":
        return sys.stdin
    try:
        raw = Path(path).open("rb")  # noqa: SIM115 -- the reader of the text closes it
        # Kapacitor compresses its recordings. A pipe can be read only once, so only peek.
        packed = raw.peek(2).startswith(b"\x1f\x8b")
    except OSError as error:
        raise _unreadable(path, error) from None
    data: Any = gzip.GzipFile(fileobj=raw) if packed else raw
    return TextIOWrapper(data, encoding="utf-8", errors="surrogateescape", newline="\n")


def _lines(stream: TextIO, path: str) -> Iterator[str]:
    try:
        yield from stream
    except (OSError, EOFError, zlib.error) as error:
        raise BmtickError(f"cannot read on: {error}", location=Location(path)) from None


def _unreadable(path: str, error: OSError) -> BmtickError:
    return BmtickError(f"cannot read it: {error.strerror}", location=Location(path))

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

from bmtick.documents import read_text
from bmtick.durations import SECOND
from bmtick.errors import BmtickError, Location, printable
from bmtick.tick.variables import load_variables

if TYPE_CHECKING:
    from bmtick.engine import Task


# A server goes on running after the last point: barriers that gather what belongs together close.
_AFTERWARDS = 5 * SECOND


@click.command()
@click.argument("script", type=click.Path(allow_dash=True))
@click.option(
    "--points",
    type=click.Path(allow_dash=True),
    required=True,
    help="Points in line protocol (nanoseconds), or a Kapacitor stream recording, also gzipped; - is stdin.",
)
@click.option("--vars", "variables", type=click.Path(), help="Kapacitor vars file (JSON).")
@click.option(
    "--http-out", is_flag=True, help="Print each httpOut endpoint's last content instead."
)
@click.option("--database", default="", help="Database of the points. Default: any.")
@click.option("--retention-policy", default="", help="Retention policy of the points.")
def command(
    script: str,
    points: str,
    variables: str | None,
    http_out: bool,
    database: str,
    retention_policy: str,
) -> None:
    """Run SCRIPT over points; print its alert events as JSON lines.

    The task's name is the file's stem. Alerts without a handler report too. Time is the
    points': deadman, stats and barrier act as if each point came at its own time, and the clock
    runs on for five seconds after the last one.
    """
    from bmtick.engine import load_task

    task = load_task(
        read_text(script),
        file=script,
        name=Path(script).stem if script != "-" else "stdin",
        variables=load_variables(read_text(variables), file=variables) if variables else None,
        variables_file=variables or "vars",
        hostname=socket.gethostname(),
    )
    _check_databases(task, database)
    _replay(task, points, (database, retention_policy), quiet=http_out)
    if http_out:
        _print_outputs(task)
    else:
        _print_events(task)
    _print_problems(task)


def _replay(task: Task, path: str, elsewhere: tuple[str, str], *, quiet: bool) -> None:
    """Feed a file's points, each at its own time; print events as they come, unless quiet."""
    from bmtick.engine.recording import read_points

    latest = None
    with _open(path) as stream:
        for point, where in read_points(_lines(stream, path), file=path, now=time_ns()):
            latest = max(latest or point.time, point.time)
            task.advance(point.time)
            task.feed(point, *(where or elsewhere))
            if not quiet:
                _print_events(task)
    if latest is not None:
        task.advance(latest + _AFTERWARDS)
    task.close()


def _check_databases(task: Task, database: str) -> None:
    databases = {name for name, _ in task.databases if name}
    if len(databases) > 1 and not database:
        click.echo(
            f"bmtick: warning: the script reads several databases ({', '.join(sorted(databases))}); "
            "points without one go to all of them (name one with --database)",
            err=True,
        )


def _print_events(task: Task) -> None:
    for event in task.take_events():
        sys.stdout.write(_safe(event.to_json()) + "\n")
    task.take_written()


def _print_outputs(task: Task) -> None:
    from bmtick.engine import gojson

    contents = []
    for endpoint, content in task.http_outputs().items():
        try:
            text = gojson.dumps(content)
        except gojson.UnsupportedValueError as error:
            # What Kapacitor's own server answers then.
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
        raw = Path(path).open("rb")  # noqa: SIM115 -- whoever reads the text closes it
        # Kapacitor keeps its recordings compressed. A pipe can be read only once: so only peek.
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

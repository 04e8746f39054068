"""The settings' InfluxDB: the source of history, and the target of points without Telegraf."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from bmtick import settings as settings_module
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError, printable
from bmtick.points import parse_lines

if TYPE_CHECKING:
    from bmtick.engine import Task
    from bmtick.engine.queries import QueryRunner
    from bmtick.history import Connection, Span
    from bmtick.settings import Settings


def writer(config: str | None) -> Callable[[bytes], None]:
    """Return a function that writes line protocol to InfluxDB, with the tags that Telegraf adds."""
    from bmtick.history.write import write_points

    settings = settings_module.load(config)
    where = connection(settings)
    tags = {"host": settings.watch.host or socket.gethostname()}
    if settings.watch.datalocation:
        tags["datalocation"] = settings.watch.datalocation

    said: set[str] = set()

    def tell(text: str) -> None:
        if text not in said:  # once per process
            said.add(text)
            sys.stderr.write(f"bmtick: {printable(text)}\n")

    def write(data: bytes) -> None:
        points = list(
            parse_lines(data.decode("utf-8").split("\n"))
        )  # names may contain other line separators
        for point in points:
            point.tags = {**tags, **point.tags}
        write_points(where, points, tell=tell)

    return write


def connection(settings: Settings) -> Connection:
    """Return the InfluxDB of the settings; secrets come from the environment or a file."""
    from bmtick.credentials import find_credentials, split_url
    from bmtick.history import Connection

    section = settings.influxdb
    url, inline = split_url(section.url)
    found = find_credentials(
        "INFLUXDB", "default", section.username, section.secret_file, os.environ
    )
    known = found if found.username or found.token else inline
    return Connection(
        url,
        section.database,
        section.retention_policy,
        username=known.username,
        password=known.password,
        token=known.token,
        org=section.org,
        verify=(section.ca_file or True) if section.verify else False,
        timeout=parse_duration(section.timeout) / SECOND,
    )


def asking(settings: Settings) -> QueryRunner:
    """Return a function that runs queries of batch tasks on the settings' InfluxDB."""
    from bmtick.history import influxql_answer

    where = connection(settings)
    return lambda _cluster, query: influxql_answer(where, query)


def span_of(since: str, until: str | None) -> Span:
    """Return the span of ``--from`` and ``--to``; each is an age or a time.

    Raises:
        BmtickError: a value is neither, or the order is wrong.
    """
    from bmtick.history import Span

    now = time.time_ns()
    span = Span(_moment(since, now), _moment(until, now) if until else now)
    if span.begin >= span.end:
        raise BmtickError("--from is not before --to")
    return span


def _moment(text: str, now: int) -> int:
    """Return the nanoseconds of an age such as ``7d``, or of an ISO 8601 time."""
    try:
        return now - parse_duration(text)
    except BmtickError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BmtickError(
            f"'{text}' is neither a duration nor a time", remedy="write 7d or 2026-01-31T08:00"
        ) from None
    return int(moment.astimezone(UTC).timestamp()) * SECOND


def over_history(task: Task, settings: Settings, span: Span, zone: tzinfo) -> Iterator[int]:
    """Run a script over the settings' InfluxDB; yield the current time after each step.

    A stream task gets the points of its measurements, a batch task the results of its queries.

    Raises:
        BmtickError: InfluxDB is unreachable or returns an error.
    """
    from bmtick.engine.queries import run_queries
    from bmtick.history import read_points

    where = connection(settings)
    if task.is_batch:
        for name in {query.cluster for query in task.queries} - {"", "default"}:
            sys.stderr.write(
                printable(f"bmtick: warning: .cluster('{name}') is taken for [influxdb] url") + "\n"
            )
        yield from run_queries(task, asking(settings), *span, zone)
        return
    for point in read_points(where, sorted(task.measurements), span):
        task.advance(point.time)
        task.feed(point, where.database, where.retention_policy)
        yield point.time

"""Runs batch tasks over points, by a throw-away InfluxDB, or over the batches of a recording."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import TypeAlias

from bmtick.engine import Task
from bmtick.engine.messages import Batch
from bmtick.engine.queries import run_queries
from bmtick.errors import BmtickError
from bmtick.history import influxql_answer
from bmtick.history.temporary import fill, temporary_influxdb
from bmtick.points import Point

Place: TypeAlias = tuple[str, str]
"""A database and a retention policy."""


def over_points(
    task: Task,
    points: Iterable[tuple[Point, Place | None]],
    zone: tzinfo,
    *,
    begin: int | None = None,
    end: int | None = None,
) -> Iterator[int]:
    """Run a batch task's queries over points, in a throw-away InfluxDB; yield each query's time.

    The queries run as on a server that starts at the first point, until each has seen the last.

    Args:
        task: the batch task.
        points: in any order, each with its database and retention policy; without one it is
            written to all that the queries name.
        zone: of the server, for cron.
        begin: when the server starts, if not at the first point.
        end: when it stops, if not once every query has seen the last point.

    Raises:
        BmtickError: there is no influxd on this machine, or a query fails.
    """
    by_place: dict[Place, list[Point]] = {place: [] for place in task.databases}
    first = last = None
    for point, where in points:
        first = point.time if first is None else min(first, point.time)
        last = point.time if last is None else max(last, point.time)
        for place in by_place if where is None else [where]:
            if place in by_place:
                by_place[place].append(point)
    if first is None or last is None:
        return
    begin = first if begin is None else begin
    end = _last_run(task, begin, last, zone) if end is None else end
    with temporary_influxdb() as connection:
        for place, there in by_place.items():
            fill(connection, place, there)
        yield from run_queries(
            task, lambda _, query: influxql_answer(connection, query), begin, end, zone
        )


def _last_run(task: Task, begin: int, last: int, zone: tzinfo) -> int:
    """Return when every query has run with an interval that ends after the last point."""
    end = begin
    for query in task.queries:
        now = begin
        if not query.align and not query.cron_text:
            # the runs are counted from begin
            now = begin + max(0, last + query.offset - begin) // query.every * query.every
        elif last + query.offset > begin:
            now = last + query.offset
        end = max(end, query.next(now, zone) or end)
    return end


def replay(task: Task, batches: Sequence[Sequence[Batch]]) -> Iterator[int]:
    """Feed the batches of each query, in order of the time at which each ends; yield that time.

    Raises:
        BmtickError: there are other numbers of queries and of lists of batches.
    """
    if len(batches) != len(task.queries):
        raise BmtickError(
            f"the script has {len(task.queries)} queries, the recording those of {len(batches)}",
            remedy="record the task's own queries: kapacitor record batch -task NAME",
        )
    for time, number, batch in heapq.merge(
        *(_timed(number, source) for number, source in enumerate(batches)), key=lambda e: e[:2]
    ):
        task.advance(time)
        task.feed_batch(number, batch)
        yield time


def _timed(number: int, source: Sequence[Batch]) -> Iterator[tuple[int, int, Batch]]:
    latest = None
    for batch in source:
        end = batch.points[-1].time if batch.points else batch.time
        latest = end if latest is None else max(latest, end)
        yield latest, number, batch

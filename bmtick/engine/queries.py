"""Runs a batch task's queries when they are due; the caller provides the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import tzinfo
from typing import Any, TypeAlias

from bmtick.engine.batches import from_answer
from bmtick.engine.messages import Batch
from bmtick.engine.task import Task
from bmtick.errors import BmtickError

QueryRunner: TypeAlias = Callable[[str, str], list[dict[str, Any]]]
"""Runs a query on an InfluxDB, named by its ``cluster``; returns the series of the result."""


class Schedule:
    """The schedule of a task's queries, as on a server that starts at ``begin``.

    Args:
        task: a batch task.
        ask: runs a query.
        begin: start time of the server in nanoseconds; the first query runs after it.
        zone: the server's time zone, for cron.
    """

    def __init__(self, task: Task, ask: QueryRunner, begin: int, zone: tzinfo) -> None:
        self._task, self._ask, self._zone = task, ask, zone
        self._next = [query.next(begin, zone) for query in task.queries]

    def run(self, end: int) -> Iterator[int]:
        """Run every query due until ``end``, in order; yield the time after each.

        Raises:
            BmtickError: a query fails; with its line in the script.
        """
        while (due := self._first()) is not None and due[0] <= end:
            now, number = due
            self._next[number] = self._task.queries[number].next(now, self._zone)
            self.ask(number, now)
            yield now

    def run_latest(self, now: int) -> None:
        """Run each due query once, at its latest time: a server does not catch up on missed runs.

        Raises:
            BmtickError: a query fails, raised after all were tried; with its line in the script.
        """
        failed = None
        for number, query in enumerate(self._task.queries):
            latest = None
            while (due := self._next[number]) is not None and due <= now:
                latest, self._next[number] = due, query.next(due, self._zone)
            if latest is None:
                continue
            try:
                self.ask(number, latest)
            except BmtickError as error:
                failed = error
        if failed:
            raise failed

    def ask(self, number: int, now: int) -> None:
        """Run one query as at ``now``, and feed its result."""
        self._task.advance(now)
        for batch in _answer(self._task, number, self._ask, now):
            self._task.feed_batch(number, batch)

    def _first(self) -> tuple[int, int] | None:
        return min(
            ((time, number) for number, time in enumerate(self._next) if time is not None),
            default=None,
        )


def run_queries(task: Task, ask: QueryRunner, begin: int, end: int, zone: tzinfo) -> Iterator[int]:
    """Run a batch task like a server that starts at ``begin``; yield the time after each query.

    Args:
        task: the batch task.
        ask: runs a query.
        begin: start time of the server in nanoseconds; the first query runs after it.
        end: the last time at which a query may run.
        zone: the server's time zone, for cron.

    Raises:
        BmtickError: a query fails; with its line in the script.
    """
    task.advance(begin)
    yield from Schedule(task, ask, begin, zone).run(end)


def _answer(task: Task, number: int, ask: QueryRunner, now: int) -> list[Batch]:
    query = task.queries[number]
    statement = query.statement(now)
    try:
        return from_answer(
            ask(query.cluster, statement),
            by_name=query.by_name,
            stop=now - query.offset,
            by_time=query.group_span is not None,
        )
    except (ValueError, KeyError, TypeError) as error:
        reason = f"the answer to {statement} is not InfluxDB's: {error}"
    except BmtickError as error:
        reason = error.message
        if error.remedy:
            reason += f" ({error.remedy})"
    raise BmtickError(reason, location=query.location, excerpt=query.excerpt)

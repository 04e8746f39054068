"""Runs one case through the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bmtick.alerts import find, render
from bmtick.documents import read_text
from bmtick.durations import SECOND, parse_duration
from bmtick.engine import AlertEvent, Task, load_task
from bmtick.engine.node import DEFAULT_VERSION
from bmtick.errors import BmtickError, Location
from bmtick.points import Point
from bmtick.settings import Settings, load
from bmtick.testing.batches import over_points
from bmtick.testing.batches import replay as replay_batches
from bmtick.testing.compare import compare
from bmtick.testing.inputs import batches_of, begin_of, points_of, recorded_batches
from bmtick.testing.model import Case
from bmtick.tick.variables import load_variables
from bmtick.zones import local_zone

_AFTERWARDS: Final = 5 * SECOND  # the clock runs on after the last point, as on a server


@dataclass
class Outcome:
    """The outcome of a case; without ``failures`` it passed."""

    case: Case
    failures: list[str] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    points: int = 0

    @property
    def passed(self) -> bool:
        """Whether the case passed."""
        return not self.failures


def run_case(
    case: Case,
    version: tuple[int, ...] = DEFAULT_VERSION,
    watch: Callable[[str, Task], None] | None = None,
) -> Outcome:
    """Run a case like a version of Kapacitor; ``watch`` first receives the script's name and task.

    Raises:
        BmtickError: script, parameters or inputs are wrong; a failed case is not an error.
    """
    points = points_of(case)
    begin = begin_of(case, points)
    end = begin + parse_duration(case.end) if case.end else None
    task = task_of(case, version)
    if watch:
        watch(str(Path(case.file).parent / case.script) if case.script else case.alert, task)
    if task.is_batch:
        events, begin = _run_batches(task, case, points, end)
    elif case.batch or case.recordings:
        raise BmtickError(
            "the script reads the stream, not queries",
            location=Location(case.file),
            remedy="give 'series', 'points' or 'logs'",
        )
    else:
        events = replay(task, points, end)
    try:
        failures = compare(case, events, begin)
    except BmtickError as error:
        raise BmtickError(
            error.message, location=Location(case.file), remedy=error.remedy
        ) from None
    if task.stopped:
        failures.append(f"the task stopped, as in Kapacitor: {task.stopped}")
    failures += [f"{d.node}: {d.message} ({d.count} times)" for d in task.diagnostics()]
    return Outcome(case, failures, events, len(points))


def replay(
    task: Task,
    points: Iterable[Point],
    end: int | None = None,
    place: tuple[str, str] = ("", ""),
) -> list[AlertEvent]:
    """Feed points at their own time; continue to end, or a little after the last; return all events.

    ``place`` is their database and retention policy; without it, they match the script's.
    """
    events: list[AlertEvent] = []
    latest = end
    for point in points:
        latest = max(latest or point.time, point.time + _AFTERWARDS)
        task.advance(point.time)
        task.feed(point, *place)
        events += task.take_events()
        task.drop_outputs()
    if latest is not None:
        task.advance(latest)
    task.close()
    return events + task.take_events()


def _run_batches(
    task: Task, case: Case, points: list[Point], end: int | None
) -> tuple[list[AlertEvent], int]:
    """Run a batch task over the batches of a case, or its queries over the points.

    Returns the events and the time from which expected events count.
    """
    begin = begin_of(case, points)
    in_script = sorted(range(len(task.queries)), key=lambda n: task.queries[n].location or ())
    if case.batch:
        given = batches_of(case, len(in_script))
        steps = replay_batches(task, [given[in_script.index(n)] for n in range(len(in_script))])
    elif case.recordings:
        recorded = recorded_batches(case)
        firsts = [batch.points[0].time for batches in recorded for batch in batches[:1]]
        begin = begin if case.begin else min(firsts, default=begin)
        steps = replay_batches(task, recorded)
    else:
        steps = over_points(task, [(p, None) for p in points], local_zone(), begin=begin, end=end)
    events: list[AlertEvent] = []
    latest = begin
    for at in steps:
        latest = max(latest, at)
        events += task.take_events()
        task.drop_outputs()
    task.advance(end or latest + _AFTERWARDS)
    task.close()
    return events + task.take_events(), begin


def task_of(case: Case, version: tuple[int, ...] = DEFAULT_VERSION) -> Task:
    """Return the task of a case: its script, or the rendered alert."""
    if case.script:
        return _from_script(case, version)
    try:
        alert = find(case.alert)
        rendered = render(alert, case.set, settings=_settings(case))
    except BmtickError as error:
        if error.location is None:
            error.location = Location(case.file)
        raise
    return load_task(
        rendered.script, file=f"{case.alert}.tick", name=rendered.task_id, now=None, version=version
    )


def _settings(case: Case) -> Settings | None:
    return load(str(Path(case.file).parent / case.settings)) if case.settings else None


def _from_script(case: Case, version: tuple[int, ...]) -> Task:
    folder = Path(case.file).parent
    path = folder / case.script
    if case.set:
        raise BmtickError("'set' is for alerts", location=Location(case.file), remedy="use 'vars'")
    variables = (
        load_variables(read_text(folder / case.vars), file=str(folder / case.vars))
        if case.vars
        else None
    )
    return load_task(
        read_text(path),
        file=str(path),
        name=path.stem,
        variables=variables,
        now=None,
        version=version,
    )

"""Alerts over the past: what they would have said, and with which threshold how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bmtick.alerts import Alert, Rendered, render
from bmtick.durations import SECOND
from bmtick.engine import Task, load_task
from bmtick.points import Point
from bmtick.settings import Settings
from bmtick.testing.cut import Cut
from bmtick.testing.episodes import Episode, alert_nodes
from bmtick.testing.recorder import Counted, Recorder
from bmtick.testing.thresholds import Row, Suggestion, candidates, suggest, sweep

if TYPE_CHECKING:
    from bmtick.engine.chunks import Chunk
    from bmtick.testing.columns import ColumnTrack

_AFTERWARDS = 5 * SECOND
_THRESHOLD = "crit"
_DRAIN = 4096  # points after which events that nobody reads are dropped
_CHUNK = 8192  # points of a measurement that become columns together
_MANY = 300_000  # points up to which the whole script runs again for each threshold


@dataclass
class Subject:
    """An alert to be run: its values, and the name of its instance."""

    name: str
    alert: Alert
    values: Mapping[str, Any]


@dataclass
class Result:
    """What came of one alert."""

    name: str
    alert: Alert
    measurements: list[str]
    points: int = 0
    begin: int = 0
    end: int = 0
    episodes: list[Episode] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    current: float | None = None
    suggestion: Suggestion | None = None
    no_table: str = ""
    problems: list[str] = field(default_factory=list)


class Run:
    """Runs alerts over points, all in one pass; ``finish`` gives the results.

    Args:
        subjects: the alerts.
        settings: language, recipients and the like.
        apart: measurements that alerts which read all there is do not see: made points of the
            queue come while a log is silent, and would hide that.
        by_columns: work through the alerts by columns where that gives the same, and numpy is
            there. What turns out not to be ``unfit`` after ``finish``: the caller reads the past
            again for a run that is not by columns.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        settings: Settings | None,
        apart: Collection[str] = (),
        *,
        by_columns: bool = False,
    ) -> None:
        self._apart = apart
        self._tracks = [_Track(subject, settings, by_columns=by_columns) for subject in subjects]
        self._by_name: dict[str, list[_Track]] = {}
        for track in self._tracks:
            for measurement in track.task.measurements:
                self._by_name.setdefault(measurement, []).append(track)
        self._readers: dict[str, list[_Track]] = {}
        self._gathering: dict[str, list[Point]] = {}  # for the alerts that go by columns
        self.begin = self.end = 0
        self.points = 0

    @property
    def measurements(self) -> list[str]:
        """What the alerts read."""
        return sorted(self._by_name)

    @property
    def greedy(self) -> list[str]:
        """The alerts that read every measurement there is."""
        return [track.subject.name for track in self._by_name.get("", ())]

    def see(self, time: int) -> None:
        """Count a point that no alert reads."""
        if time > self.end:
            self.end = time
            self.begin = self.begin or time
        self.points += 1

    def feed(self, point: Point) -> None:
        """Run one point through the alerts that read its measurement."""
        time = point.time
        if time > self.end:
            self.end = time
            self.begin = self.begin or time
        self.points += 1
        readers = self._readers.get(point.name)
        if readers is None:
            readers = self._find_readers(point.name)
        for track in readers:
            track.feed(point)
        gathered = self._gathering.get(point.name)
        if gathered is not None:
            gathered.append(point)
            if len(gathered) >= _CHUNK:
                self._take(point.name)
        if self.points % _DRAIN == 0:
            for track in self._tracks:
                track.drain()

    def _find_readers(self, name: str) -> list[_Track]:
        seen_as = {name} if name in self._apart else {name, ""}
        tracks = [track for track in self._tracks if seen_as & track.task.measurements]
        readers = self._readers[name] = [track for track in tracks if not track.by_columns]
        if len(readers) < len(tracks):
            self._gathering.setdefault(name, [])
        else:
            self._gathering.pop(name, None)
        return readers

    def _take(self, name: str) -> None:
        """Pass what was gathered of a measurement to the alerts that go by columns."""
        from bmtick.engine.chunks import Chunk  # noqa: PLC0415 -- numpy is an extra

        gathered, self._gathering[name] = self._gathering[name], []
        if not gathered:
            return
        chunk = Chunk(gathered)
        for track in self._tracks:
            if track.by_columns and name in track.task.measurements:
                track.take(chunk)
        self._find_readers(name)  # one may turn out to be for the engine

    def finish(self) -> list[Result]:
        """Return a result for each alert, in order; none for those that are unfit."""
        for name in list(self._gathering):
            self._take(name)
        found = [track.result(self.begin, self.end) for track in self._tracks]
        return [result for result in found if result is not None]

    @property
    def unfit(self) -> list[Subject]:
        """The alerts that cannot be worked through by columns, after all."""
        return [track.subject for track in self._tracks if track.unfit]


def ask_queries(
    subject: Subject, settings: Settings | None, steps: Callable[[Task], Iterable[int]]
) -> Result:
    """Run an alert that asks InfluxDB; ``points`` of the result counts its queries.

    Args:
        subject: the alert.
        settings: language, recipients and the like.
        steps: runs the queries of a task, and yields the time after each.

    Raises:
        BmtickError: a query fails.
    """
    found = _Track(subject, settings).ask(steps)
    assert found is not None  # noqa: S101 -- nothing is done by columns
    return found


class _Track:
    """One alert under way."""

    def __init__(
        self, subject: Subject, settings: Settings | None, *, by_columns: bool = False
    ) -> None:
        self.subject, self._settings = subject, settings
        self.unfit = ""  # why it cannot be worked through by columns
        self._rendered = render(
            subject.alert,
            subject.values,
            instance=subject.name,
            form="template",
            settings=settings,
        )
        self.task = self._load(self._rendered.variables)
        self._columns = _columns(self.task) if by_columns else None
        self._tried = False
        self._recorders = []
        if self._columns is None:
            self._recorders = [Recorder(node) for node in alert_nodes(self.task)]
        self._advance, self._run = self.task.advance, self.task.feed
        self._cut: Cut | None = None
        self._again = False
        if any(_reads_threshold(recorder) for recorder in self._recorders):
            self._cut = Cut.between(self.task, self._with(self._threshold() + 1))
            self._again = self._cut is None
        self.points: list[Point] = []  # for alerts whose script must run again
        self.count = 0
        self._now = -(1 << 63)

    def _load(self, variables: Mapping[str, Any]) -> Task:
        rendered: Rendered = self._rendered
        return load_task(
            rendered.script,
            file=f"{rendered.name}.tick",
            name=rendered.task_id,
            variables=variables,
            now=None,
        )

    def feed(self, point: Point) -> None:
        self.count += 1
        if self._again and self.count <= _MANY:
            self.points.append(point)
        if point.time > self._now:
            self._now = point.time
            self._advance(point.time)
        self._run(point, "", "")  # whatever database the settings name

    @property
    def by_columns(self) -> bool:
        """Whether it takes chunks, not points."""
        return self._columns is not None

    def take(self, chunk: Chunk) -> None:
        """Take a chunk; the first one is tried, and run through the engine where it does not fit."""
        columns = self._columns
        if columns is None:
            return
        if not self._tried:
            self._tried = True
            if not self._fits(chunk):
                self._use_engine(chunk.points)
                return
        self.count += len(chunk.points)
        if not self.unfit:
            try:
                columns.take(chunk)
            except columns.Unfit as error:
                self.unfit = str(error)

    def _fits(self, chunk: Chunk) -> bool:
        trial = _columns(self.task)
        if trial is None:
            return False
        try:
            trial.take(chunk)
            trial.finish(chunk.points[-1].time)
            trial.episodes()
            trial.values()
        except trial.Unfit:
            return False
        return True

    def _use_engine(self, points: list[Point]) -> None:
        self._columns = None
        self.task = self._load(self._rendered.variables)
        self._recorders = [Recorder(node) for node in alert_nodes(self.task)]
        self._advance, self._run = self.task.advance, self.task.feed
        for point in points:
            self.feed(point)
            self.drain()

    def ask(self, steps: Callable[[Task], Iterable[int]]) -> Result | None:
        """Run the queries of a batch task, and return what came of it."""
        begin = end = 0
        for at in steps(self.task):
            begin, end = begin or at, at
            self.count += 1
            self.drain()
        return self.result(begin, end)

    def drain(self) -> None:
        """Drop what nobody reads here: the levels say all."""
        self.task.take_events()
        self.task.drop_outputs()

    def result(self, begin: int, end: int) -> Result | None:
        """Return what came of it; None: it has to be run again, without columns."""
        if self._columns is not None:
            return self._of_columns(self._columns, begin, end)
        self.task.advance(end + _AFTERWARDS)
        self.task.close()
        found = self._empty(begin, end)
        episodes = [e for recorder in self._recorders for e in recorder.episodes.found]
        found.episodes = sorted(episodes, key=_place)
        found.problems = [f"{d.node}: {d.message}" for d in self.task.diagnostics()]
        if self.task.stopped:
            found.problems.append(f"the task stopped, as in Kapacitor: {self.task.stopped}")
        values = sum((recorder.values() for recorder in self._recorders), Counter())
        self._table(found, values, self._counter())
        return found

    def _of_columns(self, columns: ColumnTrack, begin: int, end: int) -> Result | None:
        if self.unfit:
            return None
        found = self._empty(begin, end)
        try:
            columns.finish(end)
            found.episodes = sorted(columns.episodes(), key=_place)
            self._table(found, columns.values(), lambda t: columns.count_of(self._with(t)))
        except columns.Unfit as error:
            self.unfit = str(error)
            return None
        return found

    def _empty(self, begin: int, end: int) -> Result:
        return Result(
            self.subject.name,
            self.subject.alert,
            sorted(self.task.measurements),
            self.count,
            begin,
            end,
        )

    def _table(
        self, found: Result, values: Mapping[float, int], counter: Callable[[float], int]
    ) -> None:
        variable = self._rendered.variables.get(_THRESHOLD)
        if variable is None:
            found.no_table = "the alert has no threshold"
        elif not values:
            found.no_table = "there were no values"
        elif self._again and self.task.is_batch:
            found.no_table = "InfluxDB would have to be asked again for each threshold"
        else:
            self._sweep(found, values, variable["value"], counter)

    def _sweep(
        self,
        found: Result,
        values: Mapping[float, int],
        current: float,
        counter: Callable[[float], int],
    ) -> None:
        if self._again and self.count > _MANY:
            found.no_table = "too many points to run the script again for each threshold"
            return
        if self._cut is not None and self._cut.broken:
            found.no_table = "a value before the alert changed its type"
            return
        parameter = found.alert.parameters[_THRESHOLD]
        found.current = current
        span = found.end - found.begin
        thresholds = candidates(values, current, parameter.min, parameter.max)
        found.rows = sweep(thresholds, counter, span)
        found.suggestion = suggest(found.rows, max(values), span)

    def _counter(self) -> Callable[[float], int]:
        """Return what counts the episodes of a threshold, exactly.

        Where only the alert's own condition knows the threshold, judging again what came to it is
        enough; where a node before it does too, what came there is, or the script runs again.
        """
        cut = self._cut
        if cut is not None:
            return lambda threshold: cut.count(self._with(threshold))
        return self._run_again if self._again else self._judge_again

    def _threshold(self) -> float:
        value: float = self._rendered.variables[_THRESHOLD]["value"]
        return value

    def _with(self, threshold: float) -> Task:
        variables = dict(self._rendered.variables)
        variables[_THRESHOLD] = {**variables[_THRESHOLD], "value": threshold}
        return self._load(variables)

    def _judge_again(self, threshold: float) -> int:
        nodes = alert_nodes(self._with(threshold))
        return sum(
            recorder.count(node.levels)
            for recorder, node in zip(self._recorders, nodes, strict=True)
        )

    def _run_again(self, threshold: float) -> int:
        task = self._with(threshold)
        counted = [Counted(node) for node in alert_nodes(task)]
        for point in self.points:
            _feed(task, point)
        return sum(one.changes.critical for one in counted)


def _place(episode: Episode) -> tuple[int, list[tuple[str, str]]]:
    """Sort by time, and what began at one moment by its group."""
    return episode.begin, sorted(episode.group.items())


def _columns(task: Task) -> ColumnTrack | None:
    """Return what works through a task by columns; None: only the engine does."""
    try:
        from bmtick.testing.columns import ColumnTrack  # noqa: PLC0415 -- numpy is an extra
    except ImportError:
        return None
    if any(
        _THRESHOLD in predicate.references
        for node in alert_nodes(task)
        for predicate in node.levels.predicates
    ):
        return None
    try:
        return ColumnTrack(task, _AFTERWARDS)
    except ColumnTrack.Unfit:
        return None


def _feed(task: Task, point: Point) -> None:
    task.advance(point.time)
    task.feed(point, "", "")  # whatever database the settings name
    task.take_events()
    task.drop_outputs()


def _reads_threshold(recorder: Recorder) -> bool:
    """Say whether a condition takes the threshold from a field, which a node before it made."""
    return any(_THRESHOLD in predicate.references for predicate in recorder.predicates)


def run_points(run: Run, points: Iterable[Point]) -> list[Result]:
    """Feed all points and return the results."""
    for point in points:
        run.feed(point)
    return run.finish()

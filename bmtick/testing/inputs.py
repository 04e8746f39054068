"""The points of a case: series in compact notation, line protocol, mail logs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options
from bmtick.durations import SECOND, parse_duration
from bmtick.engine.batches import recording_in
from bmtick.engine.messages import Batch, BatchPoint
from bmtick.errors import BmtickError, Location
from bmtick.names import FIELDS
from bmtick.points import Point, Value, parse_lines
from bmtick.testing.model import BatchTable, Case, Series
from bmtick.testing.notation import MAX_VALUES, values

DEFAULT_BEGIN: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)  # a Monday morning


def nanoseconds(moment: datetime) -> int:
    """Return nanoseconds since the epoch, exactly."""
    span = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (span.days * 86400 + span.seconds) * SECOND + span.microseconds * 1000


def begin_of(case: Case, points: list[Point]) -> int:
    """Return the begin of the case, to which durations are added."""
    if case.begin:
        return nanoseconds(case.begin)
    if case.series or not points:
        return nanoseconds(DEFAULT_BEGIN)
    return points[0].time


def points_of(case: Case) -> list[Point]:
    """Return all points of a case in order of time; points of one time keep the file's order.

    Raises:
        BmtickError: an input is invalid; with the location.
    """
    folder = Path(case.file).parent
    found: list[Point] = []
    start = nanoseconds(case.begin or DEFAULT_BEGIN)
    for number, series in enumerate(case.series):
        try:
            found += _series(series, number, start)
        except BmtickError as error:
            if error.location is None:
                error.location = Location(case.file)
            raise
        if len(found) > MAX_VALUES:
            raise BmtickError(
                f"the series of a case have more than {MAX_VALUES:,} points",
                location=Location(case.file),
                remedy="make the case shorter, or name a file by 'points'",
            )
    for name in case.points:
        found += _line_protocol(folder / name)
    if case.logs:
        paths = [str(folder / name) for name in case.logs]
        found += points_of_logs(paths, options=_options(case))
    for point in found:
        point.tags = {**case.tags, **point.tags}
    return sorted(found, key=lambda point: point.time)


def batches_of(case: Case, queries: int) -> list[list[Batch]]:
    """Return the batches of a case for each query of its script, in the script's order.

    Raises:
        BmtickError: an input is invalid, or its query is not in the script.
    """
    found: list[list[Batch]] = [[] for _ in range(queries)]
    start = nanoseconds(case.begin or DEFAULT_BEGIN)
    for number, table in enumerate(case.batch):
        if not 1 <= table.query <= queries:
            raise BmtickError(
                f"'query = {table.query}', but the script has {queries}",
                location=Location(case.file),
                remedy="queries count from 1",
            )
        try:
            found[table.query - 1].append(_batch(case, table, number, start))
        except BmtickError as error:
            if error.location is None:
                error.location = Location(case.file)
            raise
    return found


def _batch(case: Case, table: BatchTable, number: int, start: int) -> Batch:
    tags = {**case.tags, **table.tags}
    points = [
        BatchPoint(
            # An InfluxDB response has no integers: Kapacitor treats all numbers as floats.
            {k: float(v) if type(v) is int else v for k, v in point.fields.items()},
            tags,
            point.time,
        )
        for point in _series(table, number, start)
    ]
    if not points and not table.at:
        raise BmtickError("a batch without points has no time", remedy="say when: at = '10s'")
    end = start + parse_duration(table.at) if table.at else points[-1].time
    return Batch.of(table.measurement, tags, by_name=False, time=end, points=points)


def recorded_batches(case: Case) -> list[list[Batch]]:
    """Return the batches of a case's recordings: one file for all queries, or one for each."""
    found: list[list[Batch]] = []
    for name in case.recordings:
        path = Path(case.file).parent / name
        batches = recording_in(path)
        if batches is None:
            raise BmtickError("this is no recording of batches", location=Location(str(path)))
        found += batches
    return found


def _options(case: Case) -> Options:
    now = (case.begin or datetime.now(UTC)).timestamp()
    if case.known_clients is None:
        return Options(now=now)
    return Options(now=now, known=tuple(case.known_clients))


def _series(series: Series, number: int, start: int) -> Iterator[Point]:
    every, jitter = parse_duration(series.every), parse_duration(series.jitter)
    if every <= 0:
        raise BmtickError(f"'every' is {series.every}", remedy="give an interval such as 10s")
    kinds = FIELDS.get(series.measurement, {})
    columns = {name: values(text, kinds.get(name, "")) for name, text in series.fields.items()}
    first = start + parse_duration(series.start)
    for index in range(max((len(column) for column in columns.values()), default=0)):
        fields: dict[str, Value] = {}
        for name, column in columns.items():
            value = column[index] if index < len(column) else None
            if value is not None:
                fields[name] = value
        if fields:
            time = first + index * every + _jitter(jitter, number, index)
            yield Point(series.measurement, dict(series.tags), fields, time)


def _jitter(jitter: int, number: int, index: int) -> int:
    """Return a delay below jitter, equal in every run."""
    if jitter <= 0:
        return 0
    digest = hashlib.sha256(f"{number}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % jitter


def _line_protocol(path: Path) -> list[Point]:
    try:
        with path.open(encoding="utf-8") as lines:
            return list(parse_lines(lines, file=str(path)))
    except UnicodeDecodeError:
        raise BmtickError(
            "it is not UTF-8 text", location=Location(str(path)), remedy="save it as UTF-8"
        ) from None
    except OSError as error:
        raise BmtickError(
            f"cannot read it: {error.strerror}", location=Location(str(path))
        ) from None

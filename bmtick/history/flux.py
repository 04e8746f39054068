"""Flux over HTTP, for InfluxDB 2.x; answers are annotated CSV.

One query per day: if a query covers two shards in which a field has different types, InfluxDB
silently omits the values of the second one (seen in 2.7.12). In CSV an empty string is the same as
no value, and counts as none.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from bmtick.durations import SECOND
from bmtick.history.model import Connection, HistoryError, Span, refusal
from bmtick.httpclient import HttpClient, HttpError
from bmtick.points import Point, Value

_DAY: Final = 86_400 * SECOND
_SHARD: Final = 7  # default length of a shard in days
_TAG: Final = "_tag."  # prefix of a tag's column: a field may have the same name
_MAX_CAUSE: Final = 400  # characters of an answer shown in a message
_UNEXPECTED: Final = "InfluxDB's answer is no annotated CSV of points"
_FIRST: Final = 3  # the first data column, after annotation, result and table
_CONVERT: Final[dict[str, Callable[[str], Value]]] = {
    "long": int,
    "unsignedLong": int,
    "double": float,
    # the CSV has CR LF for every line end
    "string": lambda text: text.replace("\r\n", "\n"),
    "boolean": lambda text: text == "true",
}


def quote(text: str) -> str:
    """Quote a string of Flux."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'


def flux_points(
    connection: Connection, measurement: str, span: Span, where: Mapping[str, str]
) -> Iterator[Point]:
    """Yield the points of one measurement in order of time."""
    client = connection.client()
    begin: int | None = span.begin
    empty = 0
    while begin is not None and begin < span.end:
        day = Span(begin, min(span.end, (begin // _DAY + 1) * _DAY))
        query = _points_query(connection, measurement, day, where)
        empty += 1
        for point in points_of_rows(_query(client, connection, query), measurement):
            empty = 0
            yield point
        begin = day.end
        if empty > _SHARD and begin < span.end:
            rest = Span(begin, span.end)
            begin, empty = _first_time(client, connection, measurement, rest), 0


def flux_measurements(connection: Connection, span: Span) -> list[str]:
    """Return the measurements that have points in a time span."""
    query = (
        _range(connection, span)
        + '  |> keep(columns: ["_measurement"])\n  |> group()\n'
        + '  |> distinct(column: "_measurement")\n'
        # the form of a point, as this module reads it
        + "  |> map(fn: (r) => ({_time: time(v: 0), name: r._value}))\n"
    )
    found = points_of_rows(_query(connection.client(), connection, query), "")
    return sorted(str(point.fields["name"]) for point in found)


def _range(connection: Connection, span: Span) -> str:
    return (
        f"from(bucket: {quote(connection.bucket)})\n"
        f"  |> range(start: time(v: {span.begin}), stop: time(v: {span.end}))\n"
    )


def _source(connection: Connection, measurement: str, span: Span) -> str:
    return (
        _range(connection, span)
        + f"  |> filter(fn: (r) => r._measurement == {quote(measurement)})\n"
    )


def _points_query(
    connection: Connection, measurement: str, span: Span, where: Mapping[str, str]
) -> str:
    filters = "".join(
        f"  |> filter(fn: (r) => r[{quote(tag)}] == {quote(value)})\n"
        for tag, value in where.items()
    )
    return (
        _source(connection, measurement, span)
        + filters
        + '  |> drop(columns: ["_start", "_stop", "_measurement"])\n'
        + '  |> rename(fn: (column) => if column == "_time" or column == "_field" or '
        + f'column == "_value" then column else {quote(_TAG)} + column)\n'
        + '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
        + '  |> group()\n  |> sort(columns: ["_time"])\n'
    )


def _first_time(
    client: HttpClient, connection: Connection, measurement: str, span: Span
) -> int | None:
    query = (
        _source(connection, measurement, span)
        + '  |> first()\n  |> keep(columns: ["_time"])\n  |> group()\n'
        + '  |> sort(columns: ["_time"])\n  |> limit(n: 1)\n'
    )
    rows = points_of_rows(_query(client, connection, query), measurement)
    return min((point.time for point in rows), default=None)


def _query(client: HttpClient, connection: Connection, query: str) -> Iterator[list[str]]:
    dialect = {
        "header": True,
        "delimiter": ",",
        "annotations": ["datatype"],
        "commentPrefix": "#",
        "dateTimeFormat": "RFC3339",
    }
    # same headers as InfluxDB's Python client
    body = {"extern": {"imports": [], "body": []}, "query": query, "dialect": dialect}
    try:
        with client.stream(
            "POST", "/api/v2/query", params={"org": connection.org}, json=body
        ) as answer:
            # a line end within a value is kept: InfluxDB ends lines with CR LF
            lines = (line.decode("utf-8", "replace") for line in answer.lines())
            yield from csv.reader(lines)
    except csv.Error as error:
        raise HistoryError(f"{_UNEXPECTED}: {error}") from None
    except HttpError as error:
        raise refusal(connection, error) from None


def points_of_rows(rows: Iterable[list[str]], measurement: str) -> Iterator[Point]:
    """Yield the points of annotated CSV.

    Raises:
        HistoryError: the answer ends in an error, which InfluxDB writes among the data.
    """
    types: list[str] = []
    table: _Table | None = None
    for row in rows:
        if not row or row == [""]:
            table = None
        elif row[0] == "#datatype":
            types, table = row, None
        elif row[0].startswith("#"):
            continue
        elif table is None:
            table = _Table(row, types)
        else:
            yield table.point(row, measurement)


class _Table:
    """The columns of one table: tags, and fields with their types."""

    def __init__(self, header: list[str], types: list[str]) -> None:
        self._failed = header[1:3] == ["error", "reference"]
        self._tags: list[tuple[int, str]] = []
        self._fields: list[tuple[int, str, Callable[[str], Value]]] = []
        self._time, self._length = -1, len(header)
        self._last, self._moment = "", 0
        if self._failed:
            return
        if "_time" not in header or len(types) != len(header):
            raise HistoryError(f"{_UNEXPECTED}: its columns are {', '.join(header)[:_MAX_CAUSE]}")
        for place, name in enumerate(header[_FIRST:], _FIRST):
            if name == "_time":
                self._time = place
            elif name.startswith(_TAG):
                self._tags.append((place, name.removeprefix(_TAG)))
            else:
                self._fields.append((place, name, _CONVERT.get(types[place], str)))

    def point(self, row: list[str], measurement: str) -> Point:
        if len(row) != self._length:
            raise HistoryError(f"{_UNEXPECTED}: its rows are not of one length")
        if self._failed:
            raise HistoryError(f"InfluxDB broke off its answer: {row[1]}")
        tags = {name: row[i] for i, name in self._tags if row[i]}
        try:
            fields = {name: convert(row[i]) for i, name, convert in self._fields if row[i]}
        except ValueError as error:
            raise HistoryError(f"{_UNEXPECTED}: {error}") from None
        if row[self._time] != self._last:  # several series may have the same time
            self._last, self._moment = row[self._time], nanoseconds(row[self._time])
        return Point(measurement, tags, fields, self._moment)


_TIME: Final = re.compile(r"(.{19})(?:\.([0-9]{1,9}))?(Z|[+-][0-9:]+)")


def nanoseconds(text: str) -> int:
    """Return an RFC 3339 time in nanoseconds, exactly."""
    match = _TIME.fullmatch(text)
    try:
        moment = datetime.fromisoformat(match[1] + match[3]) if match else None
    except ValueError:
        moment = None
    if match is None or moment is None:
        raise HistoryError(f"InfluxDB gave '{text[:_MAX_CAUSE]}' as a time")
    return int(moment.timestamp()) * SECOND + int((match[2] or "").ljust(9, "0"))

"""Flux through InfluxDB's own client, for InfluxDB 2.x; answers come as annotated CSV.

The rows are read as text, because the client's times are cut to microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.dialect import Dialect
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from bmtick.durations import SECOND
from bmtick.history.model import Connection, HistoryError, Span
from bmtick.points import Point, Value

_OWN: Final = frozenset(("", "result", "table"))
_CONVERT: Final[dict[str, Callable[[str], Value]]] = {
    "long": int,
    "unsignedLong": int,
    "double": float,
    "string": str,
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
    with _client(connection) as client:
        fields = _field_names(client, connection, measurement, span)
        if fields:
            rows = _query(client, connection, _points_query(connection, measurement, span, where))
            yield from points_of_rows(rows, measurement, fields)


def _client(connection: Connection) -> InfluxDBClient:
    return InfluxDBClient(
        url=connection.url,
        token=connection.token,
        org=connection.org,
        timeout=int(connection.timeout * 1000),
        verify_ssl=connection.verify is not False,
        ssl_ca_cert=connection.verify if isinstance(connection.verify, str) else None,
    )


def _bucket(connection: Connection) -> str:
    if not connection.retention_policy:
        return connection.database
    return f"{connection.database}/{connection.retention_policy}"


def _source(connection: Connection, measurement: str, span: Span) -> str:
    return (
        f"from(bucket: {quote(_bucket(connection))})\n"
        f"  |> range(start: time(v: {span.begin}), stop: time(v: {span.end}))\n"
        f"  |> filter(fn: (r) => r._measurement == {quote(measurement)})\n"
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
        + '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
        + '  |> group()\n  |> sort(columns: ["_time"])\n'
    )


def _field_names(
    client: InfluxDBClient, connection: Connection, measurement: str, span: Span
) -> set[str]:
    query = (
        _source(connection, measurement, span)
        + '  |> keep(columns: ["_field"])\n  |> group()\n  |> distinct(column: "_field")\n'
    )
    return {row.get("_value", "") for _, row in _tables(_query(client, connection, query))}


def _query(client: InfluxDBClient, connection: Connection, query: str) -> Iterator[list[str]]:
    dialect = Dialect(header=True, annotations=["datatype"], delimiter=",")  # type: ignore[no-untyped-call]
    try:
        yield from client.query_api().query_csv(query, org=connection.org, dialect=dialect)
    except ApiException as error:
        remedy = "check the token and [influxdb] org" if error.status in (401, 403, 404) else ""
        reason = getattr(error, "message", None) or error.reason
        raise HistoryError(
            f"InfluxDB at {connection.url}: {error.status} {reason}", remedy=remedy
        ) from None
    except HTTPError as error:
        raise HistoryError(f"cannot reach InfluxDB at {connection.url}: {error}") from None


def _tables(rows: Iterable[list[str]]) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield (types by column, values by column) of each row."""
    types: list[str] = []
    header: list[str] = []
    for row in rows:
        if not row or row == [""]:
            header = []
        elif row[0] == "#datatype":
            types, header = row, []
        elif row[0].startswith("#"):
            continue
        elif not header:
            header = row
        elif len(header) == len(types) == len(row):
            yield dict(zip(header, types, strict=True)), dict(zip(header, row, strict=True))
        else:
            raise HistoryError("InfluxDB's answer is no annotated CSV of rows of one length")


def points_of_rows(
    rows: Iterable[list[str]], measurement: str, fields: set[str]
) -> Iterator[Point]:
    """Yield the points of annotated CSV; a column that is no field is a tag."""
    for types, row in _tables(rows):
        try:
            yield _point(types, row, measurement, fields)
        except (KeyError, ValueError) as error:
            raise HistoryError(
                f"InfluxDB gave a row of '{measurement}' that is none: {error}"
            ) from None


def _point(
    types: Mapping[str, str], row: Mapping[str, str], measurement: str, fields: set[str]
) -> Point:
    point = Point(measurement, {}, {}, nanoseconds(row["_time"]))
    for name, text in row.items():
        if name in _OWN or name.startswith("_") or text == "":
            continue
        if name in fields:
            point.fields[name] = _CONVERT.get(types[name], str)(text)
        else:
            point.tags[name] = text
    return point


_TIME: Final = re.compile(r"(.{19})(?:\.([0-9]{1,9}))?(Z|[+-][0-9:]+)")


def nanoseconds(text: str) -> int:
    """Return the nanoseconds of an RFC 3339 time, to the last digit."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise HistoryError(f"InfluxDB gave '{text}' as a time")
    moment = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    return int(moment.timestamp()) * SECOND + int((match[2] or "").ljust(9, "0"))

"""InfluxQL over HTTP, for InfluxDB 1.x and the compatible API of 2.x; answers are chunked.

``SELECT *`` without ``GROUP BY`` returns all series of a measurement in order of time. JSON does
not distinguish integers from floats, so the types come from ``SHOW FIELD KEYS``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from bmtick.history.model import Connection, HistoryError, Span
from bmtick.history.rows import Answer, Rows, Series
from bmtick.httpclient import HttpError
from bmtick.influxql import quote_name, quote_text
from bmtick.points import Point

_CHUNK: Final = 10_000  # rows of one chunk
_MAX_CAUSE: Final = 400  # characters of an answer shown in a message
# If a field changed its type, InfluxDB returns only the values of the first of these.
_PRECEDENCE: Final = ("float", "integer", "unsigned", "string", "boolean")
_ANSWER: Final = msgspec.json.Decoder(Answer)


def influxql_points(
    connection: Connection, measurement: str, span: Span, where: Mapping[str, str]
) -> Iterator[Point]:
    """Yield the points of one measurement in order of time."""
    client = _Client(connection)
    tags = client.names(f"SHOW TAG KEYS FROM {quote_name(measurement)}")
    types = client.field_types(measurement)
    if not types:
        return
    source = client.source(measurement)
    conditions = [f"time >= {span.begin}", f"time < {span.end}"]
    conditions += [f"{quote_name(tag)} = {quote_text(value)}" for tag, value in where.items()]
    statement = f"SELECT * FROM {source} WHERE {' AND '.join(conditions)}"  # noqa: S608 -- quoted
    rows = Rows(measurement, tags, types)
    for series in client.series(statement):
        try:
            yield from rows.points(series)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise client.unexpected(error) from None


def influxql_measurements(connection: Connection, _span: Span) -> list[str]:
    """Return the names of all measurements."""
    return sorted(_Client(connection).names("SHOW MEASUREMENTS"))


def influxql_answer(connection: Connection, statement: str) -> list[dict[str, Any]]:
    """Return all series of a statement's answer: name, tags, columns, values.

    Times are nanoseconds; integers stay integers.

    Raises:
        HistoryError: InfluxDB cannot be reached, or refuses.
    """
    client = _Client(connection)
    answer = client.full_answer(statement)
    error = answer.error or next((r.error for r in answer.results if r.error), "")
    if error:
        raise client.failure(error[:_MAX_CAUSE])
    return [series for result in answer.results for series in result.series or ()]


class _FullResult(msgspec.Struct):
    series: list[dict[str, Any]] | None = None
    error: str = ""


class _FullAnswer(msgspec.Struct):
    results: list[_FullResult] = []
    error: str = ""


class _Client:
    """Sends statements, and turns failures into errors with a remedy."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http = connection.client()

    def texts(self, statement: str) -> Iterator[list[str]]:
        """Yield the rows of a short answer that contains only strings."""
        for series in self.series(statement):
            try:
                yield from msgspec.json.decode(series.values, type=list[list[str]])
            except (ValueError, RecursionError) as error:
                raise self.unexpected(error) from None

    def series(self, statement: str) -> Iterator[Series]:
        """Yield the series of an answer, chunk by chunk, with undecoded values."""
        params = self._params(statement) | {"chunked": "true", "chunk_size": str(_CHUNK)}
        try:
            with self._http.stream("GET", "/query", params=params) as answer:
                for line in answer.lines():
                    if line.strip():
                        yield from self._series(line)
        except HttpError as error:
            raise HistoryError(error.message, remedy=error.remedy) from None

    def full_answer(self, statement: str) -> _FullAnswer:
        """Return an answer without chunking."""
        try:
            return self._http.read(_FullAnswer, "GET", "/query", params=self._params(statement))
        except HttpError as error:
            raise HistoryError(error.message, remedy=error.remedy) from None

    def _params(self, statement: str) -> dict[str, str]:
        connection = self._connection
        policy = {"rp": connection.retention_policy} if connection.retention_policy else {}
        return {"db": connection.database, **policy, "q": statement, "epoch": "ns"}

    def _series(self, line: bytes) -> list[Series]:
        try:
            answer = _ANSWER.decode(line)
        except (ValueError, RecursionError) as error:
            raise self.unexpected(error) from None
        reason = answer.error or next((r.error for r in answer.results if r.error), "")
        if reason:
            raise self.failure(reason[:_MAX_CAUSE])
        return [series for result in answer.results for series in result.series or ()]

    def source(self, measurement: str) -> str:
        """Return a measurement for FROM; without a policy it is in the default one."""
        policy = self._connection.retention_policy
        name = quote_name(measurement)
        return f"{quote_name(policy)}.{name}" if policy else name

    def names(self, statement: str) -> set[str]:
        """Return the first column of an answer."""
        return {row[0] for row in self.texts(statement) if row}

    def field_types(self, measurement: str) -> dict[str, str]:
        """Return the types of a measurement's fields: those that InfluxDB returns values of."""
        found: dict[str, str] = {}
        for row in self.texts(f"SHOW FIELD KEYS FROM {self.source(measurement)}"):
            if len(row) != 2 or row[1] not in _PRECEDENCE:
                raise self.unexpected(f"{row} is no field and its type")
            name, kind = row
            found[name] = min(kind, found.get(name, kind), key=_PRECEDENCE.index)
        return found

    def unexpected(self, cause: object) -> HistoryError:
        """Return the error for an answer of an unexpected form."""
        reason = f"the answer is not what it should be: {str(cause)[:_MAX_CAUSE]}"
        return self.failure(reason, "is this the right address?")

    def failure(self, reason: str, remedy: str = "") -> HistoryError:
        """Return the error for a failure of InfluxDB."""
        return HistoryError(f"InfluxDB at {self._connection.url}: {reason}", remedy=remedy)

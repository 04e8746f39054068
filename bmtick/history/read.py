"""Points of measurements, in order of time, by InfluxQL or Flux."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence

from bmtick.history.flux import flux_points
from bmtick.history.influxql import influxql_points
from bmtick.history.model import Connection, Span
from bmtick.points import Point


def read_points(
    connection: Connection,
    measurements: Sequence[str],
    span: Span,
    *,
    where: Mapping[str, str] | None = None,
) -> Iterator[Point]:
    """Yield the points of some measurements in order of time.

    Args:
        connection: where; with a token Flux is spoken, else InfluxQL.
        measurements: their names; one that does not exist has no points.
        span: which time.
        where: tags and the values that they must have.

    Raises:
        HistoryError: InfluxDB cannot be reached, or refuses.
    """
    read = flux_points if connection.token else influxql_points
    streams = [read(connection, name, span, where or {}) for name in measurements]
    if len(streams) == 1:
        return streams[0]
    return heapq.merge(*streams, key=lambda point: point.time)

"""Read the points of measurements, in order of time, by InfluxQL or Flux."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Final

from bmtick.history.flux import flux_measurements, flux_points
from bmtick.history.influxql import influxql_measurements, influxql_points
from bmtick.history.model import Connection, HistoryError, Span
from bmtick.points import Point

_TIME: Final = attrgetter("time")
_MAX_SAME_TIME: Final = 1_000_000  # points with the same time


def read_points(
    connection: Connection,
    measurements: Sequence[str],
    span: Span,
    *,
    where: Mapping[str, str] | None = None,
) -> Iterator[Point]:
    """Yield the points of some measurements in order of time, those of the same time by their tags.

    Args:
        connection: the InfluxDB; with a token Flux is used, else InfluxQL.
        measurements: their names; one that does not exist has no points, ``""`` means all.
        span: the time span.
        where: tags and their required values.

    Raises:
        HistoryError: InfluxDB cannot be reached, or refuses.
    """
    if "" in measurements:
        every = flux_measurements if connection.token else influxql_measurements
        measurements = every(connection, span)
    read = flux_points if connection.token else influxql_points
    streams = [
        sorted_points(read(connection, name, span, where or {}), span) for name in measurements
    ]
    if len(streams) == 1:
        return streams[0]
    return heapq.merge(*streams, key=_TIME)


def sorted_points(points: Iterator[Point], span: Span) -> Iterator[Point]:
    """Sort the points of the same time, whose order differs between servers.

    Raises:
        HistoryError: they are outside the span, or not in order of time: the answer may not end.
    """
    last = span.begin
    for time, moment in groupby(points, _TIME):
        if not last <= time < span.end:
            what = "not in order of time" if span.begin <= time < span.end else "not asked for"
            raise HistoryError(f"InfluxDB gave points that were {what}")
        last = time
        same = list(islice(moment, _MAX_SAME_TIME))
        if len(same) == _MAX_SAME_TIME:
            raise HistoryError(f"InfluxDB gave {_MAX_SAME_TIME:,} points of one moment")
        if len(same) > 1:
            same.sort(key=_tags)
        yield from same


def _tags(point: Point) -> list[tuple[str, str]]:
    return sorted(point.tags.items())

"""Points of measurements, in order of time, by InfluxQL or Flux."""

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
_MOST: Final = 1_000_000  # points of one moment


def read_points(
    connection: Connection,
    measurements: Sequence[str],
    span: Span,
    *,
    where: Mapping[str, str] | None = None,
) -> Iterator[Point]:
    """Yield the points of some measurements in order of time, those of a moment by their tags.

    Args:
        connection: where; with a token Flux is spoken, else InfluxQL.
        measurements: their names; one that does not exist has no points, ``""`` stands for all.
        span: which time.
        where: tags and the values that they must have.

    Raises:
        HistoryError: InfluxDB cannot be reached, or refuses.
    """
    if "" in measurements:
        every = flux_measurements if connection.token else influxql_measurements
        measurements = every(connection, span)
    read = flux_points if connection.token else influxql_points
    streams = [settled(read(connection, name, span, where or {}), span) for name in measurements]
    if len(streams) == 1:
        return streams[0]
    return heapq.merge(*streams, key=_TIME)


def settled(points: Iterator[Point], span: Span) -> Iterator[Point]:
    """Sort the points of a moment, whose order differs between servers.

    Raises:
        HistoryError: they are not of the span, or not in order of time: an answer without end.
    """
    last = span.begin
    for time, moment in groupby(points, _TIME):
        if not last <= time < span.end:
            what = "not in order of time" if span.begin <= time < span.end else "not asked for"
            raise HistoryError(f"InfluxDB gave points that were {what}")
        last = time
        same = list(islice(moment, _MOST))
        if len(same) == _MOST:
            raise HistoryError(f"InfluxDB gave {_MOST:,} points of one moment")
        if len(same) > 1:
            same.sort(key=_tags)
        yield from same


def _tags(point: Point) -> list[tuple[str, str]]:
    return sorted(point.tags.items())

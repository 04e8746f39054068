"""Convert InfluxDB's rows to points, with the fields' types and shared tags.

JSON does not distinguish integers from floats, so the types of the columns are given. Decoding is
most of the work of reading a month, so a decoder is built for the columns and converts the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from bmtick.points import Point, Value

_CONVERT: Final[dict[str, Callable[[Any], Value]]] = {
    "integer": int,
    "unsigned": int,
    "float": float,
    "string": str,
    "boolean": bool,
}


class Series(msgspec.Struct):
    """A series of an answer, or a part of it; ``values`` stays undecoded JSON."""

    columns: list[str]
    values: msgspec.Raw = msgspec.Raw(b"[]")


class Result(msgspec.Struct):
    """The result of a statement."""

    series: list[Series] | None = None
    error: str = ""


class Answer(msgspec.Struct):
    """InfluxDB's answer, or one chunk of it."""

    results: list[Result] = []
    error: str = ""


class Rows:
    """Builds points of one measurement; ``types`` are InfluxDB's names of the fields' types."""

    def __init__(self, measurement: str, tags: set[str], types: Mapping[str, str]) -> None:
        self._measurement, self._types = measurement, types
        # The answer omits a tag with the same name as a field.
        self._tags = {f"{tag}_1" if tag in types else tag: tag for tag in tags}
        self._columns: list[str] = []
        self._decoder: msgspec.json.Decoder[list[tuple[Any, ...]]]
        # Points of one series share their tags, which are never changed.
        self._shared: dict[tuple[str | None, ...], dict[str, str]] = {}

    def points(self, series: Series) -> Iterator[Point]:
        """Yield the points of one chunk."""
        if series.columns != self._columns:
            self._prepare(series.columns)
        measurement, shared, names = self._measurement, self._shared, self._field_names
        values_of, tags_of = self._values_of, self._tags_of
        for row in self._decode(series.values):
            key = tags_of(row)
            tags = shared.get(key)
            if tags is None:
                tags = shared[key] = self._named_tags(key)
            values = values_of(row)
            if None in values:
                fields = {n: v for n, v in zip(names, values, strict=True) if v is not None}
            else:
                fields = dict(zip(names, values, strict=True))
            yield Point(measurement, tags, fields, row[0])

    def _prepare(self, columns: list[str]) -> None:
        self._columns, self._shared = columns, {}
        kinds: list[Any] = [self._kind(name) for name in columns]
        kinds[0] = int  # the time
        self._decoder = msgspec.json.Decoder(list[tuple[tuple(kinds)]])  # type: ignore[misc]
        tags, self._tags_of = _columns(columns, self._tags)
        self._tag_names = [self._tags[column] for column in tags]
        self._field_names, self._values_of = _columns(columns, self._types)

    def _kind(self, name: str) -> Any:
        if name in self._types:
            return _CONVERT[self._types[name]] | None  # type: ignore[operator]
        return str | None if name in self._tags else Any

    def _decode(self, values: msgspec.Raw) -> list[tuple[Any, ...]]:
        try:
            return self._decoder.decode(values)
        except msgspec.ValidationError:
            return [tuple(self._converted(row)) for row in msgspec.json.decode(values)]

    def _converted(self, row: Sequence[Any]) -> Iterator[Any]:
        """Convert the values of a field that had another type before.

        Raises:
            ValueError: a value cannot be converted, or the row has no time.
        """
        if not row or type(row[0]) is not int:
            raise ValueError(f"a row without a time: {str(row)[:80]}")
        for name, value in zip(self._columns, row, strict=True):
            kind = self._types.get(name)
            yield value if kind is None or value is None else _CONVERT[kind](value)

    def _named_tags(self, values: Sequence[str | None]) -> dict[str, str]:
        return {n: v for n, v in zip(self._tag_names, values, strict=True) if v}


def _columns(
    columns: list[str], wanted: Mapping[str, str]
) -> tuple[list[str], Callable[[tuple[Any, ...]], tuple[Any, ...]]]:
    """Return the names of the wanted columns, and a function that picks their values from a row."""
    places = [i for i, name in enumerate(columns) if name in wanted and i]
    names = [columns[i] for i in places]
    if len(places) > 1:
        return names, itemgetter(*places)
    return names, lambda row: tuple(row[i] for i in places)

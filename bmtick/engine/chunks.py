"""Points of one measurement as columns: what lambdas over vectors read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bmtick.engine.vectors import LIMIT, NotColumnarError, Vector
from bmtick.points import Point

DTYPES = {int: np.int64, float: np.float64, bool: np.bool_}
Row = tuple[str, tuple[str, ...], Sequence[Any], int]


class Chunk:
    """Points of one measurement, one after the other; its columns are shared by those who read it.

    Args:
        points: at least one.
    """

    def __init__(self, points: list[Point]) -> None:
        self.points = points
        self.name = points[0].name
        self._columns: dict[str, Vector | None] = {}

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def time(self) -> Any:
        """The time of each point, nanoseconds."""
        return np.array([point.time for point in self.points], dtype=np.int64)

    @cached_property
    def series(self) -> tuple[list[dict[str, str]], Any]:
        """The tags of each series, and the number of each point's series."""
        known: dict[tuple[tuple[str, str], ...], int] = {}
        tags: list[dict[str, str]] = []
        numbers = []
        for point in self.points:
            key = tuple(point.tags.items())
            number = known.get(key)
            if number is None:
                number = known[key] = len(known)
                tags.append(point.tags)
            numbers.append(number)
        return tags, np.array(numbers, dtype=np.int64)

    def column(self, name: str) -> Vector | None:
        """Return the values of a field; None: no point has it.

        Raises:
            NotColumnarError: some lack it, or it is a text, of several types, or large.
        """
        if name not in self._columns:
            self._columns[name] = self._made(name)
        return self._columns[name]

    def _made(self, name: str) -> Vector | None:
        values = [point.fields.get(name) for point in self.points]
        kinds = set(map(type, values))
        if kinds == {type(None)}:
            return None
        kind = kinds.pop()
        if kinds or kind not in DTYPES:
            raise NotColumnarError(f"{name} is of several types, missing or a text")
        try:
            column: Any = np.array(values, dtype=DTYPES[kind])
        except OverflowError:
            raise NotColumnarError(f"{name} is large") from None
        if kind is int:
            _refuse_large(name, column)
        return Vector(kind, column)


class RowChunk(Chunk):
    """Rows of the collector, of one measurement, as such a chunk; no points are made.

    Args:
        rows: at least one.
        tags: names of the tags.
        fields: names of the fields.
        more: tags that all bear beside their own, behind them.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        tags: Sequence[str],
        fields: Sequence[str],
        more: Mapping[str, str],
    ) -> None:
        self.rows, self._tag_names, self._more = rows, tags, more
        self.name = rows[0][0]
        self._places = {name: place for place, name in enumerate(fields)}
        self._columns = {}

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def points(self) -> list[Point]:  # type: ignore[override]
        """The rows as points, for who cannot go by columns."""
        names, fields = self._tag_names, list(self._places)
        return [
            Point(
                self.name,
                {**dict(zip(names, tags, strict=True)), **self._more},
                dict(zip(fields, values, strict=False)),
                time,
            )
            for _, tags, values, time in self.rows
        ]

    @cached_property
    def time(self) -> Any:
        """The time of each row, nanoseconds."""
        return np.array([row[3] for row in self.rows], dtype=np.int64)

    @cached_property
    def keys(self) -> tuple[list[tuple[str, ...]], Any]:
        """The values of the tags of each series, and the number of each row's series."""
        known: dict[tuple[str, ...], int] = {}
        numbers = [known.setdefault(row[1], len(known)) for row in self.rows]
        return list(known), np.array(numbers, dtype=np.int64)

    @cached_property
    def series(self) -> tuple[list[dict[str, str]], Any]:
        """The tags of each series, and the number of each row's series."""
        keys, numbers = self.keys
        names = self._tag_names
        return [{**dict(zip(names, key, strict=True)), **self._more} for key in keys], numbers

    @cached_property
    def values(self) -> Any:
        """All fields: a row of integers for each row.

        Raises:
            NotColumnarError: some have other fields than others, or floats.
        """
        given = [row[2] for row in self.rows]
        width = len(given[0])
        if any(len(one) != width for one in given):
            raise NotColumnarError("rows of several lengths")
        try:
            found: Any = np.frombuffer(b"".join(given), dtype=np.int64)  # type: ignore[arg-type]
        except TypeError:  # lists, where the collector is not compiled
            found = np.array([list(one) for one in given])
            if found.dtype != np.int64:
                raise NotColumnarError("rows of floats") from None
        return found.reshape(len(given), width)

    def sums(self, place: int, inside: Any) -> Iterator[tuple[int, int]]:
        """Yield the sum of a field, by its place, for each series; of the rows inside alone."""
        order, starts, numbers = self._by_series
        column = np.where(inside, self.values[:, place], 0)[order]
        yield from zip(numbers, np.add.reduceat(column, starts).tolist(), strict=True)

    @cached_property
    def _by_series(self) -> tuple[Any, Any, list[int]]:
        """The rows' order by series, where each begins in it, and the numbers of those."""
        _, numbers = self.keys
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        return order, starts, ordered[starts].tolist()

    def _made(self, name: str) -> Vector | None:
        place = self._places.get(name)
        if place is None or place >= self.values.shape[1]:
            return None
        column = self.values[:, place]
        _refuse_large(name, column)
        return Vector(int, column)


def _refuse_large(name: str, column: Any) -> None:
    if column.max() >= LIMIT or column.min() <= -LIMIT:
        raise NotColumnarError(f"{name} is large")

"""Reads points from a file: line protocol, or Kapacitor's recording of a stream.

Source: kapacitor ``replay.go`` (``readPointsFromIO``). A recording has three lines for each point:
database, retention policy, and the point in line protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from bmtick.errors import BmtickError, Location
from bmtick.points import Point, parse_lines

Dbrp = tuple[str, str]


def read_points(
    lines: Iterable[str], *, file: str, now: int = 0
) -> Iterator[tuple[Point, Dbrp | None]]:
    """Yield points with database and retention policy, or None if the file has none.

    ``now`` is the time of points without one. The times of a recording are in seconds or nanoseconds;
    the first point decides which.

    Raises:
        BmtickError: a line is neither; with its number.
    """
    source = iter(lines)
    head = list(islice(source, 3))
    rest = chain(head, source)
    if _is_recording(head):
        yield from _recorded(rest, file)
    else:
        for point in parse_lines(rest, file=file, now=now):
            yield point, None


def _is_recording(head: list[str]) -> bool:
    return (
        len(head) == 3
        and all("=" not in line and not line.lstrip().startswith("#") for line in head[:2])
        and "=" in head[2]
    )


def _recorded(lines: Iterator[str], file: str) -> Iterator[tuple[Point, Dbrp | None]]:
    unit = 0
    for number in _count(1, 3):
        block = [line.rstrip("\r\n") for line in islice(lines, 3)]
        if not block:
            return
        if len(block) < 3:
            raise _refused("the recording ends within a point", file, number)
        try:
            point = next(parse_lines([block[2]], file=file), None)
        except BmtickError as error:
            if error.location:
                error.location = error.location.in_line(number + 2)
            raise
        if point is None:
            raise _refused("expected a point", file, number + 2)
        unit = unit or _unit(point.time)
        point.time *= unit
        yield point, (block[0], block[1])


def _refused(message: str, file: str, line: int) -> BmtickError:
    remedy = "a point takes three lines: database, retention policy, point"
    return BmtickError(message, location=Location(file, line), remedy=remedy)


def _count(start: int, step: int) -> Iterator[int]:
    number = start
    while True:
        yield number
        number += step


def _unit(time: int) -> int:
    # 10**11 is the year 5138 in seconds, and 100 s after 1970 in nanoseconds.
    return 1_000_000_000 if abs(time) < 10**11 else 1

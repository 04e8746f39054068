"""The mail log: bytes to points, in one piece or cut anywhere, and back from line protocol."""

import io

from bmtick.collect.batch import points_of_logs, rows_of_logs
from bmtick.collect.emit import Row
from bmtick.collect.formats import core
from bmtick.collect.options import Options
from bmtick.collect.postfix import parse_line
from bmtick.points import parse_lines

SEEDS = ["tests/collect/cases/*/mail.log"]

_OPTIONS = Options(now=1_780_000_000.0)


class _Cut(io.RawIOBase):
    """Gives the bytes in pieces, as a pipe does."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    def read(self, _size: int = -1) -> bytes:
        piece, self._data = self._data[: self._size], self._data[self._size :]
        return piece


def fuzz(data: bytes) -> None:
    """Count a log, see that nothing is lost, that its points can be written and read back."""
    rows: list[Row] = list(rows_of_logs(["-"], _OPTIONS, io.BytesIO(data)))
    size = 1 + (len(data) * 7) % 97 + len(data) // 100
    # A file is one log: which one a mixture of two is depends on where it is cut.
    if core.HEAD.search(b"\n" + data) is None:
        assert list(rows_of_logs(["-"], _OPTIONS, _Cut(data, size))) == rows
    said = data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    assert sum(row[2][0] for row in rows if row[0] == "bmtick_collector") == said, "lines are lost"
    points = list(points_of_logs_of(data))
    for point in points:
        (again,) = parse_lines([point.to_line()])
        assert again.to_line() == point.to_line()
    for line in data.split(b"\n"):
        parse_line(line)


def points_of_logs_of(data: bytes):
    """Return the points of a log that is bytes."""
    import sys

    stdin = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(data))
    try:
        yield from points_of_logs(["-"], options=_OPTIONS)
    finally:
        sys.stdin = stdin

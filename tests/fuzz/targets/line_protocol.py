"""Line protocol and Kapacitor's recordings: text to points, and what was read is written alike."""

from bmtick.engine.recording import read_points
from bmtick.errors import BmtickError
from bmtick.points import parse_lines

SEEDS = ["tests/engine/cases/*/points.lp", "tests/testing/cases/points.lp"]


def fuzz(data: bytes) -> None:
    """Read points; each, written and read again, is the same."""
    lines = data.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    try:
        for point, _ in read_points(lines, file="x.lp"):
            _same(point)
    except BmtickError as error:
        assert error.location and error.location.line >= 1
    for point in parse_lines(lines, file="x.lp"):
        _same(point)


def _same(point) -> None:
    line = point.to_line()
    assert "\n" not in line
    (again,) = parse_lines([line])
    assert again.to_line() == line  # names are cleaned of control characters at once or never
    assert again.time == point.time
    assert again.fields.keys() != point.fields.keys() or repr(again.fields) == repr(point.fields)

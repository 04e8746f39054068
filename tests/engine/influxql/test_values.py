"""A whole batch at once has the effect of one point after the other, to the last bit.

The batches are those of a window that slides, or jumps, or loses a point in its middle.
"""

from random import Random

import pytest

from bmtick.engine.influxql import METHODS, Calculation
from bmtick.engine.influxql.column import Column
from bmtick.engine.messages import BatchPoint

TOGETHER = ("count", "sum", "mean", "min", "max")
VALUES = {
    int: lambda r: r.choice((r.randint(-9, 9), 2**63 - 1, -(2**63), r.randint(-(2**62), 2**62))),
    float: lambda r: r.choice(
        (r.uniform(-1, 1), 1e16, -1e16, 1e308, 0.1, -0.0, 0.0, 2.0, float("inf"), float("nan"))
    ),
}


def batches(random, points):
    """Yield parts of points, mostly overlapping."""
    begin = end = 0
    while end < len(points):
        end += random.randint(1, 6)
        begin = min(end, begin + random.choice((0, 0, 1, 2, 5, 20)))
        part = points[begin:end]
        if len(part) > 2 and random.random() < 0.15:
            del part[random.randrange(len(part))]
        yield part


def result(context):
    try:
        return repr(context.emit_point({}, 5))
    except IndexError:
        return "no point"


@pytest.mark.parametrize("seed", range(200))
def test_the_same_at_once(seed):
    random = Random(seed)
    kind = random.choice((int, float))
    values = [VALUES[kind](random) for _ in range(random.randint(0, 30))]
    if random.random() < 0.3:
        values.insert(random.randint(0, len(values)), random.choice(("text", None, True)))
    points = [
        BatchPoint({} if v is None else {"x": v}, {"n": str(i)}, random.choice((i, i // 3)))
        for i, v in enumerate(values)
    ]
    columns = {name: Column("x") for name in TOGETHER}
    for part in batches(random, points):
        for name, column in columns.items():
            calculation = Calculation(METHODS[name], [], field="x")
            one_by_one, together = calculation.start(kind), calculation.start(kind)
            errors, expected = [], []
            for point in part:
                try:
                    one_by_one.add(point.time, point.tags, point.fields)
                except Exception as error:  # noqa: BLE001 -- to be compared
                    expected.append(str(error))
            together.add_all(part, errors.append, column)
            assert [str(error) for error in errors] == expected
            assert result(together) == result(one_by_one), (name, part)

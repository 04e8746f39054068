"""Many values at once have the effect of one after the other, to the last bit."""

from random import Random

import pytest

from bmtick.engine.influxql import METHODS, Calculation
from bmtick.engine.messages import BatchPoint

TOGETHER = ("count", "sum", "mean")
VALUES = {
    int: lambda r: r.choice((r.randint(-9, 9), 2**63 - 1, -(2**63), r.randint(-(2**62), 2**62))),
    float: lambda r: r.choice((r.uniform(-1, 1), 1e16, -1e16, 1e308, 0.1, -0.0, float("inf"))),
}


@pytest.mark.parametrize("seed", range(200))
def test_the_same_at_once(seed):
    random = Random(seed)
    kind = random.choice((int, float))
    values = [VALUES[kind](random) for _ in range(random.randint(0, 12))]
    if random.random() < 0.3:
        values.insert(random.randint(0, len(values)), random.choice(("text", None, True)))
    points = [BatchPoint({} if v is None else {"x": v}, {}, i) for i, v in enumerate(values)]
    for name in TOGETHER:
        calculation = Calculation(METHODS[name], [], field="x")
        one_by_one, together = calculation.start(kind), calculation.start(kind)
        errors, expected = [], []
        for point in points:
            try:
                one_by_one.add(point.time, point.tags, point.fields)
            except Exception as error:  # noqa: BLE001 -- to be compared
                expected.append(str(error))
        together.add_all(points, errors.append)
        assert [str(error) for error in errors] == expected
        assert repr(together.emit_point({}, 5)) == repr(one_by_one.emit_point({}, 5))

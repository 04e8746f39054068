"""The calculation around a function: types, names, times, tags."""

import math

import pytest

from bmtick.engine.influxql import METHODS, Calculation, ReduceError

TAGS = {"host": "a", "queue": "active"}


def calculation(name, *args, **options):
    return Calculation(METHODS[name], args, field="x", **options)


def test_a_selector_keeps_the_whole_point():
    context = calculation("max", rename="m").start(int)
    context.add(5, TAGS, {"x": 1, "y": 2})
    context.add(6, TAGS | {"queue": "hold"}, {"x": 3, "y": 4})
    assert context.emit_point({"host": "a"}, 100) == (
        100,
        {"host": "a", "queue": "hold"},
        {"m": 3, "y": 4},
    )


def test_an_aggregate_keeps_the_group():
    context = calculation("mean").start(int)
    context.add(5, TAGS, {"x": 1, "y": 2})
    assert context.emit_point({"host": "a"}, 100) == (100, {"host": "a"}, {"mean": 1.0})


def test_point_times_of_a_selector():
    context = calculation("max", use_point_times=True).start(float)
    context.add(5, TAGS, {"x": 1.0})
    assert context.emit_point({}, 100)[0] == 5


def test_a_sum_with_point_times_stands_at_the_epoch_as_in_kapacitor():
    context = calculation("sum", use_point_times=True).start(float)
    context.add(5, TAGS, {"x": 1.0})
    assert context.emit_point({}, 100)[0] == 0


def test_types_that_do_not_fit():
    mean = calculation("mean")
    with pytest.raises(ReduceError, match="cannot apply mean to string field"):
        mean.start(str)
    context = mean.start(float)
    with pytest.raises(ReduceError, match="field x has wrong type: got int64 exp float64"):
        context.add(1, {}, {"x": 1})
    with pytest.raises(ReduceError, match='field "x" missing from point'):
        mean.start_with({"y": 1.0})


def test_a_count_of_nothing_is_zero():
    assert calculation("count").start(float).emit_point({}, 7) == (7, {}, {"count": 0})


def test_a_mean_of_nothing_usable_is_not_a_number():
    assert math.isnan(calculation("mean").start(float).emit_point({}, 7)[2]["mean"])


def test_top_gives_a_batch_with_its_tags():
    context = calculation("top", 1).start(int)
    for time, value in ((1, 5), (2, 9), (3, 9)):
        context.add(time, TAGS, {"x": value})
    time, points = context.emit_batch({"group": "g"}, 100)
    assert time == 100
    assert points == [(100, TAGS | {"group": "g"}, {"top": 9})]

"""The functions by name: arguments, results, and reducers.

Source: influxdata/kapacitor 1.5.7 ``pipeline/influxql.go``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from bmtick.engine.influxql import aggregates, selectors, transformations
from bmtick.engine.influxql.sample import Reducer
from bmtick.errors import BmtickError

Make = Callable[[], Reducer]
Makers = dict[type, Make]
Build = Callable[[Sequence[Any]], Makers]


@dataclass(frozen=True, slots=True)
class Method:
    """A function of InfluxQL.

    Args:
        name: the name in scripts, and the default of ``.as()``.
        build: maps the arguments after the field to a reducer factory for each type of field.
        arguments: their types, after the field (``top`` and ``bottom``: before it).
        provides: ``stream``, ``batch``, or ``same`` for the type of the input.
        empty_ok: whether an empty batch has a result.
        selector: whether the result is a point of the input with all its tags and fields.
        transforms: whether each point of the input has its own result.
        variadic: whether names of tags and fields may follow.
    """

    name: str
    build: Build
    arguments: tuple[str, ...] = ()
    provides: Literal["stream", "batch", "same"] = "stream"
    empty_ok: bool = False
    selector: bool = False
    transforms: bool = False
    variadic: bool = False


def _numbers(make_float: Make, make_int: Make) -> Makers:
    return {float: make_float, int: make_int}


def _of_all(make: Make) -> Makers:
    return dict.fromkeys((float, int, str, bool), make)


def _slice(reduce: Callable[[list[Any]], list[Any]]) -> Makers:
    def make() -> Reducer:
        return aggregates.Slice(reduce)

    return _numbers(make, make)


def _select(better: selectors.Better) -> Make:
    return lambda: selectors.Select(better)


def _extreme(better: selectors.Better) -> Makers:
    def make() -> Reducer:
        return selectors.Extreme(better)

    return _numbers(make, make)


def _zeros(make: Callable[[float], Reducer]) -> Makers:
    return _numbers(partial(make, 0.0), partial(make, 0))


def _top(better: selectors.Better) -> Build:
    def build(args: Sequence[Any]) -> Makers:
        count, *keys = args
        if count < 0:
            raise BmtickError(f"the best {count} points", remedy="give 1 or more")
        return _slice(lambda samples: selectors.top(samples, count, keys, better))

    return build


def _moving_average(args: Sequence[Any]) -> Makers:
    if args[0] < 1:
        raise BmtickError(f"movingAverage over {args[0]} values", remedy="give 1 or more")
    return _zeros(lambda zero: transformations.MovingAverage(args[0], zero))


def _elapsed(args: Sequence[Any]) -> Makers:
    if args[0] == 0:
        raise BmtickError("elapsed in units of 0", remedy="give a unit such as 1s")
    return _of_all(lambda: transformations.Elapsed(args[0]))


def _ranked(better: selectors.Better) -> Build:
    def build(args: Sequence[Any]) -> Makers:
        count = args[0]
        if count < 0:
            raise BmtickError(f"the best {count} points", remedy="give 1 or more")
        return _slice(lambda samples: selectors.ranked(samples, count, better))

    return build


METHODS: Final[dict[str, Method]] = {
    method.name: method
    for method in (
        Method("count", lambda _: _of_all(aggregates.Count), empty_ok=True),
        Method("sum", lambda _: _zeros(aggregates.Sum), empty_ok=True),
        Method("mean", lambda _: _zeros(aggregates.Mean)),
        Method("median", lambda _: _slice(aggregates.median)),
        Method("mode", lambda _: _slice(aggregates.mode)),
        Method("spread", lambda _: _slice(aggregates.spread)),
        Method("stddev", lambda _: _slice(aggregates.stddev)),
        Method("distinct", lambda _: _of_all(aggregates.Distinct), provides="batch"),
        Method("min", lambda _: _extreme(selectors.smaller), selector=True),
        Method("max", lambda _: _extreme(selectors.larger), selector=True),
        Method("first", lambda _: _of_all(_select(selectors.earlier)), selector=True),
        Method("last", lambda _: _of_all(_select(selectors.later)), selector=True),
        Method(
            "percentile",
            lambda args: _slice(lambda samples: selectors.percentile(samples, args[0])),
            ("float",),
            selector=True,
        ),
        Method("top", _top(selectors.larger), ("int",), "batch", variadic=True),
        Method("bottom", _top(selectors.smaller), ("int",), "batch", variadic=True),
        Method("elapsed", _elapsed, ("duration",), "same", transforms=True),
        Method(
            "difference",
            lambda _: dict.fromkeys((float, int), transformations.Difference),
            provides="same",
            transforms=True,
        ),
        Method("movingAverage", _moving_average, ("int",), "same", transforms=True),
        Method(
            "cumulativeSum",
            lambda _: _zeros(transformations.CumulativeSum),
            provides="same",
            transforms=True,
        ),
    )
}
NEWER: Final[dict[str, Build]] = {
    "top": _ranked(selectors.larger),
    "bottom": _ranked(selectors.smaller),
    "percentile": lambda args: _slice(
        lambda samples: selectors.percentile(samples, args[0], forgets=False)
    ),
}
"""Functions that differ in Kapacitor 1.6 and later. Source: influxdata/influxdb 1.9.6 ``query``."""

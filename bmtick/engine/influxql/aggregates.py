"""count, sum, mean, median, mode, spread, stddev, distinct: one result from all values.

Source: influxdata/influxdb as vendored by Kapacitor 1.5.7, ``influxql/call_iterator.go`` and
``influxql/functions.go``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

from bmtick.engine.influxql.gosort import go_sorted
from bmtick.engine.influxql.sample import NO_TIME, Reducer, Sample
from bmtick.engine.lambdas.functions.mathematics import MATHEMATICS
from bmtick.engine.messages import BatchPoint
from bmtick.tick.arithmetic import divide_floats
from bmtick.tick.types import MAX_INT, MIN_INT, wrap

_EPOCH = 0  # Kapacitor's time of a sum, and of a count of nothing, with usePointTimes


class Count(Reducer):
    """The number of values."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, sample: Sample) -> None:  # noqa: ARG002 -- counts any value
        """Count one value."""
        self._count += 1

    def add_together(self, points: Sequence[BatchPoint], values: Sequence[Any]) -> None:  # noqa: ARG002
        """Count several values."""
        self._count += len(values)

    def emit(self) -> list[Sample]:
        """Return the count."""
        return [Sample(NO_TIME if self._count else _EPOCH, self._count)]


class Sum(Reducer):
    """The sum; integers overflow like int64."""

    def __init__(self, zero: float) -> None:
        self._sum = zero
        self._wraps = isinstance(zero, int)

    def add(self, sample: Sample) -> None:
        """Add one value."""
        total = self._sum + sample.value
        self._sum = wrap(total) if self._wraps and not MIN_INT <= total <= MAX_INT else total

    def add_together(self, points: Sequence[BatchPoint], values: Sequence[Any]) -> None:  # noqa: ARG002
        """Add values one after the other: floats are rounded after each."""
        if self._wraps:
            self._sum = wrap(self._sum + sum(values))
            return
        # Not sum(), which rounds less often from Python 3.12 on.
        self._sum = reduce(add, values, self._sum)

    def emit(self) -> list[Sample]:
        """Return the sum."""
        return [Sample(_EPOCH, self._sum)]


class Mean(Reducer):
    """The mean, always a float."""

    def __init__(self, zero: float) -> None:
        self._sum = Sum(zero)
        self._count = 0

    def add(self, sample: Sample) -> None:
        """Add one value."""
        self._sum.add(sample)
        self._count += 1

    def add_together(self, points: Sequence[BatchPoint], values: Sequence[Any]) -> None:
        """Add several values."""
        self._sum.add_together(points, values)
        self._count += len(values)

    def emit(self) -> list[Sample]:
        """Return the mean; NaN if a batch has no usable value."""
        total = float(self._sum.emit()[0].value)
        return [Sample(NO_TIME, total / self._count if self._count else math.nan)]


class Slice(Reducer):
    """Keeps all values and reduces them at the end."""

    def __init__(self, reduce: Callable[[list[Sample]], list[Sample]]) -> None:
        self._samples: list[Sample] = []
        self._reduce = reduce

    def add(self, sample: Sample) -> None:
        """Keep one value."""
        self._samples.append(sample)

    def emit(self) -> list[Sample]:
        """Return the result of the function over all values."""
        return self._reduce(self._samples)


def by_value(samples: list[Sample]) -> list[Sample]:
    """Sort by value, with Go's order of ties."""
    if len({sample.value for sample in samples}) == len(samples) and not any(
        sample.value != sample.value for sample in samples
    ):
        return sorted(samples, key=lambda sample: sample.value)
    return go_sorted(samples, lambda a, b: a.value < b.value)


def median(samples: list[Sample]) -> list[Sample]:
    """Return the middle value, or the mean of the two middle ones."""
    if len(samples) == 1:
        only = samples[0]
        is_float = isinstance(only.value, float)
        return [Sample(only.time if is_float else NO_TIME, float(only.value))]
    ordered = by_value(samples)
    half = len(ordered) // 2
    high = ordered[half].value
    if len(ordered) % 2:
        return [Sample(NO_TIME, float(high))]
    low = ordered[half - 1].value
    gap = float(wrap(high - low)) if isinstance(high, int) else high - low
    return [Sample(NO_TIME, float(low) + gap / 2)]


def mode(samples: list[Sample]) -> list[Sample]:
    """Return the most frequent value; of several, the first one."""
    if len(samples) == 1:
        return [Sample(samples[0].time, samples[0].value)]
    ordered = by_value(samples)
    most = current = 0
    value = most_value = ordered[0].value
    time = most_time = ordered[0].time or 0
    for sample in ordered:
        if sample.value != value:
            current, value, time = 1, sample.value, sample.time or 0
            continue
        current += 1
        if most > current or (most == current and time > most_time):
            continue
        most, most_value, most_time = current, sample.value, sample.time or 0
    return [Sample(NO_TIME, most_value)]


def spread(samples: list[Sample]) -> list[Sample]:
    """Return the difference of the largest and the smallest value."""
    first = samples[0].value
    values = [sample.value for sample in samples]
    if isinstance(first, int):
        return [Sample(NO_TIME, wrap(max(values) - min(values)))]
    go_min, go_max = MATHEMATICS["min"].apply, MATHEMATICS["max"].apply
    low = high = first
    for value in values[1:]:
        low, high = go_min(low, value), go_max(high, value)
    return [Sample(NO_TIME, high - low)]


def stddev(samples: list[Sample]) -> list[Sample]:
    """Return the standard deviation of the sample; 0 for a single value."""
    if len(samples) < 2:
        return [Sample(NO_TIME, 0.0)]
    values = [float(sample.value) for sample in samples]
    values = [value for value in values if not math.isnan(value)]
    mean = 0.0
    for count, value in enumerate(values, 1):
        mean += (value - mean) / count
    variance = 0.0
    for value in values:
        variance += (value - mean) * (value - mean)
    return [Sample(NO_TIME, math.sqrt(divide_floats(variance, len(values) - 1.0)))]


class Distinct(Reducer):
    """Each value once, at the time of its first occurrence, in order of time."""

    def __init__(self) -> None:
        self._seen: dict[Any, Sample] = {}

    def add(self, sample: Sample) -> None:
        """Add one value."""
        self._seen.setdefault(sample.value, Sample(sample.time, sample.value))

    def emit(self) -> list[Sample]:
        """Return the values; values of one time are sorted."""
        return sorted(self._seen.values(), key=lambda sample: (sample.time, _key(sample.value)))


def _key(value: Any) -> Any:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value

"""elapsed, difference, movingAverage, cumulativeSum: one result for each value of a stream.

Source: influxdata/influxdb as vendored by Kapacitor 1.5.7, ``influxql/functions.go``.
"""

from __future__ import annotations

from bmtick.engine.influxql.sample import Reducer, Sample
from bmtick.tick.arithmetic import divide, divide_floats
from bmtick.tick.types import wrap


class Elapsed(Reducer):
    """The time since the previous value, in whole units."""

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._before: int | None = None
        self._now: int | None = None

    def add(self, sample: Sample) -> None:
        """Add one value."""
        self._before, self._now = self._now, sample.time

    def emit(self) -> list[Sample]:
        """Return the time since the previous value, if there is one."""
        if self._before is None or self._now is None:
            return []
        return [Sample(self._now, divide(wrap(self._now - self._before), self._unit))]


class Difference(Reducer):
    """The difference to the previous value; a repeated time is skipped."""

    def __init__(self) -> None:
        self._before: Sample | None = None
        self._now: Sample | None = None

    def add(self, sample: Sample) -> None:
        """Add one value, unless its time is not later."""
        if self._now is None or self._now.time != sample.time:
            self._before, self._now = self._now, sample

    def emit(self) -> list[Sample]:
        """Return the difference, once."""
        if self._before is None or self._now is None:
            return []
        value = self._now.value - self._before.value
        self._before = None
        return [Sample(self._now.time, wrap(value) if isinstance(value, int) else value)]


class MovingAverage(Reducer):
    """The mean of the last values, once there are enough of them."""

    def __init__(self, window: int, zero: float) -> None:
        self._window = window
        self._wraps = isinstance(zero, int)
        self._sum = zero
        self._values: list[float] = []
        self._at = 0
        self._time: int | None = None

    def add(self, sample: Sample) -> None:
        """Add one value and drop the oldest."""
        if len(self._values) < self._window:
            self._values.append(sample.value)
        else:
            self._sum = self._wrapped(self._sum - self._values[self._at])
            self._values[self._at] = sample.value
        self._sum = self._wrapped(self._sum + sample.value)
        self._time = sample.time
        self._at = (self._at + 1) % self._window

    def _wrapped(self, number: float) -> float:
        return wrap(number) if self._wraps and isinstance(number, int) else number

    def emit(self) -> list[Sample]:
        """Return the mean of the window."""
        if len(self._values) < self._window:
            return []
        return [Sample(self._time, divide_floats(float(self._sum), float(self._window)))]


class CumulativeSum(Reducer):
    """The sum of all values so far."""

    def __init__(self, zero: float) -> None:
        self._sum = zero
        self._time: int | None = None

    def add(self, sample: Sample) -> None:
        """Add one value."""
        total = self._sum + sample.value
        self._sum = wrap(total) if isinstance(total, int) else total
        self._time = sample.time

    def emit(self) -> list[Sample]:
        """Return the sum, at the time of the last value."""
        return [] if self._time is None else [Sample(self._time, self._sum)]

"""holtWinters: a damped forecast, fitted by Nelder and Mead's simplex.

Source: influxdata/influxdb as vendored by Kapacitor 1.5.7, ``influxql/functions.go`` and
``influxql/neldermead``. Operations stand in the same order, so that every bit is the same.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

from bmtick.engine.influxql.neldermead import minimize
from bmtick.engine.influxql.sample import Reducer, Sample
from bmtick.engine.lambdas.functions.mathematics import MATHEMATICS
from bmtick.engine.lambdas.operators import divide, divide_floats

_EPSILON: Final = 1.0e-4
_WEIGHT: Final = 0.5
_GUESSES: Final = (0.3, 0.3 + 0.4)
_pow = MATHEMATICS["pow"].apply


class HoltWinters(Reducer):
    """Forecasts the next values of a series.

    Args:
        horizon: how many values to forecast.
        season: how many values make a season; below 2 there is none.
        interval: nanoseconds between two values.
        with_fit: whether the fitted values of the past are given too.
    """

    def __init__(self, horizon: int, season: int, interval: int, *, with_fit: bool) -> None:
        self._horizon, self._season, self._interval = horizon, season, interval
        self._seasonal = season >= 2
        self._with_fit = with_fit
        self._points: list[tuple[int, float]] = []
        self._y: list[float] = []

    def add(self, sample: Sample) -> None:
        """Take one value in."""
        self._points.append((sample.time or 0, float(sample.value)))

    def emit(self) -> list[Sample]:
        """Return the forecast; nothing for too few values."""
        count = len(self._points)
        if count < 2 or (self._seasonal and count < self._season) or self._horizon <= 0:
            return []
        first, last = self._points[0][0], self._points[-1][0]
        if (self._round(last) - self._round(first)) // self._interval <= 0:
            return []
        self._y = self._regular()
        forecast = self._forecast(self._horizon, self._fit())
        start = first
        if not self._with_fit:
            start = last + self._interval
            forecast = forecast[len(self._y) :]
        return [
            Sample(start + self._interval * i, value)
            for i, value in enumerate(forecast)
            if not math.isnan(value)
        ]

    def _round(self, time: int) -> int:
        whole = divide(time, self._interval)
        over = time - whole * self._interval > divide(self._interval, 2)
        return (whole + over) * self._interval

    def _regular(self) -> list[float]:
        """Put the values on a grid, NaN where one is missing."""
        values = [self._points[0][1]]
        time = self._round(self._points[0][0])
        for at, value in self._points[1:]:
            rounded = self._round(at)
            if rounded <= time:
                continue
            time += self._interval
            while rounded != time:
                values.append(math.nan)
                time += self._interval
            values.append(value)
        return values

    def _start(self) -> list[float]:
        """Return level, trend and seasons to begin with."""
        y, m = self._y, self._season
        if not self._seasonal:
            trend = 0.0 if math.isnan(y[1]) else _WEIGHT * (y[1] - y[0])
            return [_WEIGHT * y[0], trend]
        level = trend = 0.0
        for i in range(m):
            if not math.isnan(y[i]):
                level += (1 / m) * y[i]
        for i in range(min(m, len(y) - m)):
            if not math.isnan(y[i]) and not math.isnan(y[m + i]):
                trend += 1 / (m * m) * (y[m + i] - y[i])
        seasons = [0.0 if math.isnan(y[i]) else divide_floats(y[i], level) for i in range(m)]
        return [level, trend, *seasons]

    def _fit(self) -> list[float]:
        start = self._start()
        best: list[float] = []
        least = math.inf
        for guess in itertools.product(_GUESSES, repeat=4):
            error, parameters = minimize(self._error, [*guess, *start], _EPSILON)
            if error < least or not best:
                least, best = error, parameters
        return best

    def _error(self, parameters: list[float]) -> float:
        """Return the sum of the squared errors over what is known."""
        total = 0.0
        for forecast, known in zip(self._forecast(0, parameters), self._y, strict=True):
            if math.isnan(known):
                continue
            if math.isnan(forecast):
                return math.inf
            difference = forecast - known
            total += difference * difference
        return total

    def _forecast(self, horizon: int, parameters: list[float]) -> list[float]:
        # as in the source, the parameters and the seasons among them are changed in place
        for i in range(4):
            if parameters[i] > 1:
                parameters[i] = 1.0
            if parameters[i] < 0:
                parameters[i] = 0.0
        alpha, beta, gamma, phi = parameters[:4]
        level, trend = parameters[4], parameters[5]
        value, damping = self._y[0], phi
        m = self._season if self._seasonal else 0
        offset = m - 1
        out = [value]
        before = now = 1.0
        for t in range(1, len(self._y) + horizon):
            if m:
                before = parameters[6 + (t - m + offset) % m]
                now = parameters[6 + (t - m + t % m + offset) % m]
            damped = level + phi * trend
            new_level = alpha * divide_floats(value, before) + (1 - alpha) * damped
            new_trend = beta * (new_level - level) + (1 - beta) * phi * trend
            season = gamma * divide_floats(value, damped) + (1 - gamma) * before
            value = (new_level + damping * new_trend) * now
            level, trend = new_level, new_trend
            damping += _pow(phi, float(t))
            if m:
                parameters[6 + (t + offset) % m] = season
                offset += 1
            out.append(value)
        return out

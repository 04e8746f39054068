"""``count``, ``sigma`` and ``spread``: what they return depends on the values before."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

from bmtick.engine.lambdas.functions.base import Signatures, Stateful
from bmtick.engine.lambdas.operators import divide_floats


class Count(Stateful):
    """How many times it was called."""

    signatures: ClassVar[Signatures] = {(): int}

    def __init__(self) -> None:
        self._n = 0

    def call(self, args: list[Any]) -> int:  # noqa: ARG002 -- whatever they are, it counts
        """Take the next value and return the result."""
        self._n += 1
        return self._n

    def snapshot(self) -> list[float]:
        """Return the numbers that make the state."""
        return [self._n]

    def restore(self, state: list[float]) -> None:
        """Take up a snapshot."""
        self._n = int(state[0])


class Sigma(Stateful):
    """How many standard deviations the value lies from the running mean (Welford)."""

    signatures: ClassVar[Signatures] = {(float,): float}

    def __init__(self) -> None:
        self._n = self._mean = self._m2 = 0.0

    def call(self, args: list[Any]) -> float:
        """Take the next value and return the result."""
        x = _one_float("sigma", args)
        self._n += 1
        delta = x - self._mean
        self._mean = self._mean + delta / self._n
        self._m2 = self._m2 + delta * (x - self._mean)
        variance = divide_floats(self._m2, self._n - 1)
        if self._n < 2 or variance == 0:
            return 0.0
        deviation = math.sqrt(variance) if variance >= 0 else math.nan
        return divide_floats(abs(x - self._mean), deviation)

    def snapshot(self) -> list[float]:
        """Return the numbers that make the state."""
        return [self._n, self._mean, self._m2]

    def restore(self, state: list[float]) -> None:
        """Take up a snapshot."""
        self._n, self._mean, self._m2 = (float(number) for number in state)


class Spread(Stateful):
    """The distance between the smallest and the largest value so far."""

    signatures: ClassVar[Signatures] = {(float,): float}

    def __init__(self) -> None:
        self._min, self._max = math.inf, -math.inf

    def call(self, args: list[Any]) -> float:
        """Take the next value and return the result."""
        x = _one_float("spread", args)
        self._min = min(self._min, x)
        self._max = max(self._max, x)
        return self._max - self._min

    def snapshot(self) -> list[float]:
        """Return the numbers that make the state."""
        return [] if self._min > self._max else [self._min, self._max]

    def restore(self, state: list[float]) -> None:
        """Take up a snapshot."""
        self._min, self._max = state or (math.inf, -math.inf)


def _one_float(name: str, args: list[Any]) -> float:
    if len(args) != 1:
        raise ValueError(f"{name} expects exactly one argument")
    if not isinstance(args[0], float):
        raise ValueError("value is not a float")  # noqa: TRY004 -- Kapacitor's own text
    return args[0]


STATEFUL: Final[dict[str, type[Stateful]]] = {"count": Count, "sigma": Sigma, "spread": Spread}

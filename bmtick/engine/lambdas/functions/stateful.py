"""``count``, ``sigma`` and ``spread``: their results depend on earlier values."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

from bmtick.engine.lambdas.functions.base import Signatures, Stateful
from bmtick.tick.arithmetic import divide_floats


class Count(Stateful):
    """The number of calls."""

    signatures: ClassVar[Signatures] = {(): int}
    state: int

    def __init__(self) -> None:
        self.state = 0

    def call(self, args: list[Any]) -> int:  # noqa: ARG002 -- counts any arguments
        """Process the next value and return the result."""
        self.state += 1
        return self.state

    def snapshot(self) -> list[float]:
        """Return the state as numbers."""
        return [self.state]

    def restore(self, state: list[float]) -> None:
        """Restore what snapshot returned."""
        self.state = int(state[0])


class Sigma(Stateful):
    """The number of standard deviations from the running mean (Welford)."""

    signatures: ClassVar[Signatures] = {(float,): float}
    state: tuple[float, float, float]

    def __init__(self) -> None:
        self.state = 0.0, 0.0, 0.0

    def call(self, args: list[Any]) -> float:
        """Process the next value and return the result."""
        x = _one_float("sigma", args)
        n, mean, m2 = self.state
        n += 1
        delta = x - mean
        mean = mean + delta / n
        m2 = m2 + delta * (x - mean)
        self.state = n, mean, m2
        variance = divide_floats(m2, n - 1)
        if n < 2 or variance == 0:
            return 0.0
        deviation = math.sqrt(variance) if variance >= 0 else math.nan
        return divide_floats(abs(x - mean), deviation)

    def snapshot(self) -> list[float]:
        """Return the state as numbers."""
        return list(self.state)

    def restore(self, state: list[float]) -> None:
        """Restore what snapshot returned."""
        n, mean, m2 = state
        self.state = float(n), float(mean), float(m2)


class Spread(Stateful):
    """The difference of the largest and the smallest value so far."""

    signatures: ClassVar[Signatures] = {(float,): float}
    state: tuple[float, float]

    def __init__(self) -> None:
        self.state = math.inf, -math.inf

    def call(self, args: list[Any]) -> float:
        """Process the next value and return the result."""
        x = _one_float("spread", args)
        low, high = self.state
        self.state = low, high = min(low, x), max(high, x)
        return high - low

    def snapshot(self) -> list[float]:
        """Return the state as numbers."""
        low, high = self.state
        return [] if low > high else [low, high]

    def restore(self, state: list[float]) -> None:
        """Restore what snapshot returned."""
        low, high = state or (math.inf, -math.inf)
        self.state = low, high


def _one_float(name: str, args: list[Any]) -> float:
    if len(args) != 1:
        raise ValueError(f"{name} expects exactly one argument")
    if not isinstance(args[0], float):
        raise ValueError("value is not a float")  # noqa: TRY004 -- Kapacitor's own text
    return args[0]


STATEFUL: Final[dict[str, type[Stateful]]] = {"count": Count, "sigma": Sigma, "spread": Spread}

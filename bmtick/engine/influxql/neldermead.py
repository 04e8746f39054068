"""Nelder and Mead's simplex, step for step as InfluxDB has it (``influxql/neldermead``)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

Objective = Callable[[list[float]], float]

_ITERATIONS: Final = 1000
_REFLECT: Final = 1.0
_CONTRACT: Final = 0.5
_EXPAND: Final = 2.0


def minimize(objective: Objective, start: list[float], epsilon: float) -> tuple[float, list[float]]:
    """Return the least value found and where; the objective may change its argument."""
    simplex = _Simplex(objective, start)
    for _ in range(_ITERATIONS):
        simplex.step()
        if simplex.deviation() < epsilon:
            break
    best = min(range(len(simplex.values)), key=simplex.values.__getitem__)
    parameters = list(simplex.corners[best])
    return objective(simplex.corners[best]), parameters


class _Simplex:
    """The corners with the values of the objective there."""

    def __init__(self, objective: Objective, start: list[float]) -> None:
        n = len(start)
        root, side = math.sqrt(float(n + 1)), float(n) * math.sqrt(2)
        far, near = (root - 1 + float(n)) / side, (root - 1) / side
        self._objective = objective
        self.corners = [list(start)]
        for i in range(n):
            self.corners.append([(far if i == j else near) + start[j] for j in range(n)])
        self.values = [objective(corner) for corner in self.corners]

    def step(self) -> None:
        worst, second, best = self._ranks()
        centre = self._centre(worst)
        corner = self.corners[worst]
        reflected = [c + _REFLECT * (c - x) for c, x in zip(centre, corner, strict=True)]
        at_reflected = self._objective(reflected)
        if self.values[best] <= at_reflected < self.values[second]:
            self._replace(worst, reflected, at_reflected)
        if at_reflected < self.values[best]:
            expanded = [c + _EXPAND * (r - c) for c, r in zip(centre, reflected, strict=True)]
            at_expanded = self._objective(expanded)
            if at_expanded < at_reflected:
                self._replace(worst, expanded, at_expanded)
            else:
                self._replace(worst, reflected, at_reflected)
        if at_reflected >= self.values[second]:
            self._contract((worst, second, best), centre, reflected, at_reflected)

    def _ranks(self) -> tuple[int, int, int]:
        worst = best = 0
        for i, value in enumerate(self.values):
            if value > self.values[worst]:
                worst = i
            if value < self.values[best]:
                best = i
        second = best
        for i, value in enumerate(self.values):
            if self.values[second] < value < self.values[worst]:
                second = i
        return worst, second, best

    def _centre(self, worst: int) -> list[float]:
        n = len(self.corners) - 1
        out = []
        for i in range(n):
            total = 0.0
            for index, corner in enumerate(self.corners):
                if index != worst:
                    total += corner[i]
            out.append(total / float(n))
        return out

    def _replace(self, worst: int, corner: list[float], value: float) -> None:
        self.corners[worst] = list(corner)
        self.values[worst] = value

    def _contract(
        self,
        ranks: tuple[int, int, int],
        centre: list[float],
        reflected: list[float],
        at_reflected: float,
    ) -> None:
        worst, second, best = ranks
        corner = self.corners[worst]
        if at_reflected < self.values[worst]:
            inner = [c + _CONTRACT * (r - c) for c, r in zip(centre, reflected, strict=True)]
        else:
            inner = [c - _CONTRACT * (c - x) for c, x in zip(centre, corner, strict=True)]
        value = self._objective(inner)
        if value < self.values[worst]:
            self._replace(worst, inner, value)
            return
        for row, other in enumerate(self.corners):
            if row != best:
                for i, x in enumerate(self.corners[best]):
                    other[i] = x + (other[i] - x) / 2.0
        self.values[worst] = self._objective(self.corners[worst])
        self.values[second] = self._objective(self.corners[second])

    def deviation(self) -> float:
        """Return how far the values are from their mean."""
        n = len(self.values) - 1
        total = 0.0
        for value in self.values:
            total += value
        mean = total / float(n + 1)
        squares = 0.0
        for value in self.values:
            squares += (value - mean) * (value - mean) / float(n)
        return math.sqrt(squares)

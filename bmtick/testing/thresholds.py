"""How often an alert would have fired with other thresholds, and which one fits the history."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bmtick.durations import DAY, WEEK

_STEPS: Final = (1, 2, 5)
_MAX_ROWS: Final = 14
_LEAST_DAYS: Final = 1.0  # a shorter past says nothing about a week
_PER_WEEK: Final = 1.0  # an alert that stands more often than this is soon ignored


@dataclass(frozen=True)
class Row:
    """A threshold and its number of episodes."""

    threshold: float
    episodes: int
    per_week: float


@dataclass(frozen=True)
class Suggestion:
    """A threshold and the reason for it."""

    threshold: float
    reason: str


def candidates(
    values: Mapping[float, int], current: float, least: float | None, most: float | None
) -> list[float]:
    """Return round thresholds from about the median of the values to above the highest.

    Args:
        values: the values that the alert compared, and how often; not empty.
        current: the current threshold, always included.
        least: the smallest allowed threshold.
        most: the largest allowed threshold.
    """
    low, high = _median(values), max(values)
    found = {current}
    exponent = math.floor(math.log10(max(low, 1e-3)))
    while True:
        for step in _STEPS:
            value = step * 10.0**exponent
            if value >= max(low, 1e-3):
                found.add(int(value) if isinstance(current, int) else value)
            if value > high:
                return _trim(found, current, least, most)
        exponent += 1


def _median(values: Mapping[float, int]) -> float:
    """Return the median; of two middle values, the higher one."""
    before, half = 0, sum(values.values()) // 2
    for value in sorted(values):
        before += values[value]
        if before > half:
            return value
    raise ValueError("no values")


def _trim(
    found: set[float], current: float, least: float | None, most: float | None
) -> list[float]:
    kept = [
        value
        for value in sorted(found)
        if value == current
        or (value > 0 and (least is None or value >= least) and (most is None or value <= most))
    ]
    if len(kept) <= _MAX_ROWS:
        return kept
    top = kept[-_MAX_ROWS:]
    return top if current in top else [current, *top[1:]]


def sweep(thresholds: Sequence[float], count: Callable[[float], int], span: int) -> list[Row]:
    """Return a row for each threshold.

    Args:
        thresholds: sorted thresholds.
        count: returns the number of episodes of a threshold.
        span: length of the history in nanoseconds.
    """
    weeks = max(span / WEEK, 1e-9)
    rows = []
    for threshold in thresholds:
        episodes = count(threshold)
        rows.append(Row(threshold, episodes, episodes / weeks))
    return rows


def suggest(rows: Sequence[Row], highest: float, span: int) -> Suggestion | None:
    """Choose a threshold that is rarely reached, where a higher one would find the same episodes.

    Args:
        rows: the rows of ``sweep``.
        highest: the highest value of the history.
        span: length of the history in nanoseconds.
    """
    days = span / DAY
    if days < _LEAST_DAYS:
        return None
    rare = [row for row in rows if row.per_week <= _PER_WEEK or row.episodes <= 1]
    if not rare:
        return None
    for row, following in pairwise(rare):
        if row.episodes and row.episodes == following.episodes:
            return Suggestion(
                row.threshold,
                f"{_times(row.episodes)} in {days:.1f} days, and {_plain(following.threshold)} would "
                "have found the same: what reaches it stands out",
            )
    first = rare[0]
    if first.episodes:
        return Suggestion(
            first.threshold,
            f"the lowest with at most one episode a week: {_times(first.episodes)} in {days:.1f} days",
        )
    return Suggestion(
        first.threshold,
        f"never reached in {days:.1f} days; the highest value was {_plain(highest)}",
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _plain(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"

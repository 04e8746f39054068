"""A time series as SVG: works without a script, adapts to the theme, has a title for readers."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

_WIDTH: Final = 640
_HEIGHT: Final = 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 8, 16, 24
_TICKS: Final = 6


def curve(
    name: str,
    title: str,
    times: Sequence[int],
    values: Sequence[int],
    *,
    step: int,
    write: Callable[[float], str],
) -> str:
    """Return a figure with one filled step curve.

    Args:
        name: CSS class and id of the curve.
        title: visible title, and text for screen readers.
        times: start of each slot, seconds since the epoch.
        values: one for each slot.
        step: seconds of a slot.
        write: formats a number in the reader's language.
    """
    top = _ceiling(max(values, default=0))
    begin, end = (times[0], times[-1] + step) if times else (0, 1)
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(time: float) -> str:
        return f"{_LEFT + (time - begin) / (end - begin) * width:.1f}"

    def y(value: float) -> str:
        return f"{_TOP + height - value / top * height:.1f}"

    path = f"M{x(begin)} {y(0)}" + "".join(
        f"V{y(value)}H{x(time + step)}" for time, value in zip(times, values, strict=True)
    )
    lines = "".join(
        f'<path class="grid" d="M{_LEFT} {y(value)}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 6}" y="{y(value)}" dy="4" text-anchor="end">{_short(value, write)}</text>'
        for value in (0, top / 2, top)
    )
    length = (end - begin) / _TICKS
    ticks = "".join(
        f'<text class="tick" x="{x(begin + length * n)}" y="{_HEIGHT - 4}" text-anchor="middle">'
        f"{datetime.fromtimestamp(begin + length * n).astimezone():%H:%M}</text>"
        for n in range(1, _TICKS)
    )
    return (
        f'<figure><figcaption id="plot-{name}">{html.escape(title)}</figcaption>'
        f'<svg class="plot {name}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="plot-{name}">{lines}{ticks}'
        f'<path class="area" d="{path}V{y(0)}Z"/></svg></figure>'
    )


def _short(value: float, write: Callable[[float], str]) -> str:
    """Format a round number short enough for a phone's axis."""
    if value >= 1_000_000:
        return f"{write(value / 1_000_000)}\N{NO-BREAK SPACE}M"
    if value >= 10_000:
        return f"{write(value / 1_000)}\N{NO-BREAK SPACE}k"
    return write(value)


def _ceiling(value: int) -> int:
    """Return the next round number whose half is a whole number."""
    if value <= 2:
        return 2
    scale = 10 ** (len(str(value)) - 1)
    return (
        next(n for n in (scale * k for k in (1, 2, 4, 6, 8, 10)) if n >= value)
        if scale > 1
        else (math.ceil(value / 2) * 2)
    )

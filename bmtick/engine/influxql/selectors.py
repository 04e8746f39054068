"""min, max, first, last, percentile, top, bottom: each result is a point of the input.

Source: influxdata/influxdb as vendored by Kapacitor 1.5.7, ``influxql/call_iterator.go``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bmtick.engine.influxql.aggregates import by_value
from bmtick.engine.influxql.gosort import heap_largest
from bmtick.engine.influxql.sample import NO_TIME, Reducer, Sample
from bmtick.engine.messages import BatchPoint

Better = Callable[[Sample, Sample], bool]


class Select(Reducer):
    """Keeps the best point so far."""

    def __init__(self, better: Better) -> None:
        self._best: Sample | None = None
        self._better = better

    def add(self, sample: Sample) -> None:
        """Keep the point if it is better than the best so far."""
        if self._best is None or self._better(sample, self._best):
            self._best = sample

    def emit(self) -> list[Sample]:
        """Return the best point.

        Raises:
            IndexError: there is none; Kapacitor crashes then.
        """
        if self._best is None:
            raise IndexError("no point to select")
        return [self._best]


class Extreme(Select):
    """The smallest or largest value of a batch; of equal values, the earliest point."""

    def add_together(self, points: Sequence[BatchPoint], values: Sequence[Any]) -> None:
        """Add the points of a batch."""
        best = min(values) if self._better is smaller else max(values)
        place = values.index(best)
        if values.count(best) > 1 and not math.isnan(best):  # a NaN at the front stays, as in Go
            equal = [place for place, value in enumerate(values) if value == best]
            place = min(equal, key=lambda place: points[place].time)
        point = points[place]
        self.add(Sample(point.time, values[place], point.tags, point.fields))


def _time(sample: Sample) -> int:
    return sample.time or 0


def smaller(new: Sample, old: Sample) -> bool:
    """Return whether ``min`` prefers new: the smaller value, then the earlier time."""
    return bool(new.value < old.value) or (new.value == old.value and _time(new) < _time(old))


def larger(new: Sample, old: Sample) -> bool:
    """Return whether ``max`` prefers new: the larger value, then the earlier time."""
    return bool(new.value > old.value) or (new.value == old.value and _time(new) < _time(old))


def earlier(new: Sample, old: Sample) -> bool:
    """Return whether ``first`` prefers new: the earlier time, then the larger value."""
    if _time(new) != _time(old):
        return _time(new) < _time(old)
    return _tie(new, old, prefers=False)


def later(new: Sample, old: Sample) -> bool:
    """Return whether ``last`` prefers new: the later time, then the larger value."""
    if _time(new) != _time(old):
        return _time(new) > _time(old)
    return _tie(new, old, prefers=True)


def _tie(new: Sample, old: Sample, *, prefers: bool) -> bool:
    if isinstance(new.value, bool):
        return new.value is prefers and old.value is not prefers
    return bool(_comparable(new.value) > _comparable(old.value))


def _comparable(value: Any) -> Any:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def percentile(samples: list[Sample], rank: float, *, forgets: bool = True) -> list[Sample]:
    """Return the point at rank percent in the order of values; empty if the rank is out of range.

    ``forgets`` drops the time of an integer field, as Kapacitor 1.5 does.
    """
    position = math.floor(len(samples) * rank / 100.0 + 0.5) - 1
    if not 0 <= position < len(samples):
        return []
    found = by_value(samples)[position]
    if forgets and not isinstance(found.value, float):
        found = msgspec.structs.replace(found, time=NO_TIME)
    return [found]


def top(samples: list[Sample], count: int, keys: Sequence[str], better: Better) -> list[Sample]:
    """Return the best count points in order of time, one for each value of the tags in keys."""
    chosen = _unique(samples, keys, better) if keys else samples
    found = heap_largest(chosen, lambda a, b: _first_of(a, b, better), min(count, len(chosen)))
    return sorted(found, key=_time)


def ranked(samples: list[Sample], count: int, better: Better) -> list[Sample]:
    """Return the best count points, best first; tags are ignored."""
    order = sorted(samples, key=_time)
    order.sort(key=lambda sample: sample.value, reverse=better is larger)
    return order[:count]


def _first_of(a: Sample, b: Sample, better: Better) -> bool:
    return better(a, b) if a.value != b.value else _time(a) < _time(b)


def _unique(samples: list[Sample], keys: Sequence[str], better: Better) -> list[Sample]:
    best: dict[str, Sample] = {}
    for sample in samples:
        key = ",".join(_shown(sample.fields.get(k, sample.tags.get(k, ""))) for k in keys)
        if key not in best or better(sample, best[key]):
            best[key] = sample
    return list(best.values())


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else f"%!s({type(value).__name__}={value})"

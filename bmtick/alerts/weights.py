"""The weights of many rows at once, by columns: what ``Scales.weigh`` gives for each, heaviest only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bmtick.alerts.weighing import Scale, Scales, Weight
from bmtick.engine.chunks import Row, RowChunk
from bmtick.engine.predicate import Predicate
from bmtick.engine.vectors import NotColumnarError, Scope, Vector
from bmtick.names import FIELDS, GLOBAL_TAGS, TAGS


def weigh_rows(scales: Scales, rows: Sequence[Row]) -> tuple[RowChunk, Weights] | None:
    """Return rows of one measurement as a chunk, and their weights.

    None: they are to be weighed one by one, since columns are not known to weigh them alike.
    """
    name = rows[0][0]
    chunk = RowChunk(rows, TAGS[name], list(FIELDS[name]), dict.fromkeys(GLOBAL_TAGS, ""))
    try:
        return chunk, Weights(scales.of(name), chunk)
    except NotColumnarError:
        return None


class Weights:
    """The heaviest weight of each row of a chunk.

    Args:
        scales: the alerts that read the measurement, in their order.
        chunk: the rows, with the tags that all points bear.

    Attributes:
        shares: the value of each row as a share of its threshold; NaN: nothing weighs it.
        critical: whether the alert would fire.

    Raises:
        NotColumnarError: the rows are to be weighed one by one.
    """

    def __init__(self, scales: Sequence[Scale], chunk: RowChunk) -> None:
        size = len(chunk)
        self._scales, self._chosen = scales, np.zeros(size, dtype=np.int64)
        self._values, self._thresholds = np.zeros(size), np.zeros(size)
        self.shares: Any = np.full(size, np.nan)
        self.critical: Any = np.zeros(size, dtype=np.bool_)
        tags, series = chunk.series
        columns = {
            name: vector
            for scale in scales
            for name in scale.references
            if (vector := chunk.column(name)) is not None
        }
        for number, scale in enumerate(scales):
            made = dict(columns)
            present: Any = np.ones(size, dtype=np.bool_)
            for step in scale.steps:
                if isinstance(step, Predicate):
                    present &= Scope(made, tags, series).condition(step.expression)
                    continue
                for name, expression in step:
                    made[name] = Scope(made, tags, series).evaluate(expression)
            critical = Scope(made, tags, series).condition(scale.critical.expression)
            values, thresholds = _floats(made, "value", size), _floats(made, "crit", size)
            if bool(np.any(thresholds == 0)) or bool(np.any(np.isnan(values / thresholds))):
                raise NotColumnarError("a weight without a threshold")
            shares = values / thresholds
            nothing = np.isnan(self.shares)
            alike = critical == self.critical
            heavier = nothing | (critical & ~self.critical) | (alike & (shares > self.shares))
            places = np.flatnonzero(present & heavier)
            self._chosen[places] = number
            self._values[places] = values[places]
            self._thresholds[places] = thresholds[places]
            self.shares[places] = shares[places]
            self.critical[places] = critical[places]

    def of(self, place: int) -> Weight:
        """Return the weight of a row that has a share."""
        return Weight(
            self._scales[self._chosen[place]].name,
            float(self._values[place]),
            float(self._thresholds[place]),
            bool(self.critical[place]),
        )


def _floats(columns: dict[str, Vector], name: str, size: int) -> Any:
    vector = columns.get(name)
    if vector is None or vector.kind not in (int, float):
        raise NotColumnarError(f"{name} is no number")
    return np.broadcast_to(np.asarray(vector.values, dtype=np.float64), (size,))

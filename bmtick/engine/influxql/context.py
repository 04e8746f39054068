"""One calculation of an InfluxQL node, from points to points: Kapacitor's reduce context.

Source: influxdata/kapacitor 1.5.7 ``influxql.gen.go`` and ``influxql.go``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from bmtick.engine.influxql.codec import dump_reducer, load_reducer
from bmtick.engine.influxql.column import Column
from bmtick.engine.influxql.methods import Make, Method
from bmtick.engine.influxql.sample import Reducer, Sample
from bmtick.engine.messages import BatchPoint
from bmtick.tick.types import Duration, go_type_name


class ReduceError(Exception):
    """A point or a type does not fit; the text is Kapacitor's own."""


Emitted = tuple[int, dict[str, str], dict[str, Any]]
"""Time, tags and fields of a resulting point; name and dimensions are those of the group.

The fields are not shared, the tags may be shared.
"""


class Calculation:
    """The calculation of a node: function, arguments, field and name of the result.

    There is one per node. It caches the last reducer, as Kapacitor does: a type that does not fit is
    an error only once; then the reducer of the previous type is used.
    """

    def __init__(
        self,
        method: Method,
        args: Sequence[Any],
        *,
        field: str,
        rename: str = "",
        use_point_times: bool = False,
    ) -> None:
        self.method, self.field = method, field
        self.name = rename or method.name
        self.point_times = use_point_times or method.transforms
        self._makers = method.build(args)
        self.kind: type | None = None  # the type of the last calculation
        self._make: Make | None = None
        self._made_for: type = float

    def start(self, kind: type) -> Context:
        """Begin a calculation over values of one type.

        Raises:
            ReduceError: the function does not support the type.
        """
        if kind is Duration:
            kind = int  # Go's time.Duration is of kind int64; each point then fails
        if kind is not self.kind or self._make is None:
            self.kind = kind
            if kind not in self._makers:
                raise ReduceError(
                    f"invalid influxql func {self.method.name} with field {self.field}: "
                    f"cannot apply {self.method.name} to {_KINDS.get(kind, str(kind))} field"
                )
            self._make, self._made_for = self._makers[kind], kind
        return Context(self, self._make(), self._made_for, self.field)

    def resume(self, state: Mapping[str, Any]) -> Context:
        """Continue a calculation from the result of ``Context.dump``."""
        kind = next(kind for kind, name in _KINDS.items() if name == state["kind"])
        context = self.start(kind)
        context.restore(state["reducer"])
        return context

    def start_with(self, fields: Mapping[str, Any]) -> Context:
        """Begin a calculation with the type of the field.

        Raises:
            ReduceError: the field is missing, or the function does not support its type.
        """
        value = fields.get(self.field, _ABSENT)
        if type(value) is self.kind and self._make is not None:
            return Context(self, self._make(), self._made_for, self.field)
        if value is _ABSENT:
            raise ReduceError(f'field "{self.field}" missing from point')
        return self.start(type(value))


_FEW = 4  # up to this number, adding points one by one is faster
_ABSENT = object()
_KINDS = {float: "float64", int: "int64", str: "string", bool: "bool"}


class Context(msgspec.Struct, eq=False):
    """One running calculation over values of one type."""

    _calculation: Calculation
    _reducer: Reducer
    _kind: type
    _field: str

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of another calculation."""
        load_reducer(self._reducer, state)

    def add(self, time: int, tags: Mapping[str, str], fields: Mapping[str, Any]) -> None:
        """Add one point.

        Raises:
            ReduceError: the field is missing or has another type than the first.
        """
        field = self._field
        value = fields.get(field, _ABSENT)
        if type(value) is not self._kind:
            if value is _ABSENT:
                raise ReduceError(f"field {field} missing from point cannot aggregate")
            raise ReduceError(
                f"field {field} has wrong type: got {go_type_name(type(value))} "
                f"exp {_KINDS[self._kind]}"
            )
        self._reducer.add(Sample(time, value, tags, fields))

    def add_all(
        self, points: list[BatchPoint], failed: Callable[[ReduceError], None], column: Column
    ) -> None:
        """Add points; a point that does not fit is skipped and reported to ``failed``."""
        field, kind, take = self._field, self._kind, self._reducer.add
        together = self._reducer.add_together
        if together is not None and len(points) > _FEW:
            column.take(points)
            if column.kind is kind:
                together(points, column.values)
                return
        for point in points:
            fields = point.fields
            value = fields.get(field)
            if type(value) is kind:
                take(Sample(point.time, value, point.tags, fields))
                continue
            try:
                self.add(point.time, point.tags, fields)
            except ReduceError as error:
                failed(error)

    def dump(self) -> dict[str, Any]:
        """Return the calculation as JSON-able data."""
        return {"kind": _KINDS[self._kind], "reducer": dump_reducer(self._reducer)}

    def emit_point(self, group_tags: dict[str, str], time: int) -> Emitted | None:
        """Return the one resulting point, or None if there are none or several."""
        found = self._reducer.emit()
        if len(found) != 1:
            return None
        sample = found[0]
        calculation = self._calculation
        if calculation.point_times and sample.time is not None:
            time = sample.time
        if not calculation.method.selector:
            return time, group_tags, {calculation.name: sample.value}
        fields = dict(sample.fields)
        if calculation.name != calculation.field:
            fields[calculation.name] = fields.pop(calculation.field)
        return time, sample.tags, fields  # type: ignore[return-value]

    def emit_batch(self, group_tags: dict[str, str], time: int) -> tuple[int, list[Emitted]]:
        """Return the time of the resulting batch and its points."""
        points = []
        latest = time
        point_times = self._calculation.point_times
        for sample in self._reducer.emit():
            at = time if sample.time is None or not point_times else sample.time
            tags = {**group_tags, **sample.tags} if sample.tags else group_tags
            points.append((at, tags, {self._calculation.name: sample.value}))
            latest = max(latest, at)
        return latest, points

"""Points and values as JSON-able data that keeps their types, for snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bmtick.engine.lambdas import MISSING, Duration
from bmtick.engine.messages import BatchPoint, Fields


def dump_fields(fields: Fields) -> dict[str, Any]:
    """Return fields as JSON-able data; what JSON has no type for is wrapped."""
    return {name: _dump(value) for name, value in fields.items()}


def load_fields(state: dict[str, Any]) -> Fields:
    """Take back what ``dump_fields`` gave."""
    return {name: _load(value) for name, value in state.items()}


def _dump(value: object) -> object:
    if isinstance(value, Duration):
        return {"duration": int(value)}
    if value is MISSING:
        return {"missing": True}
    if isinstance(value, float):
        return {"float": repr(value)}
    return value


def _load(value: Any) -> object:
    if not isinstance(value, dict):
        return value
    if "float" in value:
        return float(value["float"])
    return Duration(value["duration"]) if "duration" in value else MISSING


def dump_points(points: Iterable[BatchPoint]) -> list[Any]:
    """Return points as JSON-able data."""
    return [[dump_fields(p.fields), p.tags, p.time] for p in points]


def load_points(state: Iterable[Any]) -> Iterator[BatchPoint]:
    """Take back what ``dump_points`` gave."""
    for fields, tags, time in state:
        yield BatchPoint(load_fields(fields), tags, time)

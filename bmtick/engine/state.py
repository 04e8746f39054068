"""Converts points and values to JSON-able data with their types, for snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bmtick.engine.lambdas import MISSING, Duration
from bmtick.engine.messages import (
    Barrier,
    Batch,
    BatchPoint,
    Dimensions,
    Fields,
    GroupInfo,
    Point,
)


def dump_fields(fields: Fields) -> dict[str, Any]:
    """Return fields as JSON-able data; values without a JSON type are wrapped."""
    return {name: _dump(value) for name, value in fields.items()}


def load_fields(state: dict[str, Any]) -> Fields:
    """Restore what ``dump_fields`` returned."""
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
    """Restore what ``dump_points`` returned."""
    for fields, tags, time in state:
        yield BatchPoint(load_fields(fields), tags, time)


def dump_info(info: GroupInfo) -> list[Any]:
    """Return a group's description as JSON-able data."""
    return [info.id, info.tags, list(info.dimensions)]


def load_info(state: Any) -> GroupInfo:
    """Restore what ``dump_info`` returned."""
    group, tags, (by_name, names) = state
    return GroupInfo(group, tags, Dimensions(by_name, tuple(names)))


def dump_message(message: Point | Batch | Barrier | None) -> dict[str, Any] | None:
    """Return a pending message of a node as JSON-able data."""
    if message is None:
        return None
    if isinstance(message, Barrier):
        return {"barrier": dump_info(message.info), "time": message.time}
    common = {
        "name": message.name,
        "tags": message.tags,
        "dimensions": list(message.dimensions),
        "time": message.time,
        "group": message.group,
    }
    if isinstance(message, Point):
        place = [message.database, message.retention_policy]
        return {**common, "fields": dump_fields(message.fields), "place": place}
    return {**common, "points": dump_points(message.points), "hint": message.size_hint}


def load_message(state: Any) -> Any:
    """Restore what ``dump_message`` returned."""
    if state is None:
        return None
    if "barrier" in state:
        return Barrier(load_info(state["barrier"]), state["time"])
    by_name, names = state["dimensions"]
    dimensions = Dimensions(by_name, tuple(names))
    if "fields" in state:
        return Point(
            state["name"],
            dimensions,
            load_fields(state["fields"]),
            state["tags"],
            state["time"],
            state["group"],
            *state["place"],
        )
    return Batch(
        state["name"],
        state["tags"],
        dimensions,
        state["group"],
        state["time"],
        list(load_points(state["points"])),
        state["hint"],
    )

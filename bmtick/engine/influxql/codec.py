"""Converts reducers to JSON-able data and back, for snapshots of stream calculations."""

from __future__ import annotations

from typing import Any

import msgspec

from bmtick.engine.influxql.sample import Reducer, Sample
from bmtick.tick.types import Duration


def dump_reducer(reducer: Reducer) -> dict[str, Any]:
    """Return the state of a reducer."""
    return {name: _dump(value) for name, value in vars(reducer).items() if not callable(value)}


def load_reducer(reducer: Reducer, state: dict[str, Any]) -> None:
    """Restore what ``dump_reducer`` returned, into a new reducer of the same kind."""
    for name, value in state.items():
        known = getattr(reducer, name, None)
        if isinstance(known, Reducer):
            load_reducer(known, value["reducer"])
        else:
            setattr(reducer, name, _load(value))


def _dump(value: Any) -> Any:
    if isinstance(value, Reducer):
        return {"reducer": dump_reducer(value)}
    if isinstance(value, Sample):
        return {"sample": [_dump(part) for part in msgspec.structs.astuple(value)]}
    if isinstance(value, Duration):
        return {"duration": int(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, tuple):
        return {"tuple": [_dump(item) for item in value]}
    if isinstance(value, list):
        return [_dump(item) for item in value]
    if isinstance(value, dict):
        return {"pairs": [[_dump(key), _dump(item)] for key, item in value.items()]}
    return value


def _load(value: Any) -> Any:
    if isinstance(value, list):
        return [_load(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    match kind:
        case "sample":
            return Sample(*(_load(part) for part in inner))
        case "duration":
            return Duration(inner)
        case "float":
            return float(inner)
        case "tuple":
            return tuple(_load(item) for item in inner)
    return {_load(key): _load(item) for key, item in inner}

"""Parse parameter values from text by type, and check them against their parameter."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

from bmtick.alerts.formats import FORMATS, WHOLE, refuse_control
from bmtick.alerts.model import Parameter
from bmtick.durations import format_duration, parse_duration
from bmtick.errors import BmtickError, nearest

_EXAMPLES = {
    "int": "a whole number, like 200",
    "float": "a number, like 2.5",
    "bool": "true or false",
    "duration": "a number and a unit, like 30s, 10m or 1h",
    "string": "text",
    "list": "texts with commas between",
    "table": 'tags with values, like host = "edge1"',
}


def check_value(parameter: Parameter, value: Any, owner: str = "") -> Any:
    """Return the value in its type (durations in nanoseconds), or raise.

    Args:
        parameter: the parameter.
        value: as in TOML.
        owner: the handler, if it is an option of one.

    Raises:
        BmtickError: a wrong type, or outside the limits; names the parameter.
    """
    try:
        typed = _typed(parameter, value)
        _within(parameter, typed)
    except BmtickError as error:
        raise about(parameter.name, error, owner) from None
    return typed


def about(name: str, error: BmtickError, owner: str = "") -> BmtickError:
    """Return an error that names the parameter, or the option of the handler ``owner``."""
    key = (owner, name) if owner else (name,)
    return BmtickError(
        f"parameter '{'.'.join(key)}': {error.message}", remedy=error.remedy, key=key
    )


def read_text(parameter: Parameter, text: str) -> Any:
    """Parse a command line text by the parameter's type; the value is not checked yet.

    Lists are separated by commas or written as TOML; tables are written as TOML.
    """
    opening = {"list": "[", "table": "{"}.get(parameter.type)
    if opening and text.lstrip().startswith(opening):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except (ValueError, RecursionError):
            error = BmtickError(
                f"'{text}' is no {parameter.type}", remedy=f"write {_EXAMPLES[parameter.type]}"
            )
            raise about(parameter.name, error) from None
    readers: dict[str, Callable[[str], Any]] = {
        "int": _int,
        "float": float,
        "bool": _bool,
        "list": _items,
    }
    try:
        return readers.get(parameter.type, str)(text)
    except ValueError:
        raise about(parameter.name, _wrong_type(parameter, text)) from None


def _int(text: str) -> int:
    if not text.lstrip("+-").isdecimal() or not text.isascii() or len(text) > 20:
        raise ValueError(text)
    return int(text)


def _bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _wrong_type(parameter: Parameter, value: Any) -> BmtickError:
    shown = f"'{value}'" if isinstance(value, str) else repr(value)
    return BmtickError(
        f"{shown} is not of type {parameter.type}",
        remedy=f"write {_EXAMPLES[parameter.type]}",
    )


def _typed(parameter: Parameter, value: Any) -> Any:
    kind = parameter.type
    if kind == "duration" and isinstance(value, str):
        return parse_duration(value)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind == "list" and isinstance(value, str):
        value = [value]
    if kind == "list" and isinstance(value, list) and all(isinstance(i, str) for i in value):
        return value
    if kind == "table" and isinstance(value, dict):
        return value
    python = {"int": int, "float": float, "bool": bool, "string": str}.get(kind)
    if python and type(value) is python:
        return value
    raise _wrong_type(parameter, value)


def _within(parameter: Parameter, value: Any) -> None:
    if parameter.type in ("int", "float", "duration"):
        _in_range(parameter, value)
    elif parameter.type == "string":
        _text(parameter, value)
    elif parameter.type == "list":
        for item in value:
            _text(parameter, item)
        if len(value) < parameter.min_items:
            raise BmtickError(f"{len(value)} are too few", remedy=f"at least {parameter.min_items}")
        if len(set(value)) != len(value) and parameter.format != "command":
            raise BmtickError("one of them is there twice", remedy="name each once")
    elif parameter.type == "table":
        _table(value)
    if parameter.format in WHOLE:
        FORMATS[parameter.format](value)


def _in_range(parameter: Parameter, value: float) -> None:
    low = parameter.min is not None and not value >= parameter.min
    high = parameter.max is not None and not value <= parameter.max
    if low or high or value != value:  # noqa: PLR0124 -- NaN
        raise BmtickError(
            f"{show(parameter, value)} is too {'high' if high else 'low'}",
            remedy=f"{limits_text(parameter)}",
        )


def _text(parameter: Parameter, text: str) -> None:
    refuse_control(text)
    if parameter.choices and text not in parameter.choices:
        raise BmtickError(
            f"'{text}' is not one of {', '.join(parameter.choices)}",
            remedy=nearest(text, parameter.choices) or "choose one of these",
        )
    if parameter.format and parameter.format not in WHOLE:
        FORMATS[parameter.format](text)


def _table(table: dict[str, Any]) -> None:
    for key, value in table.items():
        refuse_control(key)
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, str):
                raise BmtickError(f"the value of '{key}' is not text", remedy="put it into quotes")
            refuse_control(item)
        if value == []:
            raise BmtickError(f"'{key}' has no value", remedy="name one or leave it out")


def show(parameter: Parameter, value: Any) -> str:
    """Format a value as an administrator writes it."""
    if value is None:
        return "-"
    if parameter.type == "duration":
        return format_duration(int(value))
    if parameter.type == "bool":
        return "true" if value else "false"
    if parameter.type == "list":
        return ",".join(value)
    if parameter.type == "table":
        pairs = ", ".join(f"{key} = {_toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return str(value)


def _toml(value: Any) -> str:
    return f"[{', '.join(_toml(v) for v in value)}]" if isinstance(value, list) else f'"{value}"'


def limits_text(parameter: Parameter) -> str:
    """Return the limits as text; empty if there are none."""
    if parameter.choices:
        return f"of {', '.join(parameter.choices)}"
    low = "" if parameter.min is None else show(parameter, parameter.min)
    high = "" if parameter.max is None else show(parameter, parameter.max)
    unit = f" {parameter.unit}" if parameter.unit else ""
    if low and high:
        return f"{low} to {high}{unit}"
    if low:
        return f"at least {low}{unit}"
    if high:
        return f"at most {high}{unit}"
    return parameter.format

"""Kapacitor's alert handlers as data: read from ``_shared/handlers.toml``, checked, rendered.

Source of methods, properties and their order: influxdata/kapacitor ``pipeline/alert.go`` (1.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from bmtick.alerts.load import SHARED, as_type, parameter, read_toml, templates_folder
from bmtick.alerts.model import Parameter
from bmtick.alerts.quoting import go_text, tick_string, tick_strings
from bmtick.alerts.values import check_value
from bmtick.durations import format_duration
from bmtick.errors import BmtickError, nearest


class Option(Parameter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One option of a handler: a parameter, its TICKscript property and the property's form.

    ``instead`` names another option that may replace a required one.
    """

    property: str = ""
    style: str = "value"
    template: bool = False
    octal: bool = False
    required: bool = False
    instead: str = ""


class Handler(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of handler: its method on the alert node, and its options by name."""

    name: str
    method: str
    meaning: str
    argument: str = ""
    options: dict[str, Option]

    def option(self, name: str) -> Option:
        """Return an option.

        Raises:
            BmtickError: there is no option of this name.
        """
        if name not in self.options:
            hint = nearest(name, self.options) or f"one of: {', '.join(self.options)}"
            message = f"handler '{self.name}' has no option '{name}'"
            raise BmtickError(message, remedy=hint, key=(self.name, name))
        return self.options[name]


@cache
def all_handlers() -> dict[str, Handler]:
    """Return every kind of handler by name."""
    file = templates_folder() / SHARED / "handlers.toml"
    return {
        name: as_type(Handler, {"name": name, **raw, "options": _options(raw)}, file)
        for name, raw in read_toml(file).items()
    }


def _options(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parameter(name, spec) for name, spec in raw["options"].items()}


def check_handler(handler: Handler, value: Any) -> list[dict[str, Any]]:
    """Return the uses of one handler, each a table of checked options.

    Args:
        handler: its kind.
        value: true, the value of its argument, a table of options, or a list of tables.

    Raises:
        BmtickError: an unknown option, an invalid value, or a missing argument.
    """
    if value is None or value is False:
        return []
    if isinstance(value, list) and all(isinstance(v, dict) for v in value):
        return [_check_one(handler, v) for v in value]
    if value is True:
        return [_check_one(handler, {})]
    if isinstance(value, dict):
        return [_check_one(handler, value)]
    if handler.argument:
        return [_check_one(handler, {handler.argument: value})]
    raise BmtickError(
        f"handler '{handler.name}' cannot be {value!r}",
        remedy=f"true, or a table of: {', '.join(handler.options)}",
        key=(handler.name,),
    )


def _check_one(handler: Handler, table: dict[str, Any]) -> dict[str, Any]:
    checked = {
        key: check_value(handler.option(key), value, handler.name) for key, value in table.items()
    }
    for key, option in handler.options.items():
        if option.required and key not in checked and option.instead not in checked:
            raise BmtickError(
                f"handler '{handler.name}' needs '{key}'",
                remedy=option.meaning,
                key=(handler.name,),
            )
    return checked


def handler_lines(handler: Handler, options: dict[str, Any]) -> list[str]:
    """Return the TICKscript lines of one handler: the method, then a line for each property."""
    argument = options.get(handler.argument) if handler.argument else None
    if isinstance(argument, list):
        lines = [f".{handler.method}({tick_strings(argument)})"]
    else:
        lines = [f".{handler.method}({'' if argument is None else tick_string(argument)})"]
    for name, option in handler.options.items():
        if name != handler.argument and name in options:
            lines += [f"    {line}" for line in _property(option, options[name])]
    return lines


def _property(option: Option, value: Any) -> list[str]:
    def text(item: str) -> str:
        return tick_string(go_text(item) if option.template else item)

    name = option.property
    if option.style == "flag":
        return [f".{name}()"] if value else []
    if option.style == "list":
        return [f".{name}({', '.join(text(v) for v in value)})"] if value else []
    if option.style == "pairs":
        return [f".{name}({text(k)}, {text(v)})" for k, v in value.items()]
    if option.style == "rows":
        return [f".{name}({', '.join(text(v) for v in row.split(' ', 2))})" for row in value]
    return [f".{name}({_literal(option, value, text)})"]


def _literal(option: Option, value: Any, text: Any) -> str:
    kind = option.type
    if kind == "bool":
        return "TRUE" if value else "FALSE"
    if kind == "duration":
        return format_duration(value)
    if kind == "int":
        return f"0{value:o}" if option.octal else str(value)
    return str(text(value))

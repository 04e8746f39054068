"""``--set KEY=VALUE``: convert command line texts to values as in the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bmtick.alerts.handlers import Handler, all_handlers
from bmtick.alerts.model import Alert, Parameter
from bmtick.alerts.values import read_text
from bmtick.errors import BmtickError, nearest


def assignments(alert: Alert, texts: Iterable[str]) -> dict[str, Any]:
    """Parse ``KEY=VALUE`` texts in order into values as in TOML.

    Lists may be repeated; ``where.host=edge1`` sets one key of a table; ``slack.channel=#mail``
    sets an option of a handler, ``slack=true`` uses one without options.

    Raises:
        BmtickError: no ``=``, an unknown key, or an invalid value.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise BmtickError(f"'--set {text}' sets nothing", remedy="write --set KEY=VALUE")
        _assign(alert, values, key, value)
    return values


def _assign(alert: Alert, values: dict[str, Any], key: str, value: str) -> None:
    head, dot, rest = key.partition(".")
    if not dot and key in alert.parameters:
        _put(values, alert.parameters[key], value)
    elif dot and head in alert.parameters and alert.parameters[head].type == "table":
        table = values.setdefault(head, {})
        table[rest] = value
    elif head in all_handlers():
        _handler(all_handlers()[head], values, rest, value)
    else:
        raise unknown(alert, key)


def _put(values: dict[str, Any], parameter: Parameter, text: str) -> None:
    read = read_text(parameter, text)
    before = values.get(parameter.name)
    if parameter.type == "list" and isinstance(before, list) and isinstance(read, list):
        read = before + read
    elif parameter.type == "table" and isinstance(before, dict) and isinstance(read, dict):
        read = before | read
    values[parameter.name] = read


def _handler(handler: Handler, values: dict[str, Any], option: str, text: str) -> None:
    if not option:
        if text in ("true", "false"):
            values[handler.name] = text == "true"
            return
        if not handler.argument:
            raise BmtickError(
                f"'{handler.name}' takes no value",
                remedy=f"write --set {handler.name}=true, or one of its options: "
                + ", ".join(f"{handler.name}.{name}" for name in handler.options),
            )
        option = handler.argument
    name, _, rest = option.partition(".")
    table = values.get(handler.name)
    if not isinstance(table, dict):
        table = values[handler.name] = {}
    parameter = handler.option(name)
    if rest and parameter.type == "table":
        table.setdefault(name, {})[rest] = text
    elif rest:
        raise BmtickError(f"'{handler.name}.{option}' is no option", remedy=f"use '{name}'")
    else:
        _put(table, parameter, text)


def unknown(alert: Alert, key: str) -> BmtickError:
    """Return the error for a key that neither the alert nor a handler has."""
    names: list[str] = [*alert.parameters, *all_handlers()]
    return BmtickError(
        f"alert '{alert.name}' has no parameter '{key}'",
        remedy=nearest(key.partition(".")[0], names) or f"'bmtick alerts {alert.name}' lists them",
        key=(key,),
    )


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return base updated with over's values; a handler's options are merged one by one."""
    result = dict(base)
    for key, value in over.items():
        before = result.get(key)
        both = isinstance(value, dict) and isinstance(before, dict) and key in all_handlers()
        result[key] = {**before, **value} if both and isinstance(before, dict) else value
    return result

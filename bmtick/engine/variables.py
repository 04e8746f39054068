"""Values that override a script's vars, in the format of Kapacitor's vars files.

Source: kapacitor ``client/v1/client.go`` (``Vars.UnmarshalJSON``) and
``services/task_store/service.go`` (``convertToServiceVars``). The format is a JSON object of
``{"name": {"type": "int", "value": 3}}``. Durations are nanoseconds or strings, lists are lists of
such objects, lambdas and regular expressions are strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmtick.durations import parse_duration
from bmtick.engine.lambdas import Duration
from bmtick.errors import BmtickError, Location
from bmtick.tick import ast
from bmtick.tick.parser import parse_lambda

TYPES = ("bool", "int", "float", "string", "regex", "duration", "lambda", "list", "star")


@dataclass(frozen=True)
class Variable:
    """A var's TICKscript type and its value."""

    type: str
    value: Any


def read_variables(data: object, *, file: str = "vars") -> dict[str, Variable]:
    """Convert the parsed JSON of a vars file to variables.

    Raises:
        BmtickError: not Kapacitor's format; with the name of the var.
    """
    if not isinstance(data, Mapping):
        raise BmtickError(
            "the vars must be a JSON object of name to type and value",
            location=Location(file),
            remedy='{"crit": {"type": "int", "value": 200}}',
        )
    return {str(name): _variable(str(name), item, file) for name, item in data.items()}


def _variable(name: str, item: object, file: str) -> Variable:
    if not isinstance(item, Mapping) or "type" not in item:
        raise _wrong(name, "an object with type and value is needed", file)
    kind = item["type"]
    if kind not in TYPES:
        raise _wrong(name, f"unknown type '{kind}', one of {', '.join(TYPES)}", file)
    try:
        return Variable(kind, _CONVERT[kind](name, item.get("value"), file))
    except (TypeError, ValueError):
        raise _wrong(name, f"the value is not a {kind}", file) from None


def _wrong(name: str, message: str, file: str) -> BmtickError:
    return BmtickError(f"invalid var '{name}': {message}", location=Location(file))


def _exactly(kind: type) -> Any:
    def convert(name: str, value: Any, file: str) -> Any:
        del name, file
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise TypeError
        return value

    return convert


def _float(name: str, value: Any, file: str) -> float:
    del name, file
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    return float(value)


def _duration(name: str, value: Any, file: str) -> Duration:
    if isinstance(value, str):
        try:
            return Duration(parse_duration(value))
        except BmtickError as error:
            raise _wrong(name, error.message, file) from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return Duration(value)


def _regex(name: str, value: Any, file: str) -> ast.Regex:
    del name, file
    if not isinstance(value, str):
        raise TypeError
    return ast.Regex(value, value.replace("/", "\\/"))


def _lambda(name: str, value: Any, file: str) -> ast.Lambda:
    if not isinstance(value, str):
        raise TypeError
    parsed = parse_lambda(value, file=f"{file}: var {name}")
    return parsed if isinstance(parsed, ast.Lambda) else ast.Lambda(parsed)


def _list(name: str, value: Any, file: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return [_variable(f"{name}[{i}]", item, file).value for i, item in enumerate(value)]


def _star(name: str, value: Any, file: str) -> ast.Star:
    del name, value, file
    return ast.Star()


_CONVERT: dict[str, Any] = {
    "bool": _exactly(bool),
    "int": _exactly(int),
    "float": _float,
    "string": _exactly(str),
    "regex": _regex,
    "duration": _duration,
    "lambda": _lambda,
    "list": _list,
    "star": _star,
}

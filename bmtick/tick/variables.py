"""A task's vars in the format of Kapacitor's vars file: ``{"crit": {"type": "int", "value": 200}}``.

Source: ``client/v1`` of Kapacitor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bmtick.documents import load_json
from bmtick.durations import parse_duration
from bmtick.errors import BmtickError, Location, nearest
from bmtick.tick.parser import parse_lambda
from bmtick.tick.regexes import compile_regex
from bmtick.tick.values import UNKNOWN, VAR_TYPES, Value, described


def load_variables(text: str, *, file: str = "-") -> Mapping[str, Any]:
    """Return the JSON object of a vars file.

    Raises:
        BmtickError: the text is not a JSON object; with line and column.
    """
    data = load_json(text, file=file)
    if not isinstance(data, dict):
        raise BmtickError(
            "the vars file is not an object",
            location=Location(file),
            remedy='write {"NAME": {"type": "int", "value": 200}}',
        )
    # bmtick test and the kapacitor command also accept the vars inside a task file.
    inner = data.get("vars")
    if isinstance(inner, dict) and "type" not in inner and "value" not in inner:
        return inner
    return data


def read_variables(data: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values of vars by name.

    Raises:
        BmtickError: a var has no type, an unknown one, or a value that is not of its type.
    """
    return {name: _read(name, entry) for name, entry in data.items()}


def _read(name: str, entry: Any) -> Value:
    if not isinstance(entry, Mapping) or "type" not in entry:
        raise BmtickError(
            f"the var '{name}' has no type",
            remedy=f'write "{name}": {{"type": "string", "value": "..."}}',
        )
    type_name, value = entry["type"], entry.get("value")
    if type_name not in VAR_TYPES:
        remedy = nearest(str(type_name), VAR_TYPES) or f"the types are {', '.join(VAR_TYPES)}"
        raise BmtickError(f"the var '{name}' has no known type: '{type_name}'", remedy=remedy)
    try:
        return Value(type_name, _convert(name, type_name, value))
    except (TypeError, ValueError):
        shown = json.dumps(value, ensure_ascii=False)[:60]
        message = f"the var '{name}' is {described(type_name)}, and {shown} is none"
        raise BmtickError(message, remedy=_FORMS.get(type_name, "")) from None


_FORMS = {
    "duration": 'write it like "10m", or in nanoseconds',
    "int": "write a whole number without quotes",
    "float": "write a number without quotes",
    "string": "write it in double quotes",
    "bool": "write true or false",
    "list": 'write [{"type": "string", "value": "..."}]',
    "lambda": 'write the expression in quotes, like "\\"length\\" > 10"',
}
_PLAIN: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "string": (str,),
}


def _convert(name: str, type_name: str, value: Any) -> Any:
    if types := _PLAIN.get(type_name):
        if not isinstance(value, types) or (type_name != "bool" and isinstance(value, bool)):
            raise TypeError
        return float(value) if isinstance(value, int) and type_name == "float" else value
    if type_name == "duration":
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return parse_duration(value) if isinstance(value, str) else _refuse()
    if type_name == "list":
        if not isinstance(value, list):
            raise TypeError
        return [_read(f"{name}[{i}]", item) for i, item in enumerate(value)]
    if type_name == "lambda":
        return parse_lambda(value, file=f"var {name}") if isinstance(value, str) else _refuse()
    if type_name == "regex":
        compile_regex(value if isinstance(value, str) else _refuse())
        return UNKNOWN
    return "*"


def _refuse() -> Any:
    raise TypeError

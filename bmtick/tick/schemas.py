"""A user's schema: a TOML file of measurements with their fields and tags.

::

    [cpu]
    fields = { usage_idle = "float" }
    tags = ["host", "cpu"]
"""

from __future__ import annotations

from typing import Any

from bmtick.documents import load_toml
from bmtick.errors import BmtickError, Location, nearest
from bmtick.tick.flow import KNOWN, Measurement, Schema

_TYPES = ("int", "float", "string", "bool")
_KEYS = ("fields", "tags")


def load_schema(text: str, *, file: str = "-") -> Schema:
    """Return bmtick's own measurements and those of the file; the file takes precedence.

    Raises:
        BmtickError: the text is not TOML, or not a schema.
    """
    data = load_toml(text, file=file)
    found = {name: _measurement(name, table, file) for name, table in data.items()}
    return {**KNOWN, **found}


def _measurement(name: str, table: Any, file: str) -> Measurement:
    def refuse(message: str, remedy: str) -> BmtickError:
        return BmtickError(f"[{name}]: {message}", location=Location(file), remedy=remedy)

    if not isinstance(table, dict):
        raise refuse("this is no measurement", f"write [{name}] and then fields = {{ ... }}")
    for key in table:
        if key not in _KEYS:
            raise refuse(f"no key '{key}'", nearest(key, _KEYS) or "the keys are fields and tags")
    fields, tags = table.get("fields", {}), table.get("tags", [])
    if not isinstance(fields, dict):
        raise refuse("fields is no table", 'write fields = { name = "int" }')
    for field, type_name in fields.items():
        if type_name not in _TYPES:
            remedy = nearest(str(type_name), _TYPES) or f"the types are {', '.join(_TYPES)}"
            raise refuse(f"the field '{field}' has no type '{type_name}'", remedy)
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise refuse("tags is no list of names", 'write tags = ["host"]')
    return Measurement(fields, tuple(tags))

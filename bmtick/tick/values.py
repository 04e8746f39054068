"""The static value of an expression: its type, and its constant where the script gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bmtick.tick import ast


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
NOWHERE: Final = ast.Position()  # the position of values from the vars file

VAR_TYPES: Final = (
    "bool",
    "int",
    "float",
    "string",
    "regex",
    "duration",
    "lambda",
    "list",
    "star",
)
"""The types that a var may be declared with."""

ZERO: Final[dict[str, Any]] = {"bool": False, "int": 0, "float": 0.0, "string": "", "duration": 0}
"""What Kapacitor puts in for a var without value when it checks a template."""

_ARTICLES: Final = {
    "bool": "a bool",
    "int": "an int",
    "float": "a float",
    "string": "a string",
    "regex": "a regular expression",
    "duration": "a duration",
    "lambda": "a lambda",
    "list": "a list",
    "star": "*",
    "time": "a time",
    "node": "a node",
    "handler": "a node",
    "reference": "a name in double quotes",
    "dimension": "time()",
    "any": "any value",
    "missing": "a missing value",
}


@dataclass
class Value:
    """A type, and the value itself where it is known.

    ``type`` is one of ``VAR_TYPES`` or ``node``, ``handler``, ``reference``, ``dimension``
    (``time(10m)``), ``time``, or ``any`` where it is unknown. ``constant`` is a Python value, a
    list of values, a node of the pipeline, or a lambda's tree. ``placeholder`` marks a var whose
    value the template's user gives, with its ``default`` if it has one.
    """

    type: str
    constant: Any = UNKNOWN
    pos: ast.Position = NOWHERE
    placeholder: bool = False
    default: Any = UNKNOWN

    @property
    def known(self) -> bool:
        """Whether the value itself is known."""
        return self.constant is not UNKNOWN

    def at_definition(self) -> Any:
        """Return the value that Kapacitor has when the script is defined, or UNKNOWN."""
        if self.placeholder:
            return ZERO.get(self.type, UNKNOWN) if self.default is UNKNOWN else self.default
        return self.constant

    def text(self) -> str:
        """Return the string, or ``""`` where the value is not a known string."""
        return self.constant if isinstance(self.constant, str) and self.type == "string" else ""


def described(type_name: str) -> str:
    """Return a type with its article: ``a string``."""
    *most, last = (_ARTICLES.get(part, part) for part in type_name.split("|"))
    return f"{', '.join(most)} or {last}" if most else last

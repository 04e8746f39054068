"""The ``var`` lines at the start of a script: with values, or typed and set by vars JSON.

Source of the vars format: influxdata/kapacitor ``client/API.md`` ("Vars") and
``services/task_store``; durations there are strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bmtick.alerts.quoting import tick_string, tick_strings
from bmtick.durations import format_duration


@dataclass(frozen=True)
class Variable:
    """One TICKscript variable: Kapacitor's type name, and a Python value."""

    name: str
    type: str
    value: Any
    comment: str = ""
    must_have_default: bool = False

    def baked(self) -> str:
        """Return ``var NAME = VALUE``."""
        return f"{self._comment()}var {self.name} = {self._literal()}"

    def typed(self) -> str:
        """Return ``var NAME TYPE``, or a declaration with a default if Kapacitor requires one.

        Kapacitor validates a template with zero for each typed variable, which a barrier rejects;
        vars also override defaults.
        """
        if self.must_have_default:
            return self.baked()
        return f"{self._comment()}var {self.name} {self.type}"

    def json(self) -> dict[str, Any]:
        """Return the variable in Kapacitor's vars JSON."""
        value = self.value
        if self.type == "duration":
            value = format_duration(value)
        elif self.type == "list":
            value = [{"type": "string", "value": item} for item in value]
        return {"type": self.type, "value": value}

    def _comment(self) -> str:
        return f"// {self.comment}\n" if self.comment else ""

    def _literal(self) -> str:
        if self.type == "string":
            return tick_string(self.value)
        if self.type == "duration":
            return format_duration(self.value)
        if self.type == "list":
            return f"[{tick_strings(self.value)}]"
        if self.type == "lambda":
            return f"lambda: {self.value}"
        if self.type == "bool":
            return "TRUE" if self.value else "FALSE"
        if self.type == "float":
            return format_float(self.value)
        return str(self.value)


def format_float(value: float) -> str:
    """Return a float in TICKscript syntax: digits and a point, never an exponent."""
    text = format(Decimal(repr(value)), "f")
    return text if "." in text else f"{text}.0"

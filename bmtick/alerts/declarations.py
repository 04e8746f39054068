"""The ``var`` lines at the head of a script: values baked in, or typed and filled by vars JSON.

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
    """One TICKscript variable: type as Kapacitor names it, value in Python's type."""

    name: str
    type: str
    value: Any
    comment: str = ""
    must_have_default: bool = False

    def baked(self) -> str:
        """Return ``var NAME = VALUE``."""
        return f"{self._comment()}var {self.name} = {self._literal()}"

    def typed(self) -> str:
        """Return ``var NAME TYPE``, or with a default where Kapacitor cannot do without one.

        Kapacitor checks a template with zero for each typed variable, which a barrier refuses;
        vars override a default as well.
        """
        if self.must_have_default:
            return self.baked()
        return f"{self._comment()}var {self.name} {self.type}"

    def json(self) -> dict[str, Any]:
        """Return the variable as Kapacitor's vars JSON has it."""
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
    """Return a float as TICKscript writes it: digits and a point, never an exponent."""
    text = format(Decimal(repr(value)), "f")
    return text if "." in text else f"{text}.0"

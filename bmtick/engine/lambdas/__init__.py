"""TICKscript's lambda expressions, evaluated as Kapacitor 1.5.7 does."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bmtick.tick.types import (
    MISSING,
    Duration,
    EvaluationError,
    Missing,
    Time,
    Value,
    go_type_name,
    type_name,
    wrap,
)

if TYPE_CHECKING:
    from bmtick.engine.lambdas.expression import Expression, compile_lambda

__all__ = [
    "MISSING",
    "Duration",
    "EvaluationError",
    "Expression",
    "Missing",
    "Time",
    "Value",
    "compile_lambda",
    "go_type_name",
    "type_name",
    "wrap",
]


def __getattr__(name: str) -> Any:
    """Import the compiler on first use: templates need only the values."""
    if name not in ("Expression", "compile_lambda"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.expression"), name)

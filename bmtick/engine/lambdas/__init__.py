"""TICKscript's lambda expressions, evaluated as Kapacitor 1.5.7 does."""

from bmtick.engine.lambdas.expression import Expression, compile_lambda
from bmtick.engine.lambdas.values import (
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

"""The types of values in TICKscript's lambda expressions, like Kapacitor's ``ast.ValueType``.

A value's Python class is its type: ``int`` (64 bits), ``float``, ``str`` (bytes that are not
UTF-8 are surrogate escapes), ``bool``, :class:`Time`, :class:`Duration`, :class:`Regex` and
:class:`Missing`. Source: influxdata/kapacitor 1.5.7 ``tick/ast/types.go``.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from bmtick.tick.regexes import Regex

_BIAS: Final = 1 << 63
_MASK: Final = (1 << 64) - 1
MIN_INT: Final = -_BIAS
MAX_INT: Final = _BIAS - 1


class Time(int):
    """A time in nanoseconds since the epoch; the caller chooses the zone for display."""

    __slots__ = ()


class Duration(int):
    """A span of time in nanoseconds."""

    __slots__ = ()


class Missing:
    """The type of :data:`MISSING`, the value of a field or tag that a point does not have."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()

Value: TypeAlias = int | float | str | bool | Time | Duration | Regex | Missing

Type: TypeAlias = type | None
"""A value's class, or None where Kapacitor says ``InvalidType``."""

_NAMES: Final[dict[Type, str]] = {
    None: "invalid type",
    float: "float",
    int: "int",
    str: "string",
    bool: "boolean",
    Regex: "regex",
    Time: "time",
    Duration: "duration",
    Missing: "missing",
}
_GO_NAMES: Final[dict[Type, str]] = {
    float: "float64",
    int: "int64",
    str: "string",
    bool: "bool",
    Regex: "*regexp.Regexp",
    Time: "time.Time",
    Duration: "time.Duration",
    Missing: "*ast.Missing",
}
TYPES: Final = frozenset(kind for kind in _NAMES if kind is not None)


def type_name(kind: Type) -> str:
    """Return Kapacitor's name of a type, such as ``boolean``."""
    return _NAMES.get(kind, "invalid type")


def go_type_name(kind: Type) -> str:
    """Return Go's ``%T`` of a type, such as ``float64``."""
    return _GO_NAMES.get(kind, "<nil>")


def wrap(number: int) -> int:
    """Return number after Go's int64 overflow, modulo 2**64."""
    if -_BIAS <= number < _BIAS:
        return number
    return ((number + _BIAS) & _MASK) - _BIAS


class EvaluationError(Exception):
    """An expression has no value for these arguments; the text is Kapacitor's own.

    Args:
        message: Kapacitor's error text.
        panic: true where Go panics. ``Eval`` recovers from it; a predicate does not, so the whole
            server crashes (measured on 1.5.7). A caller should report that.
    """

    def __init__(self, message: str, *, panic: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.panic = panic


class TypeGuardError(EvaluationError):
    """A node was asked for a type that its value does not have."""

    def __init__(self, requested: Type, actual: Type) -> None:
        super().__init__(
            f"TypeGuard: expression returned unexpected type {type_name(actual)}, "
            f"expected {type_name(requested)}"
        )
        self.actual = actual

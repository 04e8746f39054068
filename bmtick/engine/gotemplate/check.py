"""Finds calls of missing methods of times and durations, before a template runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bmtick.engine.gotemplate.gotime import METHODS
from bmtick.engine.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Field,
    Node,
    Operand,
    Pipe,
    Variable,
)
from bmtick.engine.gotemplate.parser import Trees
from bmtick.engine.gotemplate.values import Month, Weekday
from bmtick.errors import nearest
from bmtick.tick.types import Duration, Time

_ROOT: Final[dict[str, type]] = {"Time": Time, "Duration": Duration}
_RESULTS: Final[dict[str, type]] = {
    **dict.fromkeys(("Local", "UTC", "Add", "AddDate", "Truncate", "Round"), Time),
    "Sub": Duration,
    "Abs": Duration,
    "Month": Month,
    "Weekday": Weekday,
}
# Go has these too; they return bytes or a zone, or have one as argument.
_NOT_HERE: Final = [
    "AppendBinary",
    "AppendFormat",
    "AppendText",
    "GoString",
    "GobEncode",
    "In",
    "Location",
    "MarshalBinary",
    "MarshalJSON",
    "MarshalText",
]


class MethodError(Exception):
    """A call of a method that does not exist, and its offset."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message, self.at = message, at


def check_methods(trees: Trees) -> None:
    """Check all chains that begin with the alert's ``.Time`` and ``.Duration``.

    Raises:
        MethodError: a chain calls a method that Go's type or this engine does not have.
    """
    for operand in _operands(trees[""]):  # the dot of a {{define}} depends on its callers
        if isinstance(operand, Field) or operand.name == "$":
            kind = _ROOT.get(operand.names[0]) if operand.names else None
            if kind is not None:
                _check(kind, operand.names, operand.at)


def _check(kind: type, names: Sequence[str], at: int) -> None:
    for index, name in enumerate(names[1:], 1):
        methods = METHODS.get(kind)
        if methods is None:
            return
        called = "." + ".".join(names[: index + 1])
        if name in _NOT_HERE and kind is Time:
            raise MethodError(f"the method {called} is not supported", at)
        if name not in methods:
            hint = nearest(name, methods)
            raise MethodError(
                f"{called} does not exist: Go's time.{kind.__name__} has no method {name}"
                + (f", {hint}" if hint else ""),
                at,
            )
        result = _RESULTS.get(name)
        if result is None:
            return
        # A duration rounds to a duration.
        kind = kind if name in ("Round", "Truncate") else result


def _operands(nodes: Iterable[Node]) -> Iterator[Field | Variable]:
    """Yield the chains of fields where the dot is still the alert."""
    for node in nodes:
        match node:
            case Action():
                yield from _of_pipe(node.pipe)
            case Branch():
                yield from _of_pipe(node.pipe)
                same = node.kind == "if"
                yield from (o for o in _operands(node.body) if same or isinstance(o, Variable))
                yield from _operands(node.otherwise or [])
            case Call(pipe=Pipe()):
                yield from _of_pipe(node.pipe)  # type: ignore[arg-type]


def _of_pipe(pipe: Pipe) -> Iterator[Field | Variable]:
    for command in pipe.commands:
        for operand in command.args:
            yield from _of_operand(operand)


def _of_operand(operand: Operand) -> Iterator[Field | Variable]:
    match operand:
        case Field() | Variable():
            yield operand
        case Pipe():
            yield from _of_pipe(operand)
        case Chain():
            yield from _of_operand(operand.node)

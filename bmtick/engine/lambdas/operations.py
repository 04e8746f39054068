"""Generates Python source of operators, depending on the known types of the operands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from bmtick.engine.lambdas.binary import Binary
from bmtick.tick.arithmetic import KINDS, OPERATIONS, Operation
from bmtick.tick.types import Type

_INDENT: Final = "    "
_NUMBERS: Final = (int, float)


class NotFastError(Exception):
    """This case needs the exact nodes."""


class Part(NamedTuple):
    """A value in the generated code: its text, its type if known, a constant's value."""

    text: str
    kind: Type = None
    value: Any = None


class Writer:
    """Lines of source, and the objects that they refer to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.known: dict[str, Any] = {}
        self.indent = ""
        self._names = 0

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(self.indent + text)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Indent the lines added inside the block."""
        before, self.indent = self.indent, self.indent + _INDENT
        yield
        self.indent = before

    def name(self) -> str:
        """Return a new variable name."""
        self._names += 1
        return f"v{self._names}"

    def constant(self, value: object) -> str:
        """Return the name of an object in the source."""
        name = f"k{len(self.known)}"
        self.known[name] = value
        return name

    def literal(self, value: Any) -> Part:
        """Return a constant of the script as a part."""
        plain = type(value) in (bool, int)
        return Part(f"({value!r})" if plain else self.constant(value), type(value), value)

    def assign(self, text: str, kind: Type = None) -> Part:
        """Assign a value to a new variable."""
        name = self.name()
        self.line(f"{name} = {text}")
        return Part(name, kind)


def _rows(operator: str, left: Part, right: Part) -> dict[tuple[Type, Type], Operation]:
    """Return the possible operations by the types of the operands.

    Raises:
        NotFastError: no operation is possible.
    """
    found = {
        (a, b): row
        for (name, a, b), row in OPERATIONS.items()
        if name == operator and left.kind in (None, a) and right.kind in (None, b)
    }
    if not found:
        raise NotFastError
    return found


def _result(rows: dict[tuple[Type, Type], Operation]) -> Type:
    kinds = {row.result for row in rows.values()}
    return kinds.pop() if len(kinds) == 1 else None


def apply(out: Writer, operator: str, left: Part, right: Part) -> Part:
    """Write an operation that needs no cache."""
    rows = _rows(operator, left, right)
    value = out.name()
    for row in _branches(out, rows, left, right):
        if row is not None:
            _operate(out, operator, row, (left, right), value)
        else:
            table = out.constant({kinds: found.apply for kinds, found in rows.items()})
            out.line(f"{value} = {table}[{_types(left, right)}]({left.text}, {right.text})")
    return Part(value, _result(rows))


def apply_reported(out: Writer, node: Binary, left: Part, right: Part) -> Part:
    """Write an operation that must be reported to the exact node."""
    rows = _rows(node.operator, left, right)
    value, exact = out.name(), out.constant(node)
    for row in _branches(out, rows, left, right):
        if row is not None:
            _report(out, exact, out.constant(row))
            _operate(out, node.operator, row, (left, right), value)
        else:
            found = out.assign(f"{out.constant(rows)}[{_types(left, right)}]").text
            _report(out, exact, found)
            out.line(f"{value} = {found}.apply({left.text}, {right.text})")
    return Part(value, _result(rows))


def _report(out: Writer, exact: str, row: str) -> None:
    out.line(f"if {exact}.chosen is not {row} and not {exact}.settles_on({row}): raise Unfit")


def _types(left: Part, right: Part) -> str:
    return f"type({left.text}), type({right.text})"


def _branches(
    out: Writer, rows: dict[tuple[Type, Type], Operation], left: Part, right: Part
) -> Iterator[Operation | None]:
    """Write the choice between numbers of one type and all other types; yield each operation."""
    unknown = [part for part in (left, right) if part.kind is None]
    if not unknown:
        yield next(iter(rows.values()))
        return
    word = "if"
    for kind in _NUMBERS:
        row = rows.get((kind, kind))
        if row is None:
            continue
        same = " and ".join(f"type({part.text}) is {kind.__name__}" for part in unknown)
        out.line(f"{word} {same}:")
        with out.block():
            yield row
        word = "elif"
    if word == "if":
        yield None
        return
    out.line("else:")
    with out.block():
        yield None


def _operate(
    out: Writer, operator: str, row: Operation, sides: tuple[Part, Part], value: str
) -> None:
    left, right = sides[0].text, sides[1].text
    number = row.left is row.right and row.left in _NUMBERS
    if number and KINDS[operator] == "comparison":
        out.line(f"{value} = {left} {operator} {right}")
    elif number and operator in ("+", "-", "*"):
        out.line(f"{value} = {left} {operator} {right}")
        if row.left is int:
            out.line(f"if not {-(1 << 63)} <= {value} < {1 << 63}: {value} = wrap({value})")
    elif number and operator == "%" and type(sides[1].value) is int and sides[1].value > 0:
        exact = f"{out.constant(row.apply)}({left}, {right})"
        out.line(f"{value} = {left} % {right} if {left} >= 0 else {exact}")
    else:
        out.line(f"{value} = {out.constant(row.apply)}({left}, {right})")

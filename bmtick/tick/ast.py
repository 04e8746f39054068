"""The syntax tree of a TICKscript: plain data, one class per kind of node.

The kinds are those of Kapacitor's ``tick/ast/node.go``. Positions are of the original text; a
comment hangs on the node that follows it, as in Kapacitor, so that formatting keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import NamedTuple, TypeAlias


class Position(NamedTuple):
    """Where a node starts: offset from 0 in characters, line and column from 1.

    A binary operator and a chain start at their operator, as in Kapacitor.
    """

    offset: int = 0
    line: int = 1
    column: int = 1


@dataclass(slots=True)
class Comment:
    r"""Comment lines that stand before a node; ``"\n"`` is an empty line between two blocks."""

    pos: Position
    lines: list[str]


@dataclass(slots=True, kw_only=True)
class _Base:
    pos: Position = field(default_factory=Position, compare=False)
    comment: Comment | None = field(default=None, compare=False)


@dataclass(slots=True)
class Number(_Base):
    """A number literal: ``int`` (base 10 or 8) or ``float``; never negative."""

    value: int | float
    base: int = field(default=10, compare=False)


@dataclass(slots=True)
class Duration(_Base):
    """A duration literal, in nanoseconds, with its text as written."""

    nanoseconds: int
    literal: str = field(default="", compare=False)


@dataclass(slots=True)
class Bool(_Base):
    """``TRUE`` or ``FALSE``."""

    value: bool


@dataclass(slots=True)
class String(_Base):
    """A string literal, unescaped; ``triple`` where it was written in three quotes."""

    value: str
    triple: bool = field(default=False, compare=False)


@dataclass(slots=True)
class Regex(_Base):
    r"""A regular expression in Go's RE2 syntax; ``literal`` still holds its ``\/``."""

    pattern: str
    literal: str = field(default="", compare=False)


@dataclass(slots=True)
class Star(_Base):
    """A standalone ``*``."""


@dataclass(slots=True)
class Identifier(_Base):
    """A name: a var, or a property without parentheses."""

    name: str


@dataclass(slots=True)
class Reference(_Base):
    """A field or tag in double quotes, unescaped."""

    name: str


@dataclass(slots=True)
class ListNode(_Base):
    """A list in brackets: strings, identifiers and stars."""

    items: list[Node]


@dataclass(slots=True)
class Unary(_Base):
    """``-x`` or ``!x``."""

    operator: str
    operand: Node


@dataclass(slots=True)
class Binary(_Base):
    """``left OPERATOR right``; ``operator`` is its text, such as ``AND`` or ``=~``."""

    operator: str
    left: Node
    right: Node
    parens: bool = field(default=False, compare=False)
    multiline: bool = field(default=False, compare=False)


@dataclass(slots=True)
class Call(_Base):
    """A call. ``kind`` is ``global``, ``chain`` (after ``|``), ``property`` (after ``.``) or
    ``dynamic`` (after ``@``).
    """  # noqa: D205 -- the kinds do not fit on one line

    kind: str
    name: str
    args: list[Node]
    multiline: bool = field(default=False, compare=False)


@dataclass(slots=True)
class Lambda(_Base):
    """``lambda: expression``."""

    expression: Node


@dataclass(slots=True)
class Chain(_Base):
    """``left|right``, ``left.right`` or ``left@right``: left-associative."""

    operator: str
    left: Node
    right: Node


@dataclass(slots=True)
class Declaration(_Base):
    """``var name = value``."""

    name: Identifier
    value: Node


@dataclass(slots=True)
class TypeDeclaration(_Base):
    """``var name type``: a var that the template's user must give."""

    name: Identifier
    type: Identifier


@dataclass(slots=True)
class DBRP(_Base):
    """``dbrp "db"."rp"``."""

    database: Reference
    retention_policy: Reference


@dataclass(slots=True)
class CommentStatement(_Base):
    """Comments at the end of the text, which no node follows."""

    lines: Comment


@dataclass(slots=True)
class Program(_Base):
    """A whole script."""

    statements: list[Node]


Node: TypeAlias = (
    Number
    | Duration
    | Bool
    | String
    | Regex
    | Star
    | Identifier
    | Reference
    | ListNode
    | Unary
    | Binary
    | Call
    | Lambda
    | Chain
    | Declaration
    | TypeDeclaration
    | DBRP
    | CommentStatement
    | Program
)


def same(one: Node, other: Node) -> bool:
    """Say whether two trees mean the same: positions, comments and layout do not count.

    Unlike ``==`` it takes chains and sums of any length.
    """
    pairs: list[tuple[object, object]] = [(one, other)]
    while pairs:
        left, right = pairs.pop()
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pairs.extend(zip(left, right, strict=True))
        elif isinstance(left, CommentStatement) and isinstance(right, CommentStatement):
            continue
        elif isinstance(left, _Base):
            if type(left) is not type(right):
                return False
            names = (f.name for f in fields(left) if f.compare)
            pairs.extend((getattr(left, n), getattr(right, n)) for n in names)
        elif left != right or type(left) is not type(right):
            return False
    return True


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in the order of the script's text."""
    yield node
    for entry in fields(node):
        if entry.compare:
            value = getattr(node, entry.name)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, _Base):
                    yield from walk(child)  # type: ignore[arg-type]

"""The syntax tree of a TICKscript: plain data, one class per kind of node.

The classes follow Kapacitor's ``tick/ast/node.go``. Positions refer to the original text. A comment
belongs to the node that follows it, as in Kapacitor, so that formatting keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar


class Position(NamedTuple):
    """Where a node starts: offset from 0 in characters, line and column from 1.

    A binary operator and a chain start at their operator, as in Kapacitor.
    """

    offset: int = 0
    line: int = 1
    column: int = 1


_START = Position()


class Comment:
    r"""The comment lines before a node; ``"\n"`` is an empty line between two blocks."""

    __slots__ = ("lines", "pos")

    def __init__(self, pos: Position, lines: list[str]) -> None:
        self.pos = pos
        self.lines = lines

    def __repr__(self) -> str:
        return f"Comment({self.lines!r})"


class _Base:
    """Attributes of all nodes. ``meaning`` names the attributes that a comparison of trees uses.

    Not a dataclass: the decorator would add more to the start-up of ``check`` than the parsing takes.
    """

    __slots__ = ("comment", "pos")
    __hash__ = None  # type: ignore[assignment]
    meaning: ClassVar[tuple[str, ...]] = ()

    pos: Position
    comment: Comment | None

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in self.meaning
        )

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.meaning)
        return f"{type(self).__name__}({shown})"


class Number(_Base):
    """A number literal: ``int`` (base 10 or 8) or ``float``, never negative."""

    __slots__ = ("base", "value")
    __match_args__ = ("value", "base")
    meaning = ("value",)

    def __init__(
        self,
        value: float,
        base: int = 10,
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.value = value
        self.base = base
        self.pos = pos
        self.comment = comment


class Duration(_Base):
    """A duration literal in nanoseconds, with its text in the script."""

    __slots__ = ("literal", "nanoseconds")
    __match_args__ = ("nanoseconds", "literal")
    meaning = ("nanoseconds",)

    def __init__(
        self,
        nanoseconds: int,
        literal: str = "",
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.nanoseconds = nanoseconds
        self.literal = literal
        self.pos = pos
        self.comment = comment


class Bool(_Base):
    """``TRUE`` or ``FALSE``."""

    __slots__ = ("value",)
    __match_args__ = ("value",)
    meaning = ("value",)

    def __init__(
        self, value: bool, *, pos: Position = _START, comment: Comment | None = None
    ) -> None:
        self.value = value
        self.pos = pos
        self.comment = comment


class String(_Base):
    """A string literal, unescaped; ``triple`` is true for three quotes."""

    __slots__ = ("triple", "value")
    __match_args__ = ("value", "triple")
    meaning = ("value",)

    def __init__(
        self,
        value: str,
        triple: bool = False,
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.value = value
        self.triple = triple
        self.pos = pos
        self.comment = comment


class Regex(_Base):
    r"""A regular expression in Go's RE2 syntax; ``literal`` still holds its ``\/``."""

    __slots__ = ("literal", "pattern")
    __match_args__ = ("pattern", "literal")
    meaning = ("pattern",)

    def __init__(
        self,
        pattern: str,
        literal: str = "",
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.pattern = pattern
        self.literal = literal
        self.pos = pos
        self.comment = comment


class Star(_Base):
    """A standalone ``*``."""

    __slots__ = ()
    meaning = ()

    def __init__(self, *, pos: Position = _START, comment: Comment | None = None) -> None:
        self.pos = pos
        self.comment = comment


class Identifier(_Base):
    """A name: a var, or a property without parentheses."""

    __slots__ = ("name",)
    __match_args__ = ("name",)
    meaning = ("name",)

    def __init__(
        self, name: str, *, pos: Position = _START, comment: Comment | None = None
    ) -> None:
        self.name = name
        self.pos = pos
        self.comment = comment


class Reference(_Base):
    """A field or tag in double quotes, unescaped."""

    __slots__ = ("name",)
    __match_args__ = ("name",)
    meaning = ("name",)

    def __init__(
        self, name: str, *, pos: Position = _START, comment: Comment | None = None
    ) -> None:
        self.name = name
        self.pos = pos
        self.comment = comment


class ListNode(_Base):
    """A list in brackets: strings, identifiers and stars."""

    __slots__ = ("items",)
    __match_args__ = ("items",)
    meaning = ("items",)

    def __init__(
        self, items: list[Node], *, pos: Position = _START, comment: Comment | None = None
    ) -> None:
        self.items = items
        self.pos = pos
        self.comment = comment


class Unary(_Base):
    """``-x`` or ``!x``."""

    __slots__ = ("operand", "operator")
    __match_args__ = ("operator", "operand")
    meaning = ("operator", "operand")

    def __init__(
        self,
        operator: str,
        operand: Node,
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.operator = operator
        self.operand = operand
        self.pos = pos
        self.comment = comment


class Binary(_Base):
    """``left OPERATOR right``; ``operator`` is its text, such as ``AND`` or ``=~``."""

    __slots__ = ("left", "multiline", "operator", "parens", "right")
    __match_args__ = ("operator", "left", "right", "parens", "multiline")
    meaning = ("operator", "left", "right")

    def __init__(
        self,
        operator: str,
        left: Node,
        right: Node,
        parens: bool = False,
        multiline: bool = False,
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.operator = operator
        self.left = left
        self.right = right
        self.parens = parens
        self.multiline = multiline
        self.pos = pos
        self.comment = comment


class Call(_Base):
    """A call. ``kind`` is ``global``, ``chain`` (after ``|``), ``property`` (after ``.``) or
    ``dynamic`` (after ``@``).
    """  # noqa: D205 -- the kinds do not fit on one line

    __slots__ = ("args", "kind", "multiline", "name")
    __match_args__ = ("kind", "name", "args", "multiline")
    meaning = ("kind", "name", "args")

    def __init__(
        self,
        kind: str,
        name: str,
        args: list[Node],
        multiline: bool = False,
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.args = args
        self.multiline = multiline
        self.pos = pos
        self.comment = comment


class Lambda(_Base):
    """``lambda: expression``."""

    __slots__ = ("expression",)
    __match_args__ = ("expression",)
    meaning = ("expression",)

    def __init__(
        self, expression: Node, *, pos: Position = _START, comment: Comment | None = None
    ) -> None:
        self.expression = expression
        self.pos = pos
        self.comment = comment


class Chain(_Base):
    """``left|right``, ``left.right`` or ``left@right``: left-associative."""

    __slots__ = ("left", "operator", "right")
    __match_args__ = ("operator", "left", "right")
    meaning = ("operator", "left", "right")

    def __init__(
        self,
        operator: str,
        left: Node,
        right: Node,
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.operator = operator
        self.left = left
        self.right = right
        self.pos = pos
        self.comment = comment


class Declaration(_Base):
    """``var name = value``."""

    __slots__ = ("name", "value")
    __match_args__ = ("name", "value")
    meaning = ("name", "value")

    def __init__(
        self,
        name: Identifier,
        value: Node,
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.name = name
        self.value = value
        self.pos = pos
        self.comment = comment


class TypeDeclaration(_Base):
    """``var name type``: a var whose value the template's user must give."""

    __slots__ = ("name", "type")
    __match_args__ = ("name", "type")
    meaning = ("name", "type")

    def __init__(
        self,
        name: Identifier,
        type: Identifier,  # noqa: A002 -- the word of the language
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.name = name
        self.type = type
        self.pos = pos
        self.comment = comment


class DBRP(_Base):
    """``dbrp "db"."rp"``."""

    __slots__ = ("database", "retention_policy")
    __match_args__ = ("database", "retention_policy")
    meaning = ("database", "retention_policy")

    def __init__(
        self,
        database: Reference,
        retention_policy: Reference,
        *,
        pos: Position = _START,
        comment: Comment | None = None,
    ) -> None:
        self.database = database
        self.retention_policy = retention_policy
        self.pos = pos
        self.comment = comment


class CommentStatement(_Base):
    """Comments at the end of the text, after the last node."""

    __slots__ = ("lines",)
    __match_args__ = ("lines",)
    meaning = ("lines",)

    def __init__(
        self, lines: Comment, *, pos: Position = _START, comment: Comment | None = None
    ) -> None:
        self.lines = lines
        self.pos = pos
        self.comment = comment


class Program(_Base):
    """A whole script."""

    __slots__ = ("statements",)
    __match_args__ = ("statements",)
    meaning = ("statements",)

    def __init__(
        self, statements: list[Node], *, pos: Position = _START, comment: Comment | None = None
    ) -> None:
        self.statements = statements
        self.pos = pos
        self.comment = comment


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


NodeT = TypeVar("NodeT", bound=_Base)


def same(one: Node, other: Node) -> bool:
    """Return whether two trees mean the same; positions, comments and layout are ignored.

    Unlike ``==`` it accepts chains and sums of any length.
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
            pairs.extend((getattr(left, n), getattr(right, n)) for n in left.meaning)
        elif left != right or type(left) is not type(right):
            return False
    return True


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all its descendants in the order of the script's text."""
    stack: list[Any] = [node]
    while stack:
        current = stack.pop()
        yield current
        for name in reversed(current.meaning):
            value = getattr(current, name)
            children = reversed(value) if isinstance(value, list) else (value,)
            stack.extend(child for child in children if isinstance(child, _Base))


def task_type(program: Node) -> str:
    """Return ``stream`` or ``batch``, after the first source that the script names."""
    for node in walk(program):
        if isinstance(node, Identifier) and node.name in ("stream", "batch"):
            return node.name
    return "stream"


def replace(node: NodeT, **changes: Any) -> NodeT:
    """Return a copy of a node with changed attributes; its children are shared."""
    copied = copy(node)
    for name, value in changes.items():
        setattr(copied, name, value)
    return copied

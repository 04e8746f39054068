"""The syntax tree of a template: plain data; ``at`` is the offset in the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass
class Text:
    """Text outside of actions."""

    at: int
    text: str


@dataclass
class Constant:
    """A string, number or bool; ``nil`` is None."""

    at: int
    value: Any
    source: str


@dataclass
class Dot:
    """The cursor."""

    at: int


@dataclass
class Field:
    """``.A.B``: a chain of fields of the cursor."""

    at: int
    names: list[str]


@dataclass
class Variable:
    """``$name.A.B``."""

    at: int
    name: str
    names: list[str] = field(default_factory=list)


@dataclass
class Chain:
    """``(pipeline).A.B``, or fields of a function's result."""

    at: int
    node: Operand
    names: list[str]


@dataclass
class Function:
    """The name of a function."""

    at: int
    name: str


@dataclass
class Command:
    """An operand with arguments."""

    at: int
    args: list[Operand]


@dataclass
class Pipe:
    """Commands; each receives the value of the previous one. May set variables."""

    at: int
    commands: list[Command]
    variables: list[str] = field(default_factory=list)
    assigns: bool = False


@dataclass
class Action:
    """Prints the value of a pipeline; ``escapers`` are added for HTML."""

    at: int
    pipe: Pipe


@dataclass
class Branch:
    """``if``, ``with`` or ``range``."""

    at: int
    kind: str
    pipe: Pipe
    body: list[Node]
    otherwise: list[Node] | None


@dataclass
class Jump:
    """``break`` or ``continue``."""

    at: int
    kind: str


@dataclass
class Call:
    """``{{template "name" pipeline}}``."""

    at: int
    name: str
    pipe: Pipe | None


Operand: TypeAlias = Constant | Dot | Field | Variable | Chain | Function | Pipe
Node: TypeAlias = Text | Action | Branch | Jump | Call

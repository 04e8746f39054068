"""The pipeline that a script builds: nodes with what was set on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bmtick.tick.ast import Position
from bmtick.tick.kinds import Handler, Kind
from bmtick.tick.values import UNKNOWN, Value


@dataclass
class Setting:
    """One use of a property."""

    name: str
    args: list[Value]
    pos: Position
    complete: bool = True  # False where a list of unknown length was given as the arguments


@dataclass
class _Configured:
    settings: list[Setting] = field(default_factory=list, init=False)

    def uses(self, name: str) -> Iterator[Setting]:
        """Yield each use of a property."""
        return (setting for setting in self.settings if setting.name == name)

    def last(self, name: str) -> Setting | None:
        """Return the last use of a property: it wins."""
        for setting in reversed(self.settings):
            if setting.name == name:
                return setting
        return None

    def value(self, name: str) -> Value | None:
        """Return the first argument of the last use of a property."""
        setting = self.last(name)
        return setting.args[0] if setting and setting.args else None

    def text(self, name: str) -> str:
        """Return the string that a property was set to, or ``""``."""
        value = self.value(name)
        return value.text() if value else ""


@dataclass
class HandlerUse(_Configured):
    """A handler of an alert."""

    handler: Handler
    args: list[Value]
    pos: Position


@dataclass(eq=False)
class PipelineNode(_Configured):
    """A node of the pipeline. ``edge`` is what it hands on: ``stream``, ``batch`` or ``""``."""

    kind: Kind | None  # None for a user-defined function, which may have any property
    name: str
    pos: Position
    args: list[Value]
    parents: list[PipelineNode]
    edge: str
    complete: bool = True
    unfinished: bool = False  # a node that does not exist was to follow
    children: list[PipelineNode] = field(default_factory=list)
    handlers: list[HandlerUse] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Tell the parents of their child."""
        for parent in self.parents:
            parent.children.append(self)

    def describe(self) -> str:
        """Return the node as a script writes it: ``|window()``."""
        return (
            self.name
            if not self.parents and self.name in ("stream", "batch")
            else f"|{self.name}()"
        )


def strings(values: list[Value]) -> list[str] | None:
    """Return the values as strings, or None where one is not known."""
    texts = [v.constant for v in values]
    return None if any(t is UNKNOWN or not isinstance(t, str) for t in texts) else texts

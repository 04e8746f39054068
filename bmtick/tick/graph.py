"""The pipeline that a script builds: nodes and their settings."""

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
    complete: bool = True  # False if the arguments contain a list of unknown length


@dataclass
class _Configured:
    settings: list[Setting] = field(default_factory=list, init=False)

    def uses(self, name: str) -> Iterator[Setting]:
        """Yield each use of a property."""
        return (setting for setting in self.settings if setting.name == name)

    def last(self, name: str) -> Setting | None:
        """Return the last use of a property, which takes effect."""
        for setting in reversed(self.settings):
            if setting.name == name:
                return setting
        return None

    def value(self, name: str) -> Value | None:
        """Return the first argument of the last use of a property."""
        setting = self.last(name)
        return setting.args[0] if setting and setting.args else None

    def text(self, name: str) -> str:
        """Return the string value of a property, or ``""``."""
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
    """A node of the pipeline. ``edge`` is what it emits: ``stream``, ``batch`` or ``""``."""

    kind: Kind | None  # None for a user-defined function, which may have any property
    name: str
    pos: Position
    args: list[Value]
    parents: list[PipelineNode]
    edge: str
    complete: bool = True
    unfinished: bool = False  # an unknown node follows
    children: list[PipelineNode] = field(default_factory=list)
    handlers: list[HandlerUse] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Add this node to the children of its parents."""
        for parent in self.parents:
            parent.children.append(self)

    def describe(self) -> str:
        """Return the node as in a script: ``|window()``."""
        return (
            self.name
            if not self.parents and self.name in ("stream", "batch")
            else f"|{self.name}()"
        )


def strings(values: list[Value]) -> list[str] | None:
    """Return the values as strings, or None where one is unknown."""
    texts = [v.constant for v in values]
    return None if any(t is UNKNOWN or not isinstance(t, str) for t in texts) else texts

"""Kapacitor's nodes, properties and handlers as objects, built from the table in ``signatures.py``."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from bmtick.errors import BmtickError
from bmtick.tick.signatures import HANDLERS, NODES

OLDEST = "1.5.0"
_ALL_PATCHES = 99  # "1.5" means the last patch release of 1.5


class Signature(NamedTuple):
    """The arguments of a node or property."""

    types: tuple[str, ...]
    variadic: bool = False

    @property
    def minimum(self) -> int:
        """The minimum number of arguments."""
        return len(self.types) - self.variadic

    def type_at(self, index: int) -> str:
        """Return the type of the argument at an index."""
        return self.types[min(index, len(self.types) - 1)]

    def __str__(self) -> str:
        """The signature as in the table, in parentheses."""
        return "(" + ", ".join(self.types) + ("..." if self.variadic else "") + ")"


class Property(NamedTuple):
    """A property of a node or handler."""

    name: str
    signature: Signature
    since: str = OLDEST
    documented: bool = True

    @property
    def is_field(self) -> bool:
        """Whether it is a plain value, which a script may also read."""
        return len(self.signature.types) == 1 and not self.signature.variadic


class Handler(NamedTuple):
    """A handler of an alert, with the properties that may follow it."""

    name: str
    signature: Signature
    properties: dict[str, Property]
    since: str = OLDEST


class Kind(NamedTuple):
    """A kind of node. An empty ``wants`` or ``provides`` means that any edge type fits.

    ``hides`` names nodes that Kapacitor cannot call because a field of this kind has their name.
    """

    name: str
    summary: str
    signature: Signature
    properties: dict[str, Property]
    since: str = OLDEST
    wants: str = ""
    provides: str = ""
    after: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    sink: bool = False
    hides: tuple[str, ...] = ()

    def may_be_followed_by(self, other: Kind) -> bool:
        """Return whether Kapacitor has ``other`` as a chaining method of this kind."""
        if other.name in ALWAYS:
            return True
        if self.sink or other.name in self.hides:
            return False
        if self.only:
            return other.name in self.only
        return not other.after or self.name in other.after


ALWAYS = frozenset({"stats", "deadman"})
COMMON = {"quiet": Property("quiet", Signature(()))}


class Catalogue(NamedTuple):
    """All nodes and handlers of Kapacitor."""

    kinds: dict[str, Kind]
    handlers: dict[str, Handler]


@functools.cache
def parse_signature(text: str) -> Signature:
    """Parse the text of a signature."""
    types = tuple(part.strip() for part in text.split(",")) if text else ()
    variadic = bool(types) and types[-1].endswith("...")
    return Signature(tuple(t.removesuffix("...") for t in types), variadic)


def canonical(name: str) -> str:
    """Return a name as in the table: Kapacitor ignores the case of the first letter."""
    return name[:1].lower() + name[1:]


@functools.cache
def catalogue() -> Catalogue:
    """Return the nodes and handlers of the table; built once."""
    handlers = {
        name: Handler(
            name, parse_signature(table["args"]), _properties(table), table.get("since", OLDEST)
        )
        for name, table in HANDLERS.items()
    }
    return Catalogue({name: _kind(name, table) for name, table in NODES.items()}, handlers)


def _kind(name: str, table: dict[str, Any]) -> Kind:
    source = NODES[table["properties_of"]] if "properties_of" in table else table
    return Kind(
        name,
        table["summary"],
        parse_signature(table.get("args", "")),
        {**COMMON, **_properties(source)},
        table.get("since", OLDEST),
        table.get("wants", ""),
        table.get("provides", ""),
        table.get("after", ()),
        table.get("only", ()),
        table.get("sink", False),
        table.get("hides", ()),
    )


def _properties(table: dict[str, Any]) -> dict[str, Property]:
    found = {}
    for part in ("properties", "undocumented"):
        for name, value in table.get(part, {}).items():
            args, since = (value, OLDEST) if isinstance(value, str) else value
            found[name] = Property(name, parse_signature(args), since, part == "properties")
    return found


@functools.cache
def parse_version(text: str) -> tuple[int, ...]:
    """Return a comparable version; ``1.5`` counts as its last patch release.

    Raises:
        BmtickError: not a version from 1.5 to 1.8.
    """
    parts = text.removeprefix("v").split(".")
    if not all(part.isdecimal() and part.isascii() for part in parts) or not 2 <= len(parts) <= 3:
        raise BmtickError(
            f"'{text}' is no version of Kapacitor", remedy="write it like 1.5, 1.6.5 or 1.8"
        )
    numbers = tuple(int(part) for part in parts)
    if not (1, 5) <= numbers[:2] <= (1, 8):
        raise BmtickError(
            f"bmtick does not know Kapacitor {text}", remedy="it knows 1.5, 1.6, 1.7 and 1.8"
        )
    return numbers if len(numbers) == 3 else (*numbers, _ALL_PATCHES)

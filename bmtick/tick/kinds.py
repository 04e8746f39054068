"""Kapacitor's nodes, properties and handlers: read from the data files in ``nodes/``.

A signature is text: types parted by commas; ``string...`` is any number of them, ``int|duration``
either, and the empty text no argument. A node is added by adding it to a file there, or a file.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from bmtick.errors import BmtickError

OLDEST = "1.5.0"
NEWEST = "1.8"
_ALL_PATCHES = 99  # "1.5" means the last patch release of 1.5


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments that a node or property takes."""

    types: tuple[str, ...]
    variadic: bool = False

    @property
    def least(self) -> int:
        """The least number of arguments."""
        return len(self.types) - self.variadic

    def type_at(self, index: int) -> str:
        """Return the type of the argument at index."""
        return self.types[min(index, len(self.types) - 1)]

    def __str__(self) -> str:
        """The signature as it is written in the data files, in parentheses."""
        return "(" + ", ".join(self.types) + ("..." if self.variadic else "") + ")"


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a node or handler."""

    name: str
    signature: Signature
    since: str = OLDEST
    documented: bool = True

    @property
    def is_field(self) -> bool:
        """Whether it is a plain value, which a script may also read back."""
        return len(self.signature.types) == 1 and not self.signature.variadic


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler of an alert, with the properties that may follow it."""

    name: str
    signature: Signature
    properties: dict[str, Property]
    since: str = OLDEST


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of node. An empty ``wants`` or ``provides`` means: whatever comes in.

    ``hides`` names nodes that Kapacitor cannot find behind a field of this kind.
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
        """Say whether Kapacitor has ``other`` as a chaining method of this kind."""
        if other.name in ALWAYS:
            return True
        if self.sink or other.name in self.hides:
            return False
        if self.only:
            return other.name in self.only
        return not other.after or self.name in other.after


ALWAYS = frozenset({"stats", "deadman"})
COMMON = {"quiet": Property("quiet", Signature(()))}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that Kapacitor has."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    handlers: dict[str, Handler] = field(default_factory=dict)


def parse_signature(text: str) -> Signature:
    """Read a signature from its text."""
    types = tuple(part.strip() for part in text.split(",")) if text else ()
    variadic = bool(types) and types[-1].endswith("...")
    return Signature(tuple(t.removesuffix("...") for t in types), variadic)


def canonical(name: str) -> str:
    """Return a name as the data has it: Kapacitor ignores the case of the first letter."""
    return name[:1].lower() + name[1:]


@functools.cache
def catalogue() -> Catalogue:
    """Read the data files, once."""
    found = Catalogue()
    files = resources.files(__package__).joinpath("nodes").iterdir()
    for file in sorted(files, key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for name, table in data.get("node", {}).items():
            found.kinds[name] = _kind(name, table, data)
        for name, table in data.get("handler", {}).items():
            signature = parse_signature(table["args"])
            since = table.get("since", OLDEST)
            found.handlers[name] = Handler(name, signature, _properties(table), since)
    return found


def _kind(name: str, table: dict[str, Any], data: dict[str, Any]) -> Kind:
    shared = table.get("properties_of")
    source = table
    if shared in data["node"]:
        source = data["node"][shared]
    elif shared:
        source = {part: data[part][shared] for part in ("properties", "undocumented")}
    return Kind(
        name,
        table["summary"],
        parse_signature(table.get("args", "")),
        {**COMMON, **_properties(source)},
        table.get("since", OLDEST),
        table.get("wants", ""),
        table.get("provides", ""),
        tuple(table.get("after", ())),
        tuple(table.get("only", ())),
        table.get("sink", False),
        tuple(table.get("hides", ())),
    )


def _properties(table: dict[str, Any]) -> dict[str, Property]:
    found = {}
    for part in ("properties", "undocumented"):
        for name, value in table.get(part, {}).items():
            args, since = (
                (value, OLDEST) if isinstance(value, str) else (value["args"], value["since"])
            )
            found[name] = Property(name, parse_signature(args), since, part == "properties")
    return found


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

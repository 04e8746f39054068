"""Checks the arguments of chain methods and properties against Kapacitor's Go signatures.

Source: kapacitor ``tick/eval.go``. Calls use reflection, so types must match exactly: an ``int64``
is neither a ``float64`` nor a ``time.Duration``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from bmtick.engine.lambdas import Duration
from bmtick.tick import ast
from bmtick.tick.kinds import Property as KnownProperty
from bmtick.tick.kinds import Signature as KnownSignature


class ArgumentError(Exception):
    """Arguments that Kapacitor would refuse; the text gives the reason."""


@dataclass(frozen=True)
class TimeDimension:
    """``time(10s)`` or ``time(10s, 2s)`` in ``.groupBy()`` of a query, in nanoseconds."""

    length: int
    offset: int = 0

    @classmethod
    def of(cls, args: list[Any]) -> TimeDimension:
        """Return the result of the function ``time``.

        Raises:
            ArgumentError: they are not one or two durations.
        """
        if not 1 <= len(args) <= 2:
            raise ArgumentError(f"time() function expects 1 or 2 args, got {len(args)}")
        for number, arg in enumerate(args, 1):
            if not isinstance(arg, Duration):
                raise ArgumentError(f"argument {number} of time() must be a duration")
        return cls(*[int(arg) for arg in args])


def type_of(value: object) -> str:
    """Return TICKscript's name of a value's type."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Duration):
        return "duration"
    for kind, name in _NAMES:
        if isinstance(value, kind):
            return name
    return "node"


_NAMES: tuple[tuple[type, str], ...] = (
    (int, "int"),
    (float, "float"),
    (str, "string"),
    (ast.Regex, "regex"),
    (ast.Lambda, "lambda"),
    (ast.Star, "star"),
    (ast.Reference, "reference"),
    (list, "list"),
    (TimeDimension, "time()"),
)


@dataclass(frozen=True)
class Signature:
    """The types of the parameters; the last may be variadic (``...string``)."""

    types: tuple[str, ...] = ()
    variadic: str = ""

    @classmethod
    def of(cls, *types: str) -> Signature:
        """Build from Go-like names: ``Signature.of("string", "...duration")``."""
        if types and types[-1].startswith("..."):
            return cls(types[:-1], types[-1][3:])
        return cls(types)

    def check(self, name: str, args: Sequence[object]) -> None:
        """Check the arguments.

        Raises:
            ArgumentError: too few, too many, or of a wrong type.
        """
        wanted = len(self.types)
        if len(args) < wanted or (len(args) > wanted and not self.variadic):
            many = "at least " if self.variadic else ""
            plural = "" if wanted == 1 else "s"
            raise ArgumentError(f"{name} takes {many}{wanted} argument{plural}, not {len(args)}")
        types = [*self.types, *[self.variadic] * (len(args) - wanted)]
        for number, (kind, value) in enumerate(zip(types, args, strict=True), 1):
            actual = type_of(value)
            if actual != kind and actual not in _LOOSE.get(kind, ()):
                raise ArgumentError(_mismatch(name, number, kind, actual, len(args)))


# Parameters of a Go interface type.
_LOOSE: dict[str, tuple[str, ...]] = {
    "any": ("bool", "int", "float", "string", "duration", "regex", "lambda", "star", "list"),
    "dimension": ("string", "star"),
    "group": ("string", "star", "duration", "time()"),
    "rate": ("int", "duration"),
    "fill": ("string", "int", "float", "bool", "duration"),
}
_SHOWN = {
    "dimension": "string or *",
    "group": "string, * or time(10s)",
    "rate": "int or duration",
    "fill": "string or number",
}


def _mismatch(name: str, number: int, kind: str, actual: str, count: int) -> str:
    which = f"argument {number} of {name}" if count > 1 else f"the argument of {name}"
    message = f"{which} must be a {_SHOWN.get(kind, kind)}, not a {actual}"
    if actual == "reference" and kind == "string":
        message += ": did you use double quotes instead of single quotes?"
    if kind == "float" and actual == "int":
        message += ": write it with a decimal point"
    return message


@dataclass(frozen=True)
class Property:
    """A property method: its effect on its owner, and its arguments.

    ``apply`` may return the object that the rest of the chain applies to. ``direct`` marks a plain
    field of Kapacitor's struct: the chain then stays on the same object. ``signature`` and ``since``
    (the first release with the property) come from the language's table when the node's kind is
    registered. A node gives a signature only where it knows more exact types than "any".
    """

    apply: Callable[[Any, list[Any]], Any] = field(compare=False)
    signature: Signature | None = None
    direct: bool = False
    since: str = ""


def table(properties: Mapping[str, Property]) -> Mapping[str, Property]:
    """Return a read-only map of properties by name; classes share it."""
    return MappingProxyType(dict(properties))


def completed(
    properties: Mapping[str, Property], known: Mapping[str, KnownProperty]
) -> Mapping[str, Property]:
    """Return properties completed with signatures and versions from the language's table."""
    return table(
        {
            name: replace(
                prop,
                signature=prop.signature or signature_of(known[name].signature),
                since=known[name].since,
            )
            for name, prop in properties.items()
        }
    )


def signature_of(known: KnownSignature) -> Signature:
    """Convert a signature of the language's table."""
    if known.variadic:
        return Signature(known.types[:-1], known.types[-1])
    return Signature(known.types)


def value(attribute: str, kind: str = "") -> Property:
    """``.name(x)`` sets an attribute to x."""

    def apply(owner: Any, args: list[Any]) -> None:
        setattr(owner, attribute, args[0])

    return Property(apply, Signature.of(kind) if kind else None, direct=True)


def flag(attribute: str) -> Property:
    """``.name()`` sets an attribute to true."""

    def apply(owner: Any, args: list[Any]) -> None:
        del args
        setattr(owner, attribute, True)

    return Property(apply, Signature())


def values(attribute: str, kind: str = "") -> Property:
    """``.name(a, b, ...)`` sets an attribute to the list of all arguments."""

    def apply(owner: Any, args: list[Any]) -> None:
        setattr(owner, attribute, list(args))

    return Property(apply, Signature.of(f"...{kind}") if kind else None)


def appended(attribute: str) -> Property:
    """``.name(a)`` appends its arguments to a list."""

    def apply(owner: Any, args: list[Any]) -> None:
        getattr(owner, attribute).extend(args)

    return Property(apply)


def entry(attribute: str) -> Property:
    """``.name(key, value)`` puts an entry into a map."""

    def apply(owner: Any, args: list[Any]) -> None:
        getattr(owner, attribute)[args[0]] = args[1]

    return Property(apply)

"""The functions of lambda expressions: signatures as data, and the call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bmtick.tick.regexes import Regex
from bmtick.tick.types import Type, go_type_name

Signatures = Mapping[tuple[Type, ...], type]


@dataclass(frozen=True, slots=True)
class Function:
    """A function without state.

    Args:
        name: the name in scripts.
        signatures: types of the arguments -> type of the result.
        apply: the implementation; ValueError has Kapacitor's text.
        type_error: the format of the error for a wrong type, with got, nth, name and want.
    """

    name: str
    signatures: Signatures
    apply: Callable[..., Any]
    type_error: str = ""

    def call(self, args: list[Any]) -> Any:
        """Return the value; the arguments may not fit any signature.

        A predicate such as ``!isPresent("x")`` calls without a check of the signature, as in
        Kapacitor, so wrong types fail here.
        """
        kinds = tuple(type(arg) for arg in args)
        if kinds not in self.signatures:
            raise self._type_error(kinds)
        return self.apply(*args)

    def _type_error(self, kinds: tuple[type, ...]) -> ValueError:
        wanted = next(iter(self.signatures))
        if len(kinds) != len(wanted):
            many = "s" if len(wanted) > 1 else ""
            return ValueError(f"{self.name} expects exactly {_COUNTS[len(wanted)]} argument{many}")
        place = next((i for i, kind in enumerate(kinds) if kind is not wanted[i]), 0)
        want = wanted[place]
        text = self.type_error or "cannot pass {got} as {nth} arg to {name}, must be {want}"
        return ValueError(
            text.format(
                got=go_type_name(kinds[place]) if kinds else "<nil>",
                nth=_ORDINALS[place],
                name=self.name,
                want=go_type_name(want)
                if self.type_error
                else _SHORT.get(want, go_type_name(want)),
            )
        )


_COUNTS = ("zero", "one", "two", "three", "four")
_SHORT: dict[Type, str] = {Regex: "regex", int: "int"}
_ORDINALS = ("first", "second", "third", "fourth")


class Stateful:
    """A function with state: one instance for each group of points.

    ``state`` is immutable: a call replaces it, so that a caller with the old one can undo the
    call.
    """

    signatures: ClassVar[Signatures]
    state: Any

    @abstractmethod
    def call(self, args: list[Any]) -> Any:
        """Process the next value and return the result."""

    @abstractmethod
    def snapshot(self) -> list[float]:
        """Return the state as numbers."""

    @abstractmethod
    def restore(self, state: list[float]) -> None:
        """Restore what snapshot returned."""


def simple(
    name: str,
    args: tuple[Type, ...],
    result: type,
    apply: Callable[..., Any],
    type_error: str = "",
) -> Function:
    """Return a function with one signature."""
    return Function(name, {args: result}, apply, type_error)

"""What a function of a lambda expression is: signatures as data, and the call."""

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
        name: as scripts call it.
        signatures: types of the arguments -> type of the result.
        apply: does it; ValueError carries Kapacitor's text.
        misfit: the text for an argument of a wrong type, with got, nth, name and want.
    """

    name: str
    signatures: Signatures
    apply: Callable[..., Any]
    misfit: str = ""

    def call(self, args: list[Any]) -> Any:
        """Return the value for arguments that need not fit a signature.

        A predicate such as ``!isPresent("x")`` calls without asking for the signature first, as
        Kapacitor does, so what does not fit fails here.
        """
        kinds = tuple(type(arg) for arg in args)
        if kinds not in self.signatures:
            raise self._misfit(kinds)
        return self.apply(*args)

    def _misfit(self, kinds: tuple[type, ...]) -> ValueError:
        wanted = next(iter(self.signatures))
        if len(kinds) != len(wanted):
            many = "s" if len(wanted) > 1 else ""
            return ValueError(f"{self.name} expects exactly {_COUNTS[len(wanted)]} argument{many}")
        place = next((i for i, kind in enumerate(kinds) if kind is not wanted[i]), 0)
        want = wanted[place]
        text = self.misfit or "cannot pass {got} as {nth} arg to {name}, must be {want}"
        return ValueError(
            text.format(
                got=go_type_name(kinds[place]) if kinds else "<nil>",
                nth=_ORDINALS[place],
                name=self.name,
                want=go_type_name(want) if self.misfit else _SHORT.get(want, go_type_name(want)),
            )
        )


_COUNTS = ("zero", "one", "two", "three", "four")
_SHORT: dict[Type, str] = {Regex: "regex", int: "int"}
_ORDINALS = ("first", "second", "third", "fourth")


class Stateful:
    """A function that remembers: one instance for each group of points.

    ``state`` is what it remembers; a call puts another object in its place, so that whoever kept
    the old one can undo the call.
    """

    signatures: ClassVar[Signatures]
    state: Any

    @abstractmethod
    def call(self, args: list[Any]) -> Any:
        """Take the next value and return the result."""

    @abstractmethod
    def snapshot(self) -> list[float]:
        """Return the state as plain numbers."""

    @abstractmethod
    def restore(self, state: list[float]) -> None:
        """Take up the state that snapshot gave."""


def simple(
    name: str,
    args: tuple[Type, ...],
    result: type,
    apply: Callable[..., Any],
    misfit: str = "",
) -> Function:
    """Return a function of one signature."""
    return Function(name, {args: result}, apply, misfit)

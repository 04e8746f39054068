"""What a function of a lambda expression is: signatures as data, and the call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bmtick.engine.lambdas.values import EvaluationError, Type, go_type_name

Signatures = Mapping[tuple[Type, ...], type]


@dataclass(frozen=True, slots=True)
class Function:
    """A function without state.

    Args:
        name: as scripts call it.
        signatures: types of the arguments -> type of the result.
        apply: does it; ValueError carries Kapacitor's text.
    """

    name: str
    signatures: Signatures
    apply: Callable[..., Any]

    def call(self, args: list[Any]) -> Any:
        """Return the value for arguments that need not fit a signature.

        A predicate such as ``!isPresent("x")`` calls without asking for the signature first, as
        Kapacitor does, so what does not fit fails here.
        """
        kinds = tuple(type(arg) for arg in args)
        if kinds not in self.signatures:
            raise self._misfit(args)
        return self.apply(*args)

    def _misfit(self, args: list[Any]) -> ValueError:
        got = go_type_name(type(args[0])) if args else "nothing"
        return ValueError(f"cannot pass {got} to {self.name}")


class Stateful:
    """A function that remembers: one instance for each group of points."""

    signatures: ClassVar[Signatures]

    @abstractmethod
    def call(self, args: list[Any]) -> Any:
        """Take the next value and return the result."""

    @abstractmethod
    def snapshot(self) -> list[float]:
        """Return the state as plain numbers."""

    @abstractmethod
    def restore(self, state: list[float]) -> None:
        """Take up the state that snapshot gave."""


def simple(name: str, args: tuple[Type, ...], result: type, apply: Callable[..., Any]) -> Function:
    """Return a function of one signature."""
    return Function(name, {args: result}, apply)


def failure(name: str, why: str) -> EvaluationError:
    """Return the error of a failed call, in Kapacitor's words."""
    return EvaluationError(f'error calling "{name}": {why}')

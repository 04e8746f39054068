"""``if`` and ``isPresent``, which only read types."""

from __future__ import annotations

from typing import Any, Final

from bmtick.engine.lambdas.functions.base import Function
from bmtick.tick.regexes import Regex
from bmtick.tick.types import Duration, Missing, Time, go_type_name


class _IsPresent(Function):
    """Accepts a value of any type if the caller does not check the signature first."""

    def call(self, args: list[Any]) -> Any:
        """Return the value for arguments of any type."""
        if len(args) != 1:
            raise ValueError("isMissing expects exactly one argument")
        return not isinstance(args[0], Missing)


class _If(Function):
    """Has its own messages for wrong types."""

    def call(self, args: list[Any]) -> Any:
        """Return the value for arguments of any type."""
        if len(args) != 3:
            raise ValueError("if expects exactly three arguments")
        condition, yes, no = args
        if not isinstance(condition, bool):
            raise ValueError(  # noqa: TRY004 -- Kapacitor's text travels by ValueError
                "first argument to if must be a condition with type of bool - got "
                f"{go_type_name(type(condition))}"
            )
        if type(yes) is not type(no):
            raise ValueError(
                "Different return types are not supported - second argument is "
                f"{go_type_name(type(yes))} and third argument is {go_type_name(type(no))}"
            )
        return yes if condition else no


_BRANCHES: Final = (float, int, str, bool, Regex, Time, Duration)

OTHERS: Final[dict[str, Function]] = {
    "if": _If(
        "if",
        {(bool, kind, kind): kind for kind in _BRANCHES},
        lambda condition, yes, no: yes if condition else no,
    ),
    "isPresent": _IsPresent(
        "isPresent",
        {(kind,): bool for kind in (Missing, bool, str, int, float)},
        lambda value: not isinstance(value, Missing),
    ),
}

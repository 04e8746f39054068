"""``if`` and ``isPresent``, which only look at types."""

from __future__ import annotations

from typing import Any, Final

from bmtick.engine.lambdas.functions.base import Function
from bmtick.engine.lambdas.values import Duration, Missing, Time
from bmtick.tick.regexes import Regex


class _IsPresent(Function):
    """Takes a value of any type when nobody asks for the signature first."""

    def call(self, args: list[Any]) -> Any:
        if len(args) != 1:
            raise ValueError("isMissing expects exactly one argument")
        return not isinstance(args[0], Missing)


_BRANCHES: Final = (float, int, str, bool, Regex, Time, Duration)

OTHERS: Final[dict[str, Function]] = {
    "if": Function(
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

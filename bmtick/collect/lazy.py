"""Patterns that are compiled when they are first used: compiling all costs 5 ms at each start."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    import re
    from typing import Any, TypeVar

    _Text = TypeVar("_Text", bytes, str)

DOTALL, MULTILINE = 16, 8  # as in re, whose import costs 6 ms at each start


class _Lazy:
    """Stands for a compiled pattern until one of its methods is asked for."""

    def __init__(self, pattern: Any, flags: int) -> None:
        self._source = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        import re

        method = getattr(re.compile(*self._source), name)
        setattr(self, name, method)  # found at once from now on
        return method


def lazy(pattern: _Text, flags: int = 0) -> re.Pattern[_Text]:
    """Return what may be used as ``re.compile(pattern, flags)``."""
    return _Lazy(pattern, flags)  # type: ignore[return-value]

"""Patterns that are compiled when they are first used: compiling all costs 5 ms at each start."""

from __future__ import annotations

import re

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any


class _Lazy:
    """Stands for a compiled pattern until one of its methods is asked for."""

    def __init__(self, pattern: bytes, flags: int) -> None:
        self._source = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        method = getattr(re.compile(*self._source), name)
        setattr(self, name, method)  # found at once from now on
        return method


def lazy(pattern: bytes, flags: int = 0) -> re.Pattern[bytes]:
    """Return what may be used as ``re.compile(pattern, flags)``."""
    return _Lazy(pattern, flags)  # type: ignore[return-value]

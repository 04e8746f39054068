"""Logs that are not Postfix's: each module of this folder reads one of them.

A module has ``may_begin(block, look)``, which tells at little cost whether such a line may begin in
so many bytes; ``HEAD``, the pattern of a line's beginning, from the newline before it on; and
``count_line(counter, line)``, which counts what a line says and returns whether it is one of this
log. Its times must be ones that :class:`bmtick.collect.clock.LogClock` reads.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    import re
    from typing import Protocol

    from bmtick.collect.counter import Counter

    class Format(Protocol):
        """What a module of this folder has."""

        HEAD: re.Pattern[bytes]

        def may_begin(self, block: bytes, look: int) -> bool:
            """Whether ``HEAD`` may be in a beginning of so many bytes."""

        def count_line(self, counter: Counter, line: bytes) -> bool:
            """Count what a line says; return whether it is one of this log."""


_found: list[Format] = []


def formats() -> list[Format]:
    """Return the modules of this folder, by their names."""
    if _found:
        return _found
    files = sorted(os.listdir(os.path.dirname(__file__)))
    names = [file[:-3] for file in files if file.endswith(".py") and file != "__init__.py"]
    for name in names:
        __import__(f"{__name__}.{name}")  # importlib costs half a millisecond at each start
        _found.append(globals()[name])
    return _found

"""The compiled halves of the collector, where the installation found a C compiler.

Each does the same as the Python beside which it is used, some ten times as fast; tests hold both
equal. ``BMTICK_PURE=1`` in the environment rules them out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import TypeAlias

    from bmtick.collect.emit import Row
    from bmtick.collect.scan import Scanner

    Tags: TypeAlias = tuple[str, ...]
    Heads: TypeAlias = Mapping[str, Mapping[Tags, bytes]]
    Feed: TypeAlias = Callable[[Scanner, bytes], None]
    """Counts a block of lines: ``Scanner.feed``."""
    Lines: TypeAlias = Callable[
        [list[Row], Callable[[str, Tags], bytes], Heads, Mapping[tuple[str, int], bytes]], bytes
    ]
    """Writes rows in line protocol: ``emit.to_influx``."""


_FORMAT = 3


def _load() -> tuple[Feed | None, Lines | None]:
    if os.environ.get("BMTICK_PURE"):
        return None, None
    try:
        from bmtick.collect import _lines
        from bmtick.collect._points import lines
    except ImportError:
        return None, None
    if getattr(_lines, "FORMAT", 0) != _FORMAT:  # compiled from an older source
        return None, None
    return _lines.feed, lines


feed, lines = _load()

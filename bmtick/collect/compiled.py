"""The compiled halves of the collector, where the installation found a C compiler.

Each does the same as the Python beside which it is used, some ten times as fast; tests hold both
equal. ``BMTICK_PURE=1`` in the environment rules them out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any, TypeAlias

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


_FORMATS = {"_lines": 4, "_memory": 1, "_points": 2}


def _load() -> tuple[Feed | None, Lines | None, Any]:
    if os.environ.get("BMTICK_PURE"):
        return None, None, None
    try:
        from bmtick.collect import _lines, _memory, _points
    except ImportError:
        return None, None, None
    modules = {"_lines": _lines, "_memory": _memory, "_points": _points}
    if any(getattr(modules[name], "FORMAT", 0) != number for name, number in _FORMATS.items()):
        return None, None, None  # compiled from an older source
    return _lines.feed, _points.lines, _memory


feed, lines, memory = _load()

"""The compiled halves of the collector, where the installation found a C compiler.

Each does the same as the Python beside which it is used, some ten times as fast; tests hold both
equal. ``BMTICK_PURE=1`` in the environment rules them out.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    Tags: TypeAlias = tuple[str, ...]
    Heads: TypeAlias = Mapping[str, Mapping[Tags, bytes]]
    Feed: TypeAlias = Callable[[Any, bytes], None]
    """Counts a block of lines for a ``Scanner``: its ``feed``."""
    Lines: TypeAlias = Callable[
        [list[Any], Callable[[str, Tags], bytes], Heads, Mapping[tuple[str, int], bytes]], bytes
    ]
    """Writes rows in line protocol: ``emit.to_influx``."""


_FORMATS = {"_bucket": 2, "_lines": 9, "_memory": 4, "_points": 4}


def _load() -> tuple[Feed | None, Lines | None, Any, Any]:
    nothing = None, None, None, None
    if os.environ.get("BMTICK_PURE"):
        return nothing
    try:
        from bmtick.collect import _bucket, _lines, _memory, _points
    except ImportError:
        return nothing
    modules = {"_bucket": _bucket, "_lines": _lines, "_memory": _memory, "_points": _points}
    if any(getattr(modules[name], "FORMAT", 0) != number for name, number in _FORMATS.items()):
        return nothing  # compiled from an older source
    return _lines.feed, _points.lines, _memory, _bucket


feed, lines, memory, bucket = _load()

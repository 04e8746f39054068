"""The compiled halves of the collector, where the installation found a C compiler.

Each does the same as the Python beside which it is used, some ten times as fast; tests hold both
equal. ``BMTICK_PURE=1`` in the environment rules them out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import TypeAlias

    from bmtick.collect.scan import Scanner

    Feed: TypeAlias = Callable[[Scanner, bytes], None]
    """Counts a block of lines: ``Scanner.feed``."""
    Fill: TypeAlias = Callable[[bytes, bytes, Sequence[float], int], bytes]
    """Writes integers into line protocol: ``head + template % (*fields, time)``."""


def _load() -> tuple[Feed | None, Fill | None]:
    if os.environ.get("BMTICK_PURE"):
        return None, None
    try:
        from bmtick.collect._lines import feed
        from bmtick.collect._points import fill
    except ImportError:
        return None, None
    return feed, fill


feed, fill = _load()

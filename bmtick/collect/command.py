"""``bmtick collect`` without click: parses its own arguments so that it starts fast."""

from __future__ import annotations

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run the collector; return the exit status."""
    raise NotImplementedError(arguments)

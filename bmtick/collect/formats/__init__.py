"""Logs that are not Postfix's: each module of this folder reads one of them.

A module has ``MARK``, bytes that stand near the beginning of every such log and seldom in others;
``HEAD``, the pattern of a line's beginning, from the newline before it on; and
``count_line(counter, line)``, which counts what a line says and returns whether it is one of this
log. Its times must be ones that :class:`bmtick.collect.clock.LogClock` reads.
"""

from __future__ import annotations

import os
import re
from functools import cache
from importlib import import_module
from typing import Protocol

from bmtick.collect.counter import Counter


class Format(Protocol):
    """What a module of this folder has."""

    MARK: bytes
    HEAD: re.Pattern[bytes]

    def count_line(self, counter: Counter, line: bytes) -> bool:
        """Count what a line says; return whether it is one of this log."""


@cache
def formats() -> tuple[Format, ...]:
    """Return the modules of this folder, by their names."""
    files = sorted(os.listdir(os.path.dirname(__file__)))
    names = [file[:-3] for file in files if file.endswith(".py") and file != "__init__.py"]
    return tuple(import_module(f"{__name__}.{name}") for name in names)

"""Where a terminal is told from a pipe: colour and progress only there; NO_COLOR is respected."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 200  # columns of a table that goes into a file or a pipe


def console(*, stderr: bool = False) -> Console:
    """Return a rich console on stdout (or stderr) that reads no markup out of values."""
    from rich.console import Console  # noqa: PLC0415 -- costs 30 ms, only when a table is shown

    stream = sys.stderr if stderr else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else _PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def shell_quoted(argument: str) -> str:
    """Quote one argument for a command that is shown, to be pasted into a shell."""
    import shlex  # noqa: PLC0415 -- not needed to collect

    from bmtick.errors import printable  # noqa: PLC0415

    return shlex.quote(printable(argument))

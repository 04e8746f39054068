"""The command line. Each command is a file of its own and is imported only when it runs.

Nothing imports this package. It injects streams, clock and clients into the layers below.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def main() -> None:
    """Entry point of ``bmtick``; the collector is started without importing click."""
    if sys.argv[1:2] == ["collect"]:
        from bmtick.collect.command import run

        status = run(sys.argv[2:], _open_writer)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # what it holds need not be freed: that takes as long as a run
    from bmtick.cli.root import cli

    try:
        cli(prog_name="bmtick")
    except BrokenPipeError:
        # The reader of a pipe went away: no error, and nothing more to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _open_writer(config: str | None) -> Callable[[bytes], None]:
    """Return what ``bmtick collect --write`` writes with; costs half a second to import."""
    from bmtick.cli._influxdb import writer

    return writer(config)

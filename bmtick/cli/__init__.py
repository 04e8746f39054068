"""The command line. Each command has its own file, which is imported only when it runs.

No other package imports this one. It injects streams, clock and clients into the layers below.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Entry point of ``bmtick``; the collector is started without importing click."""
    if sys.argv[1:2] == ["collect"]:
        from bmtick.collect.command import run

        status = run(sys.argv[2:], _open_writer)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # skip freeing memory, which takes as long as a run
    from bmtick.cli.root import cli

    try:
        cli(prog_name="bmtick")
    except BrokenPipeError:
        # The reader of the pipe has gone: this is no error, and there is nothing to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _open_writer(config: str | None) -> Callable[[bytes], None]:
    """Return the function that ``bmtick collect --write`` writes with; importing it takes 0.5 s."""
    from bmtick.cli._influxdb import writer

    return writer(config)

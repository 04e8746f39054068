"""``bmtick collect`` without click: parses its own arguments so that it starts fast."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from bmtick.errors import EXIT_DONE, EXIT_WRONG_USE, BmtickError


def run(arguments: Sequence[str]) -> int:
    """Run the collector; return the exit status."""
    from bmtick.collect.arguments import parse  # noqa: PLC0415

    try:
        request = parse(arguments)
        if request.help:
            return show_help()
        from bmtick.collect.emit import to_influx, to_json  # noqa: PLC0415
        from bmtick.collect.whole import rows_of_logs  # noqa: PLC0415

        form = to_json if request.format == "json" else to_influx
        write = sys.stdout.buffer.write
        for row in rows_of_logs(request.logs, request.options):
            write(form(row).encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more
    except BmtickError as error:
        print(f"bmtick: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_WRONG_USE
    return EXIT_DONE


def show_help() -> int:
    """Print the help page of the click command."""
    from bmtick.collect.arguments import HELP  # noqa: PLC0415

    print(HELP)  # noqa: T201
    return EXIT_DONE

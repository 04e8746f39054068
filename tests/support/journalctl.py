#!/usr/bin/env python3
"""Stands for journalctl: prints entries that a real one printed, from the cursor on.

``$JOURNAL_ENTRIES`` names the file. Where no entry has the cursor, it begins with the first one
that is later, as the real one does.
"""

import json
import os
import sys
from pathlib import Path


def after(cursor: str, lines: list[bytes]) -> list[bytes]:
    cursors = [json.loads(line)["__CURSOR"] for line in lines]
    if cursor in cursors:
        return lines[cursors.index(cursor) :]
    time = int(dict(part.split("=") for part in cursor.split(";"))["t"], 16)
    return [line for line in lines if int(json.loads(line)["__REALTIME_TIMESTAMP"]) >= time]


def main() -> None:
    lines = Path(os.environ["JOURNAL_ENTRIES"]).read_bytes().splitlines(keepends=True)
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        if name == "--cursor":
            lines = after(value, lines)
        elif name == "--lines":
            lines = lines[len(lines) - int(value) :] if int(value) < len(lines) else lines
        elif name.startswith("--after"):
            sys.exit("this option loses an entry where the cursor was vacuumed")
    sys.stdout.buffer.writelines(lines)


main()

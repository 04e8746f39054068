"""Who is held, as the guard of this machine writes it: points of ``postfix_guard``.

The guard's own state is for its user alone; this file, in ``/run``, is for the group that may read
the mail log.
"""

from __future__ import annotations

import os

from bmtick.collect import stored
from bmtick.names import GUARD

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable

    from bmtick.collect.emit import Row

POINTS = "/run/bmtick-guard/points.json"
_MAX = 1 << 20  # bytes
_MAX_ROWS = 1000


def rows(path: str, now: float, warn: Callable[[str], None]) -> list[Row]:
    """Return a row for everybody who is held, would be, or was until a few minutes ago.

    Args:
        path: the file; one that is not there is a machine without a guard.
        now: seconds since the epoch.
        warn: takes one line for the administrator.
    """
    if not path:
        return []
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError as error:
        warn(f"cannot read who is held, {path}: {error.strerror}")
        return []
    with os.fdopen(fd, "rb") as file:
        raw = file.read(_MAX)
    time = int(now * 1000) * 1_000_000
    try:
        return [
            (
                GUARD,
                _tags(row),
                (int(row["held"]), int(row["observed"]), int(row["messages"])),
                time,
            )
            for row in stored.loads(raw.decode().strip())["rows"][:_MAX_ROWS]
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        warn(f"{path} is not written by this version of bmtick guard")
        return []


def _tags(row: dict[str, str]) -> tuple[str, ...]:
    return str(row["who"]), str(row.get("user", "")), str(row.get("client", ""))

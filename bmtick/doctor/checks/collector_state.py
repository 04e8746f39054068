"""Check whether the collector's state, which every run writes, is recent."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from bmtick.doctor.check import Check, broken, ok, skipped
from bmtick.doctor.context import Context, ago
from bmtick.durations import SECOND, parse_duration
from bmtick.terminal import shell_quoted

ORDER = 20
TICK_STACK = True
_NAME = "collector state"
_MISSED = 12  # intervals without a write; Telegraf's jitter is far below
_RUN = "bmtick telegraf > /etc/telegraf/telegraf.d/bmtick.conf && systemctl restart telegraf"


def run(context: Context) -> Iterator[Check]:
    """Check the state file's age and mode."""
    shown = context.settings.collect.state
    path = context.path(shown)
    try:
        info = path.stat()
    except FileNotFoundError:
        yield broken(_NAME, f"{shown} does not exist: the collector never ran", _RUN)
        return
    except PermissionError:
        yield skipped(_NAME, f"{shown} cannot be seen by this user", "sudo bmtick doctor")
        return
    if stat.S_IMODE(info.st_mode) & 0o077:
        yield broken(_NAME, f"{shown} can be read by others", f"chmod 600 {shell_quoted(shown)}")
        return
    age = context.now - info.st_mtime
    limit = _MISSED * parse_duration(context.settings.collect.interval) / SECOND
    if age > limit:
        yield broken(_NAME, f"{shown} was last written {ago(age)} ago", _RUN)
    else:
        yield ok(_NAME, f"{shown}, written {ago(max(age, 0))} ago")

"""Is there room for the queue? Postfix refuses mail when its file system is full."""

from __future__ import annotations

import os
from collections.abc import Iterator

from bmtick.doctor.link import Link, broken, off, ok
from bmtick.doctor.world import World
from bmtick.terminal import shell_quoted

ORDER = 90
_NAME = "disk space"
_SHARE = 0.05
_GIB = 1 << 30


def look(world: World) -> Iterator[Link]:
    """Look at free bytes and inodes of the spool's file system."""
    shown = world.settings.collect.spool
    path = world.path(shown)
    if not path.is_dir():
        yield off(_NAME, f"no Postfix spool {shown} on this machine")
        return
    info = os.statvfs(path)
    free = info.f_bavail * info.f_frsize
    total = info.f_blocks * info.f_frsize
    said = f"{free / _GIB:.1f} GiB of {total / _GIB:.1f} GiB free for {shown}"
    if free < _SHARE * total and free < _GIB:
        yield broken(
            _NAME, said, f"df -h {shell_quoted(shown)}; bmtick queue; journalctl --vacuum-size=500M"
        )
    elif info.f_files and info.f_favail < _SHARE * info.f_files:
        yield broken(
            _NAME,
            f"{info.f_favail:,} of {info.f_files:,} inodes free for {shown}",
            f"df -i {shell_quoted(shown)}; bmtick queue",
        )
    else:
        yield ok(_NAME, said)

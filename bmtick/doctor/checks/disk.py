"""Check the space for the queue and for bmtick's state: both stop when a disk is full."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bmtick.doctor.check import Check, broken, off, ok
from bmtick.doctor.context import Context
from bmtick.state_folders import ADMIN_FOLDER
from bmtick.terminal import shell_quoted

ORDER = 90
_NAME = "disk space"
_SHARE = 0.05
_GIB = 1 << 30


def run(context: Context) -> Iterator[Check]:
    """Check free bytes and inodes of the file systems of the spool and of the states."""
    spool = context.settings.collect.spool
    if not context.path(spool).is_dir():
        yield off(_NAME, f"no Postfix spool {spool} on this machine")
    else:
        yield _room(context, _NAME, spool)
    states = (
        context.settings.collect.state,
        context.settings.watch.state,
        f"{ADMIN_FOLDER}/deploy",
    )
    for folder in dict.fromkeys(str(Path(state).parent) for state in states):
        check = _room(context, f"{_NAME}: state", folder) if context.path(folder).is_dir() else None
        if check and check.status == "broken":
            yield check


def _room(context: Context, name: str, shown: str) -> Check:
    path = context.path(shown)
    info = os.statvfs(path)
    free = info.f_bavail * info.f_frsize
    total = info.f_blocks * info.f_frsize
    finding = f"{free / _GIB:.1f} GiB of {total / _GIB:.1f} GiB free for {shown}"
    if free < _SHARE * total and free < _GIB:
        return broken(
            name,
            finding,
            "journalctl --vacuum-size=200M; apt-get clean; "
            f"du -xh --max-depth=2 {shell_quoted(shown)} | sort -h | tail",
        )
    if info.f_files and info.f_favail < _SHARE * info.f_files:
        return broken(
            name,
            f"{info.f_favail:,} of {info.f_files:,} inodes free for {shown}",
            f"du -x --inodes --max-depth=2 {shell_quoted(shown)} | sort -n | tail",
        )
    return ok(name, finding)

"""Check that the mail log exists, is readable by the collector, is written, and is Postfix's."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from bmtick.collect.journal import Journal
from bmtick.collect.sources import is_journal
from bmtick.doctor.check import Check, broken, off, ok, skipped
from bmtick.doctor.context import Context, ago, may_read
from bmtick.errors import BmtickError
from bmtick.terminal import shell_quoted

ORDER = 10
_NAME = "mail log"
_STALE = 86_400  # a server that logs nothing for a day has stopped logging
_SILENT = 3 * 3600  # a busy server that logs nothing for so long has stopped logging
_STAMP = re.compile(
    rb"^(?:\d{4}-\d\d-(\d\d)T|[A-Z][a-z]{2} +(\d+) )(\d\d):(\d\d):(\d\d)", re.MULTILINE
)
_ENOUGH = 50  # lines from which the usual gaps are known
_TAIL = 256 * 1024  # bytes that are searched for a Postfix line
_COLLECTOR = "telegraf"  # the user who collects on a Bm-tick server


def run(context: Context) -> Iterator[Check]:
    """Check every log of ``[collect] logs``."""
    entries = context.settings.collect.logs
    logs = [entry for entry in entries if entry != "-" and not is_journal(entry)]
    if all(entry == "-" for entry in entries):
        yield off(_NAME, "no log files are configured; stdin is read")
    for entry in filter(is_journal, entries):
        yield _journal(entry, context.now)
    for entry in logs:
        pattern = str(context.path(entry))
        paths = sorted(glob.glob(pattern))  # noqa: PTH207 -- absolute patterns
        if not paths and not _may_enter(Path(pattern).parent):
            yield skipped(
                _NAME,
                f"the folder of {entry} is closed to this user",
                "sudo bmtick doctor",
            )
        elif not paths:
            yield broken(
                _NAME,
                f"{entry} does not exist",
                "apt-get install -y rsyslog && systemctl restart rsyslog postfix"
                "  # or set [collect] logs to what 'postconf maillog_file' names",
            )
        for path in paths:
            yield _one(context, Path(path))


def _may_enter(folder: Path) -> bool:
    nearest = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    return os.access(nearest, os.R_OK | os.X_OK)


def _journal(entry: str, now: float) -> Check:
    """Read the newest line of Postfix, as the user who runs the doctor."""
    warnings: list[str] = []
    journal = Journal(entry, warnings.append)
    try:
        journal.begin(0, 0.0)
    except BmtickError as error:
        return broken(_NAME, error.message, error.remedy)
    if not journal.cursor:
        return broken(
            _NAME,
            f"the {entry} has no line of Postfix",
            "journalctl -n 20 SYSLOG_FACILITY=2; postconf maillog_file  # empty: it logs to syslog",
        )
    seconds = int(journal.cursor.partition(";t=")[2].partition(";")[0] or "0", 16) // 1_000_000
    return ok(_NAME, f"the {entry}, last line {ago(max(now - seconds, 0))} ago")


def _longest_gap(tail: bytes) -> float:
    """Return the longest gap between the lines, in seconds; 0 if there are few."""
    times = []
    for iso, plain, hour, minute, second in _STAMP.findall(tail):
        day = int(iso or plain)
        times.append(86_400 * day + 3600 * int(hour) + 60 * int(minute) + int(second))
    if len(times) < _ENOUGH:
        return 0.0
    gaps = [b - a for a, b in itertools.pairwise(times) if b >= a]  # months wrap
    return float(max(gaps, default=0)) or 1.0


def _one(context: Context, path: Path) -> Check:
    shown = "/" + str(path.relative_to(context.root))
    # The watch has a user of its own, who exists only while it runs.
    readable = None if context.standalone else may_read(path, _COLLECTOR)
    if readable is False:
        return broken(
            _NAME,
            f"user {_COLLECTOR} may not read {shown}",
            f"chgrp adm {shell_quoted(shown)} && chmod g+r {shell_quoted(shown)} && "
            f"usermod -aG adm {_COLLECTOR} && systemctl restart telegraf",
        )
    age = context.now - path.stat().st_mtime
    if age > _STALE:
        return broken(
            _NAME,
            f"{shown} was last written {ago(age)} ago",
            "systemctl restart rsyslog postfix",
        )
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL))
            tail = stream.read(_TAIL)
    except PermissionError:
        return skipped(_NAME, f"{shown} cannot be read by this user", "sudo bmtick doctor")
    if b"postfix" not in tail:
        return broken(
            _NAME,
            f"no line of Postfix in the last {len(tail):,} bytes of {shown}",
            "postconf maillog_file; grep mail. /etc/rsyslog.conf",
        )
    gap = _longest_gap(tail)
    if age > _SILENT and gap and age > 2 * gap:
        return broken(
            _NAME,
            f"{shown} was last written {ago(age)} ago; the longest silence before was {ago(gap)}",
            "systemctl restart rsyslog postfix",
        )
    return ok(_NAME, f"{shown}, last written {ago(max(age, 0))} ago")

"""Postfix's queue as points: walked where the spool may be read, else asked of ``postqueue -j``.

The schema is that of Telegraf's ``inputs.postfix``. Its ``age`` falls back at each retry, because
it is taken from the last change of the file; here it is the time since the message arrived.
Source of the formats: Postfix ``mail_queue.h`` (queue ids), ``rec_type.h`` (records),
``postqueue(1)`` (JSON).
"""

from __future__ import annotations

import os
import stat as modes

from bmtick.collect.lazy import lazy
from bmtick.errors import BmtickError
from bmtick.names import QUEUE, QUEUES

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bmtick.collect.emit import Row
    from bmtick.collect.postqueue import QueueEntry

SPOOL = "/var/spool/postfix"
POSTQUEUE = ("postqueue", "-j")
_MAX_OPENED = 5_000  # queue files that are opened for their arrival time

_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_LONG = lazy(rf"([{_BASE52}]{{6,}})([{_BASE52}]{{4}})z[{_BASE52[:-1]}]+")
_TELEGRAF = ("/etc/telegraf/telegraf.conf", "/etc/telegraf/telegraf.d")


class Whole(int):
    """An integer in a field that is a float by default: written ``12i``, in JSON ``12``."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{int(self)}i"


class Sums:
    """What one queue holds."""

    __slots__ = ("arrival", "length", "size")

    def __init__(self) -> None:
        self.length = self.size = 0
        self.arrival: float | None = None  # of the oldest message, as far as known

    def arrived(self, arrival: float | None) -> None:
        """Take the arrival time of a message; None: not known."""
        if arrival is not None and (self.arrival is None or arrival < self.arrival):
            self.arrival = arrival

    def row(self, queue: str, now: float) -> Row:
        """Return the point; without an age where no arrival is known."""
        fields: list[int | float] = [self.length, self.size]
        if self.length == 0:
            fields.append(0.0)
        elif self.arrival is not None:
            fields.append(round(max(0.0, now - self.arrival), 3))
        return QUEUE, (queue,), fields, int(now) * 1_000_000_000


def arrival_of(queue_id: str) -> float | None:
    """Return the arrival time in a long queue id, seconds since the epoch; None for a short one."""
    match = _LONG.fullmatch(queue_id)
    return _base52(match[1]) + _base52(match[2]) / 1e6 if match else None


def _base52(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 52 + _BASE52.index(digit)
    return value


def walk(spool: str, queue: str) -> Sums:
    """Count the files of one queue, in all its hashed folders.

    Raises:
        OSError: a folder cannot be read: there is no knowing what it holds.
    """
    sums = Sums()
    top = os.path.join(spool, queue)
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            entries = os.scandir(folder)
        except FileNotFoundError:
            if folder == top:
                raise
            continue  # Postfix removes empty hashed folders
        with entries:
            _count(entries, sums, folders, exact=queue == "deferred")
    return sums


def _count(
    entries: Iterable[os.DirEntry[str]], sums: Sums, folders: list[str], exact: bool
) -> None:
    """Count the files of one folder; put its folders on the list."""
    oldest = "~"  # of the long queue ids: the digits of base 52 sort as their characters do
    length = size = opened = 0
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
            continue
        try:
            stat = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # delivered or moved meanwhile: normal
        if not modes.S_ISREG(stat.st_mode):
            continue
        name = entry.name
        length += 1
        size += stat.st_size
        if name[10:11] == "z" and (name > oldest or _LONG.fullmatch(name)):
            oldest = min(oldest, name)
            continue
        arrival = _recorded_arrival(entry.path) if opened < _MAX_OPENED else None
        opened += 1
        if arrival is None and not exact:
            # Before a first attempt a file is as old as its last change; a retry changes it.
            arrival = min(stat.st_mtime, stat.st_ctime)
        sums.arrived(arrival)
    sums.length += length
    sums.size += size
    sums.arrived(arrival_of(oldest))


def _recorded_arrival(path: str) -> float | None:
    """Return the arrival time in a queue file: record ``T``, right after the size record."""
    try:
        with open(path, "rb", buffering=0) as file:
            raw = file.read(300)
    except OSError:
        return None
    at = 0
    while at + 2 <= len(raw):
        kind, length = raw[at : at + 1], raw[at + 1]
        if length > 127:
            return None  # longer than any record before the time
        body = raw[at + 2 : at + 2 + length]
        if kind == b"T":
            seconds, _, micros = body.partition(b" ")
            try:
                return int(seconds) + (int(micros) / 1e6 if micros.strip() else 0)
            except ValueError:
                return None
        at += 2 + length
    return None


def _sum_up(entries: Iterable[QueueEntry]) -> dict[str, Sums]:
    """Return the sums of all queues, the empty ones too."""
    sums = {queue: Sums() for queue in QUEUES}
    for entry in entries:
        if entry.queue_name in sums:
            queue = sums[entry.queue_name]
            queue.length += 1
            queue.size += entry.size
            queue.arrived(entry.arrival_time or None)
    return sums


def rows(
    spool: str,
    now: float,
    warn: Callable[[str], None],
    command: tuple[str, ...] = POSTQUEUE,
    *,
    integer_age: bool = False,
) -> list[Row]:
    """Return a point for each queue that can be seen; say why for each that cannot."""
    found: dict[str, Sums] = {}
    failed: dict[str, OSError] = {}
    for queue in QUEUES:
        try:
            found[queue] = walk(spool, queue)
        except OSError as error:
            failed[queue] = error
    if failed and spool == SPOOL:
        try:
            from bmtick.collect.postqueue import entries  # imports subprocess

            found = _sum_up(entries(command))
            failed = {}
        except BmtickError as error:
            warn(error.message)
    for queue, why in failed.items():
        warn(
            f"cannot see the queue {queue}: {why.strerror}: {why.filename}; no point is "
            "written for it ('bmtick telegraf' shows which rights are needed)"
        )
    seen = [found[queue].row(queue, now) for queue in QUEUES if queue in found]
    if integer_age:  # Telegraf cuts to whole seconds
        return [(n, t, [*f[:2], *map(Whole, f[2:])], at) for n, t, f, at in seen]
    return seen


def telegraf_watches(paths: Iterable[str] = _TELEGRAF) -> str:
    """Return the Telegraf configuration file that has ``inputs.postfix`` on, or ``""``."""
    import re

    pattern = re.compile(rb"^\s*\[\[\s*inputs\.postfix\s*\]\]", re.MULTILINE)
    for path in paths:
        files = [path]
        if os.path.isdir(path):
            files = [entry.path for entry in os.scandir(path) if entry.name.endswith(".conf")]
        for name in files:
            try:
                with open(name, "rb") as file:
                    if pattern.search(file.read()):
                        return name
            except OSError:
                continue
    return ""

"""Which log files to read, in which order, and their newest time.

Times come from the logs: "the last 24 hours" end at the newest line, not now, so a copied log gives
the same answer next week.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bmtick.collect.clock import LogClock
from bmtick.collect.dating import clock_of
from bmtick.collect.files import open_log
from bmtick.errors import BmtickError

# Follows the time, in syslog's or ISO's form.
_SERVER = re.compile(
    rb"^(?:\w{3} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) ([\w.-]+) postfix",
    re.MULTILINE | re.ASCII,
)
_ROTATED = re.compile(r"[.-]\d+(?:[.-]\d+)*(?:\.(?:gz|xz|zst))?|\.(?:gz|xz|zst)")
_COMPRESSED = {".gz", ".xz", ".zst"}
_TAIL = 1 << 20  # bytes at the end of a plain file that are searched for the newest time
_BLOCK = 1 << 18


@dataclass(frozen=True)
class LogFile:
    """One file, with the time of its first line (seconds since the epoch)."""

    path: Path
    first: int


@dataclass(frozen=True)
class LogSet:
    """The files to read, oldest first, and the newest time in them."""

    files: tuple[LogFile, ...]
    newest: int

    @property
    def names(self) -> list[str]:
        """The files' paths."""
        return [str(f.path) for f in self.files]


def find_logs(paths: Sequence[str], *, since: int | None = None, siblings: bool = True) -> LogSet:
    """Return the logs and their rotated siblings in the order of their first lines.

    Args:
        paths: the logs.
        since: seconds before the newest line; files that end earlier are left out.
        siblings: whether ``mail.log`` includes ``mail.log.1``, ``mail.log.2.gz``, ...

    Raises:
        BmtickError: a log is missing or unreadable, or no line has a time.
    """
    if not paths:
        raise BmtickError("no log is named", remedy="name one with --log PATH")
    chosen: dict[Path, None] = {}
    for name in paths:
        path = Path(name)
        if not path.is_file():
            raise BmtickError(f"there is no log '{name}'", remedy="name one with --log PATH")
        for found in [*(_siblings(path) if siblings else ()), path]:
            chosen.setdefault(found.resolve())
    firsts = ((path, _first_time(path)) for path in chosen)
    files = [LogFile(path, first) for path, first in firsts if first is not None]
    if not files:
        raise BmtickError(
            f"no line of '{paths[0]}' begins with a time",
            remedy="give Postfix's log: Jun 21 08:34:30 ..., or 2026-06-21T08:34:30+02:00 ...",
        )
    files.sort(key=lambda f: (f.first, str(f.path)))
    latest = {_family(f.path): f for f in files}
    newest = max(_last_time(f.path, f.first) for f in latest.values())
    if since is not None:
        files = _recent(files, newest - since)
    return LogSet(tuple(files), newest)


def _recent(files: list[LogFile], start: int) -> list[LogFile]:
    """Leave out files that end before start: the next file of the same log begins before it."""
    recent = []
    for index, file in enumerate(files):
        family = _family(file.path)
        following = next((f for f in files[index + 1 :] if _family(f.path) == family), None)
        if following is None or following.first >= start:
            recent.append(file)
    return recent


def _family(path: Path) -> str:
    match = re.search(rf"(?:{_ROTATED.pattern})$", path.name)
    return str(path.parent / (path.name[: match.start()] if match else path.name))


def _siblings(path: Path) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(path.parent))  # noqa: PTH208 -- only names are needed
    except OSError:
        return
    for name in names:
        if name.startswith(path.name) and _ROTATED.fullmatch(name[len(path.name) :]):
            yield path.parent / name


@contextmanager
def open_lines(path: Path) -> Iterator[BinaryIO]:
    """Open a log for reading line by line, compressed or not.

    Raises:
        BmtickError: it cannot be read, or is damaged.
    """
    log = open_log(str(path), sys.stdin.buffer)
    try:
        with io.BufferedReader(log, _BLOCK) if isinstance(log, io.RawIOBase) else log as lines:
            yield lines
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise BmtickError(f"cannot read '{path}': {error}", remedy="is the file whole?") from None


def server_of(path: Path) -> str:
    """Return the name of the server that wrote a log, from its lines, or ""."""
    if not path.is_file():  # a pipe was already read
        return ""
    with open_lines(path) as file:
        found = _SERVER.search(file.read(_BLOCK))
    return found[1].decode("ascii") if found else ""


def _first_time(path: Path) -> int | None:
    with open_lines(path) as file:
        block = file.read(_BLOCK)
    clock = clock_of(block, str(path), time.time(), None)
    times = (clock.read(line) for line in block.split(b"\n", 1000)[:1000])
    return next((found for found in times if found is not None), None)


def _last_time(path: Path, first: int) -> int:
    """Return the newest time near the end of a file; a compressed file is read completely."""
    clock = LogClock(time.time(), first)
    newest = first
    with open_lines(path) as file:
        if path.suffix not in _COMPRESSED:
            file.seek(max(0, path.stat().st_size - _TAIL))
            if file.tell():
                file.readline()
            for line in file:
                newest = max(newest, clock.read(line) or first)
            return newest
        tail = b""
        while block := file.read(_BLOCK):
            tail = (tail + block)[-_BLOCK:]
    for line in tail.splitlines():
        newest = max(newest, clock.read(line) or first)
    return newest

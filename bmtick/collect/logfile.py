"""Log files that are rotated under the reader: what was read, where it is now, what is new.

A file is known by its inode and by a checksum of its first bytes, which no rotation changes:
renamed, copied and truncated, compressed or restored from a backup, it is found again. Rotated
files are read on for an hour, since a log daemon may write into one until it is told to reopen.
"""

from __future__ import annotations

import os
from binascii import crc32

from bmtick.collect.clock import LogClock
from bmtick.collect.files import COMPRESSED, decompressed, is_damage
from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from typing import Any, BinaryIO


HEAD = 256  # bytes that a file is known by
KEEP = 3600  # seconds that a rotated file is read on
BLOCK = 1 << 17  # bytes read at once
LEAST = 1 << 12  # the same where little is wanted
MAX_LINE = 1 << 20  # of a longer line the beginning is read
_ENDING = r"(?:\.(?:gz|xz|zst|bz2))?"


class LogFile:
    """How far one file was read.

    Attributes:
        name: where it was last seen.
        inode: its identity on this file system.
        head: length and checksum of its first bytes.
        offset: bytes of whole lines that were read, of the plain text.
        modified: nanoseconds; when it was last written, as far as known.
        first: time of its first line, seconds since the epoch; 0 where that is not known.
        since: seconds since the epoch when it was found rotated; 0 for the current file.
        cut: whether the offset lies in a line of which only the beginning was read.
        tail: the unfinished line at its end, when it was last read; not kept in the state.
        passed: bytes that were passed over; not kept in the state.
    """

    __slots__ = (
        "cut",
        "first",
        "head",
        "inode",
        "modified",
        "name",
        "offset",
        "passed",
        "since",
        "tail",
    )

    def __init__(self, name: str, offset: int = 0) -> None:
        self.name = name
        self.tail = b""
        self.passed = 0
        self.cut = False
        self.inode = self.modified = self.first = self.since = 0
        self.head = (0, 0)
        self.offset = offset

    def to_json(self) -> list[Any]:
        """Return it as the state keeps it."""
        return [getattr(self, key) for key in _KEPT]

    @classmethod
    def from_json(cls, values: list[Any]) -> LogFile:
        """Return what ``to_json`` gave."""
        file = cls("")
        for key, value in zip(_KEPT, values, strict=False):  # older states have fewer
            setattr(file, key, tuple(value) if key == "head" else value)
        return file

    def describe(self, log: BinaryIO, now: float) -> None:
        """Take identity and times from the opened file."""
        stat = os.fstat(log.fileno())
        self.inode, self.modified = stat.st_ino, stat.st_mtime_ns
        if self.head[0] < HEAD:
            start = beginning(log, self.name)
            self.head = (len(start), crc32(start))
            self.first = _first_time(start, now)

    def begins(self, start: bytes) -> bool:
        """Whether a file that begins so is this one; False where nothing of this one is known."""
        length, checksum = self.head
        return 0 < length <= len(start) and crc32(start[:length]) == checksum

    def matches(self, log: BinaryIO, name: str) -> bool:
        """Whether an opened file begins as this one did, and holds what was read of it."""
        if not self.begins(beginning(log, name)) and self.head[0]:
            return False
        return name.endswith(COMPRESSED) or os.fstat(log.fileno()).st_size >= self.offset


# In the order of the state; what is new comes last.
_KEPT = ("first", "head", "inode", "modified", "name", "offset", "since", "cut")


def _first_time(start: bytes, now: float) -> int:
    """Return the time of the first line that bears one: truncation may have cut the first."""
    clock = LogClock(now)
    times = (clock.read(line) for line in start.split(b"\n"))
    return next((time for time in times if time is not None), 0)


def beginning(log: BinaryIO, name: str) -> bytes:
    """Return the first bytes of the plain text."""
    raw = os.pread(log.fileno(), HEAD, 0)
    if not name.endswith(COMPRESSED):
        return raw
    log.seek(0)
    try:
        return decompressed(log, raw[:6], name).read(HEAD)
    except BmtickError:
        return b""  # nothing here reads it
    except Exception as error:
        if not is_damage(error):
            raise
        return b""  # still being written
    finally:
        log.seek(0)


class Candidate:
    """A file beside the log that may hold an older part of it."""

    __slots__ = ("inode", "modified", "name", "order", "rotated")

    def __init__(self, name: str, stat: os.stat_result, rotated: re.Match[str] | None) -> None:
        self.name = name
        self.inode = stat.st_ino
        self.modified = stat.st_mtime_ns
        self.rotated = rotated is not None
        number = rotated[1] if rotated else ""
        # mail.log.2 is older than mail.log.1, but mail.log-20240102 is newer than -20240101.
        self.order = -int(number) if number.isdigit() and len(number) < 6 else 0


def candidates(path: str) -> list[Candidate]:
    """List the files beside a log, those that are compressed last."""
    folder, base = os.path.split(path)
    stem, dot, extension = base.rpartition(".")
    import re

    names = rf"{re.escape(base)}[.-]([0-9][0-9._-]*|old){_ENDING}"
    if dot and stem:
        names += rf"|{re.escape(stem)}[.-]([0-9][0-9._-]*){re.escape(dot + extension)}{_ENDING}"
    pattern = re.compile(names)
    found = []
    try:
        entries = list(os.scandir(folder or "."))
    except OSError:
        return []
    for entry in entries:
        if entry.name == base:
            continue
        try:
            if entry.is_file():
                match = pattern.fullmatch(entry.name)
                name = os.path.join(folder, entry.name)
                found.append(Candidate(name, entry.stat(), match))
        except OSError:
            continue  # vanished meanwhile
    return sorted(found, key=lambda c: c.name.endswith(COMPRESSED))


def blocks(log: BinaryIO, file: LogFile, limit: int, carry: bytes = b"") -> Iterator[bytes]:
    """Yield what is new in an opened file, in blocks of whole lines, and move its offset.

    Args:
        log: the opened file.
        file: how far it was read; moves on after a block was taken.
        limit: stop after about so many bytes.
        carry: the beginning of the first line, where a rotation cut it.
    """
    if file.name.endswith(COMPRESSED):
        magic = os.pread(log.fileno(), 6, 0)
        log.seek(0)
        log = decompressed(log, magic, file.name)
        _skip(log, file.offset)
    else:
        log.seek(file.offset)
    yield from whole_lines(log, file, limit, carry)


def whole_lines(log: BinaryIO, file: LogFile, limit: int, carry: bytes = b"") -> Iterator[bytes]:
    """Yield blocks of whole lines, each with a newline before it and none after it.

    Of a line that is longer than ``MAX_LINE`` the beginning is yielded; the rest is counted in
    ``file.passed``, so that nothing in it is taken for a line.

    Args:
        log: what is read, from where it stands.
        file: takes offset, tail and what was passed over.
        limit: stop after about so many bytes.
        carry: what stands before the first byte.
    """
    rest = b"\n" + carry
    file.tail = b""
    wanted = limit > 0  # at least one line, or the beginning of one that is too long
    while (limit > 0 or wanted) and (block := log.read(min(BLOCK, max(limit, LEAST)))):
        limit -= len(block)
        wanted = wanted and not file.cut
        if file.cut and not (block := _skipped(block, file)):
            continue
        end = block.rfind(b"\n")
        if end < 0:
            rest += block
            if len(rest) > MAX_LINE:
                yield rest
                wanted = False
                file.offset += len(rest) - 1 - len(carry)
                rest, carry, file.cut = b"\n", b"", True
            continue
        yield rest + memoryview(block)[:end]
        wanted = False
        file.offset += len(rest) - len(carry) + end
        rest, carry = block[end:], b""
    file.tail = rest[1:]


def _skipped(block: bytes, file: LogFile) -> bytes:
    """Return what follows the end of the line that is too long."""
    end = block.find(b"\n")
    if end < 0:
        file.passed += len(block)
        file.offset += len(block)
        return b""
    file.passed += end
    file.offset += end + 1
    file.cut = False
    return block[end + 1 :]


def _skip(log: BinaryIO, count: int) -> None:
    while count > 0 and (block := log.read(min(count, BLOCK))):
        count -= len(block)

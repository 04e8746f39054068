"""Follows one log path through rotations: what to read next, in order."""

from __future__ import annotations

import os
import stat

from bmtick.collect import logfile
from bmtick.collect.clock import LogClock
from bmtick.collect.files import COMPRESSED, is_damage, unreadable
from bmtick.collect.logfile import Candidate, LogFile
from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

_UNLOGGED = "without rsyslog, 'postconf maillog_file' or --log journal tells where Postfix logs"

_PACKED = 1 << 20  # bytes read at least of a packed file, which is unpacked from its beginning


class LogTailer:
    """One log path.

    Args:
        path: where the log daemon writes.
        warn: takes one line for the administrator.

    Attributes:
        files: what is read, oldest first; the last one is, or was, the file at ``path``.
        uncertain: how often lines may have been lost since the collector started.
        more: whether a run ended before all that is new was read.
        passed: bytes of lines that are too long, passed over in this run.
        missing: when the log was found to be away, seconds since the epoch; 0: it is there.
    """

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self.path = path
        self.warn = warn
        self.files: list[LogFile] = []
        self.uncertain = 0
        self.missing = 0
        self.more = False
        self.passed = 0

    @property
    def written(self) -> float:
        """When the log was last written, seconds since the epoch; 0 where that is not known."""
        return self.files[-1].modified / 1e9 if self.files else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return what the state keeps."""
        return {"files": [file.to_json() for file in self.files], "missing": self.missing}

    def restore(self, kept: dict[str, Any]) -> None:
        """Take what ``to_json`` gave."""
        self.files = [LogFile.from_json(values) for values in kept["files"]]
        self.missing = int(kept["missing"])

    def begin(self, newest: int | None, now: float) -> None:
        """Begin without a state, with the newest so many bytes of the log; None: with all."""
        log = _open(self.path)
        if log is None:
            return
        with log:
            file = LogFile(self.path)
            size = os.fstat(log.fileno()).st_size
            if newest is not None and size > newest:
                file.offset = size - newest
                if newest:  # begin with a whole line
                    log.seek(file.offset)
                    file.offset += log.read(logfile.MAX_LINE).find(b"\n") + 1
                    self.warn(
                        f"{self.path} has {size} bytes: beginning with the last "
                        f"{size - file.offset} (--from-start begins with the first)"
                    )
            file.describe(log, now)
            self.files = [file]

    def new_blocks(self, now: float, limit: int) -> Iterator[bytes]:
        """Yield what is new, the oldest first, up to about so many bytes.

        Raises:
            BmtickError: the log may not be read.
        """
        self._look(now)
        self.more = False
        carry = b""
        damaged: set[str] = set()
        for index, file in enumerate(self.files):
            log = _peek(file.name)
            if log is None:
                continue  # renamed this instant: the next run finds it
            with log:
                if os.fstat(log.fileno()).st_ino != file.inode:
                    continue
                before = file.offset
                if limit > 0 and file.name.endswith(COMPRESSED):
                    limit = max(limit, _PACKED)
                try:
                    yield from logfile.blocks(log, file, limit, carry)
                except Exception as error:
                    if not is_damage(error) or not file.name.endswith(COMPRESSED):
                        raise
                    damaged.add(file.name)
                    self._damaged(file.name, error)
                limit -= file.offset - before + len(file.tail)
                self.passed, file.passed = self.passed + file.passed, 0
                if limit <= 0:
                    self.more = True
                    return
                file.describe(log, now)
                carry = self._cut_line(index)
        self._forget_old(now, damaged)

    def _damaged(self, name: str, error: Exception) -> None:
        """A rotated file cannot be unpacked: it is still being packed, or nothing here can."""
        self.warn(f"{name} cannot be read to its end, which is tried again for an hour: {error}")

    def _forget_old(self, now: float, damaged: set[str]) -> None:
        kept = [f for f in self.files if not f.since or now - f.since < logfile.KEEP]
        for file in self.files:
            if file not in kept and file.name in damaged:
                self.uncertain += 1
                self.warn(f"{file.name} cannot be read to its end: the lines there are lost")
        self.files = kept

    def _cut_line(self, index: int) -> bytes:
        """Return the beginning of a line that copytruncate cut: it goes on in the next file."""
        tail, following = self.files[index].tail, self.files[index + 1 : index + 2]
        if not tail or not following or following[0].offset:
            return b""
        after = _peek(following[0].name)
        if after is None:
            return b""
        with after:
            start = logfile.beginning(after, following[0].name)
        return tail if start and LogClock(0).read(start) is None else b""

    def _look(self, now: float) -> None:
        """Find out where the known files are now, and which are new."""
        log = _open(self.path)
        if log is None:
            if not self.missing:
                self.warn(f"there is no log {self.path}: waiting for it; {_UNLOGGED}")
                self.missing = int(now)
            if self.files:
                self._locate(self.files[-1], candidates := logfile.candidates(self.path))
                self._relocate_old(candidates)
            return
        with log:
            self.missing = 0
            newest = self.files[-1] if self.files else None
            if newest is None:
                self._append(self.path, log, now)
            elif not newest.head[0]:
                self._grown(newest, log, now)
            elif _inode(log) == newest.inode and newest.matches(log, self.path):
                newest.name = self.path
                if len(self.files) > 1:
                    self._relocate_old()
            else:
                self._rotated(newest, log, now)

    def _grown(self, newest: LogFile, log: BinaryIO, now: float) -> None:
        """The newest file was empty: what is at the path now may be another one of its inode."""
        candidates = logfile.candidates(self.path)
        self._relocate_old(candidates)
        # Still empty under another name, the daemon may yet write into it; else it is one of
        # those that nobody has seen, in the order of their times.
        kept = _inode(log) != newest.inode and self._locate(newest, candidates)
        if kept and not os.stat(newest.name).st_size:
            newest.since = int(now)
        else:
            self.files.remove(newest)
        self._take_new(candidates, newest, now)
        self._append(self.path, log, now)

    def _rotated(self, newest: LogFile, log: BinaryIO, now: float) -> None:
        """Another file is at the path: find the one that was, and those between the two."""
        candidates = logfile.candidates(self.path)
        written = newest.modified
        found = self._locate(newest, candidates)
        if not found and newest.head[0] and newest.matches(log, self.path):
            newest.inode = _inode(log)  # the same log, copied or restored
            return
        self._relocate_old(candidates)
        self._take_new(candidates, newest, now, written)
        if found:
            newest.since = int(now)
        else:
            self.files.remove(newest)
            if newest.head[0] or newest.offset:
                self.uncertain += 1
                self.warn(
                    f"{self.path} was replaced or truncated and its old file is not beside it, or "
                    "may not be read: what was logged after the last run may be lost"
                )
        self._append(self.path, log, now)

    def _take_new(
        self, candidates: list[Candidate], newest: LogFile, now: float, written: int = 0
    ) -> None:
        """Read the files whole that were rotated between two runs."""
        written = written or newest.modified
        names = {file.name for file in self.files}
        for candidate in sorted(candidates, key=lambda c: (c.modified, c.order)):
            if not candidate.rotated or candidate.modified < written or candidate.name in names:
                continue
            log = _peek(candidate.name)
            if log is None:
                continue
            with log:
                file = LogFile(candidate.name)
                file.describe(log, now)
                same = any(file.head == known.head for known in self.files)
                older = file.first and file.first < newest.first
                if file.head[0] and not same and not older:
                    file.since = int(now)
                    self.files.append(file)

    def _locate(self, file: LogFile, candidates: list[Candidate]) -> bool:
        """Find a file under its new name: by its inode, else as a copy of the same beginning."""
        likely = sorted(candidates, key=lambda c: c.inode != file.inode)
        for candidate in likely:
            same = candidate.inode == file.inode
            if not same and not (candidate.rotated and file.head[0]):
                continue
            log = _peek(candidate.name)
            if log is None:
                continue
            with log:
                if self._is(file, log, candidate.name):
                    file.name, file.inode = candidate.name, candidate.inode
                    return True
        return False

    def _is(self, file: LogFile, log: BinaryIO, name: str) -> bool:
        """Whether an opened file is a known one; an inode may have been given to another file."""
        if file.head[0]:
            return file.matches(log, name)
        start = logfile.beginning(log, name)
        return not any(known.begins(start) for known in self.files)

    def _relocate_old(self, candidates: list[Candidate] | None = None) -> None:
        """Find the rotated files that are still read on; forget those that are gone.

        The last of the files is the current one, and not looked for.
        """
        for file in self.files[:-1]:
            log = _peek(file.name)
            if log is not None:
                with log:
                    if _inode(log) == file.inode and self._is(file, log, file.name):
                        continue
            if candidates is None:
                candidates = logfile.candidates(self.path)
            if not self._locate(file, candidates):
                self.files.remove(file)

    def _append(self, name: str, log: BinaryIO, now: float) -> None:
        file = LogFile(name)
        file.describe(log, now)
        self.files.append(file)


def _open(path: str) -> BinaryIO | None:
    """Open a log; None: it is not there.

    Raises:
        BmtickError: it may not be read, or is none.
    """
    try:
        log = open(path, "rb", buffering=0, opener=_without_waiting)  # noqa: SIM115 -- the caller closes it
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from None
    mode = os.fstat(log.fileno()).st_mode
    if stat.S_ISREG(mode) or stat.S_ISCHR(mode):  # /dev/null: the queue alone is wanted
        return log
    log.close()
    import shlex

    raise BmtickError(
        f"cannot follow the log '{path}': it is a pipe or socket",
        remedy=f"a pipe is read whole: bmtick collect --from-start --no-state --log - <{shlex.quote(path)}",
    )


def _peek(path: str) -> BinaryIO | None:
    """Open a file that may be an older part of a log; None: it is gone, or may not be read."""
    try:
        return _open(path)
    except BmtickError:
        return None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a pipe that nobody writes would wait


def _inode(log: BinaryIO) -> int:
    return os.fstat(log.fileno()).st_ino

"""What is kept between two runs: one small file, whole or not at all.

A run that ends well leaves ``STATE``. Before it prints, it writes ``STATE.next``: the new state
and the very bytes that it is about to print; after it printed, it renames that file to ``STATE``.
So whenever it is killed, the next run knows how far it came:

- no ``STATE.next``: nothing was printed; the same lines are read again;
- ``STATE.next`` is there: its bytes may have been printed. The next run prints them again before
  anything else. Points of the same series and time replace each other in InfluxDB, so what was
  printed twice is stored once.

The window in which points can come twice is one ``rename``; there is none to lose any.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from binascii import crc32

from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

VERSION = 2
_MAGIC = b"bmtick-collect"
_PATIENCE = 5.0  # seconds to wait for another collector to end


class Kept:
    """One state file as read: the state, the output that belongs to it, its checksums."""

    __slots__ = ("checksum", "output", "parent", "state")

    def __init__(self, state: dict[str, Any], output: bytes, checksum: int, parent: int) -> None:
        self.state = state
        self.output = output
        self.checksum = checksum
        self.parent = parent


def encode(state: dict[str, Any], output: bytes, parent: int) -> bytes:
    """Return the bytes of a state file: a line of lengths and checksums, JSON, output."""
    body = json.dumps(state, separators=(",", ":")).encode()
    head = b"%d %d %08x" % (len(body), len(output), parent)
    checksum = crc32(output, crc32(body, crc32(head)))
    return b"%s %d %08x %s\n%s%s" % (_MAGIC, VERSION, checksum, head, body, output)


def decode(raw: bytes) -> Kept:
    """Return what ``encode`` took.

    Raises:
        ValueError: says what is wrong with it.
    """
    first, newline, rest = raw.partition(b"\n")
    parts = first.split(b" ", 3)
    if not newline or len(parts) != 4 or parts[0] != _MAGIC:
        raise ValueError("it is not a state of bmtick collect")
    if parts[1] != b"%d" % VERSION:
        raise ValueError(f"it is of version {parts[1].decode('ascii', 'replace')}")
    checksum = int(parts[2], 16)
    if crc32(rest, crc32(parts[3])) != checksum:
        raise ValueError("its checksum is wrong")
    length, size, parent = parts[3].split(b" ")
    if int(length) + int(size) != len(rest):
        raise ValueError("its length is wrong")
    body, output = rest[: int(length)], rest[int(length) :]
    try:
        state = json.loads(body)
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    if not isinstance(state, dict):
        raise ValueError("it is not a state of bmtick collect")  # noqa: TRY004 -- one error for all damage
    return Kept(state, output, checksum, int(parent, 16))


class StateFile:
    """The state of one collector, locked from ``open`` to ``close``.

    Args:
        path: ``STATE``; ``STATE.next`` and ``STATE.lock`` lie beside it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._checksum = 0  # of the state, and of the one that is to follow it
        self._prepared = 0
        self._lock = -1

    def open(self) -> tuple[Kept | None, bool, str]:
        """Lock and read.

        Returns:
            What was kept, if anything; whether its output must be printed again; what is wrong
            with the file, if anything.

        Raises:
            BmtickError: another collector runs, or the folder cannot be written.
        """
        self._take_lock()
        self._refuse_foreign()
        kept, damage = read_state(self.path)
        following, _ = read_state(self.path + ".next")
        self._checksum = kept.checksum if kept else 0
        if following is not None and (following.parent == self._checksum or damage):
            self._prepared = following.checksum
            return following, True, ""
        return kept, False, damage

    def prepare(self, state: dict[str, Any], output: bytes, *, durable: bool = True) -> None:
        """Write ``STATE.next``; nothing may be printed before this.

        Raises:
            BmtickError: it cannot be written, as when the disk is full.
        """
        raw = encode(state, output, self._checksum)
        name = self.path + ".next"
        try:
            fd = _create_anew(name)
            try:
                view = memoryview(raw)
                while view:
                    view = view[os.write(fd, view) :]
                if durable:
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise BmtickError(
                f"cannot write the state {name}: {error.strerror}; nothing was printed, "
                "the next run counts the same lines",
                remedy="make room, or name another file with --state",
            ) from None
        self._prepared = int(raw.split(b" ", 3)[2], 16)

    def touch(self) -> None:
        """Say that a run ended well that had nothing to keep: the doctor looks at the file's time."""
        try:
            os.utime(self.path)
        except OSError:
            return  # it is gone, or on a disk that is read-only: the next write says so

    def commit(self) -> None:
        """Make what ``prepare`` wrote the state; right after it was printed."""
        try:
            os.rename(self.path + ".next", self.path)
        except OSError as error:
            raise BmtickError(
                f"cannot replace the state {self.path}: {error.strerror}; what was printed is "
                "printed again by the next run",
                remedy=_whose(self.path) or "name another file with --state",
            ) from None
        self._checksum = self._prepared

    def close(self) -> None:
        """Let another collector run."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _refuse_foreign(self) -> None:
        """Refuse what is no damage: a folder, or a file of another user."""
        if os.path.isdir(self.path):
            raise BmtickError(
                f"the state {self.path} is a folder", remedy="name a file in it with --state"
            )
        if os.path.lexists(self.path) and not os.access(self.path, os.R_OK):
            raise BmtickError(
                f"cannot read the state {self.path}: Permission denied",
                remedy=_whose(self.path) or "chmod 600 on it",
            )

    def _take_lock(self) -> None:
        folder = os.path.dirname(self.path) or "."
        name = self.path + ".lock"
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            try:
                self._lock = create(name, os.O_RDWR)
            except FileExistsError:
                self._lock = os.open(name, os.O_RDWR | os.O_NOFOLLOW)
        except OSError as error:
            what = name if os.path.lexists(name) else f"in the state's folder {folder}"
            raise BmtickError(
                f"cannot write {what}: {error.strerror}",
                remedy=_whose(name)
                or "name a state with --state FILE, or keep none with --no-state",
            ) from None
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise BmtickError(
                        f"another bmtick collect uses the state {self.path}",
                        remedy="end it, or name another state with --state",
                    ) from None
                time.sleep(0.05)


def create(path: str, flags: int) -> int:
    """Create a file that was not there; the superuser leaves it to the folder's owner.

    So a run by hand as root does not lock out the collector that Telegraf runs.
    """
    fd = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        owner = os.stat(os.path.dirname(path) or ".")
        if owner.st_uid:
            os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd


def _create_anew(path: str) -> int:
    try:
        return create(path, os.O_WRONLY)
    except FileExistsError:
        if os.path.islink(path):
            raise
        os.unlink(path)
        return create(path, os.O_WRONLY)


def _whose(path: str) -> str:
    """Return the command that gives a file of another user to the one who collects; else ``""``."""
    try:
        owner = os.lstat(path).st_uid
    except OSError:
        return ""
    if owner == os.geteuid():
        return ""
    import pwd
    import shlex

    try:
        me = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        me = str(os.geteuid())
    return f"chown {me}: {shlex.quote(path)}; it belongs to user {owner}"


def in_use(path: str) -> bool:
    """Whether a process holds the state now."""
    try:
        lock = os.open(path + ".lock", os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def read_state(path: str) -> tuple[Kept | None, str]:
    """Return what a state file holds, if anything, and what is wrong with it, without a lock."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, error.strerror or "it cannot be opened"
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None, "it is no file"
        with os.fdopen(os.dup(fd), "rb") as file:
            return decode(file.read()), ""
    except (ValueError, OSError) as error:
        return None, str(error)
    finally:
        os.close(fd)

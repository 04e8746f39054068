"""What is kept between two runs: one small file, whole or not at all.

A run that ends well leaves ``STATE``. Before it prints, it writes ``STATE.next``: the new state
and the very bytes that it is about to print; after it printed, it renames that file to ``STATE``.
So whenever it is killed, the next run knows how far it came:

- no ``STATE.next``: nothing was printed; the same lines are read again;
- ``STATE.next`` is there: its bytes may have been printed. The next run prints them again before
  anything else. Points of the same series and time replace each other in InfluxDB, so what was
  printed twice is stored once.

Where a parent drops what a failed run printed, the rename waits for the good end of the run
(``shutdown.after_good_end``). So the window in which points can come twice is one ``rename``; there
is none to lose any.
"""

from __future__ import annotations

import os
from binascii import crc32

from bmtick.collect import stored
from bmtick.errors import BmtickError
from bmtick.files import Folder, user_name

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

VERSION = 3
_MAGIC = b"bmtick-collect"
_TIMEOUT = 5.0  # seconds to wait for another collector to end


class Snapshot:
    """One state file as read: the state, the output that belongs to it, its checksums."""

    __slots__ = ("checksum", "output", "parent", "state")

    def __init__(self, state: dict[str, Any], output: bytes, checksum: int, parent: int) -> None:
        self.state = state
        self.output = output
        self.checksum = checksum
        self.parent = parent


def encode(state: dict[str, Any], output: bytes, parent: int) -> bytes:
    """Return the bytes of a state file: a line of lengths and checksums, JSON, output."""
    body = stored.dumps(state).encode()
    head = b"%d %d %08x" % (len(body), len(output), parent)
    checksum = crc32(output, crc32(body, crc32(head)))
    return b"%s %d %08x %s\n%s%s" % (_MAGIC, VERSION, checksum, head, body, output)


def decode(raw: bytes) -> Snapshot:
    """Return what ``encode`` took.

    Raises:
        ValueError: says what is wrong with it.
    """
    first, newline, rest = raw.partition(b"\n")
    parts = first.split(b" ", 3)
    if not newline or len(parts) != 4 or parts[0] != _MAGIC:
        raise ValueError("it is not a state of bmtick collect")
    if parts[1] not in (b"1", b"2", b"3"):  # what they hold is the session's business
        raise ValueError(f"it is of version {parts[1].decode('ascii', 'replace')}")
    checksum = int(parts[2], 16)
    if crc32(rest, crc32(parts[3])) != checksum:
        raise ValueError("its checksum is wrong")
    length, size, parent = parts[3].split(b" ")
    if int(length) + int(size) != len(rest):
        raise ValueError("its length is wrong")
    body, output = rest[: int(length)], rest[int(length) :]
    try:
        state = stored.loads(body.decode())
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    if not isinstance(state, dict):
        raise ValueError("it is not a state of bmtick collect")  # noqa: TRY004 -- one error for all damage
    return Snapshot(state, output, checksum, int(parent, 16))


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
        self._name = os.path.basename(path)
        self._folder: Folder | None = None  # from open to close

    def _opened(self) -> Folder:
        if self._folder is None:
            self._folder = Folder(os.path.dirname(self.path), create=True)
        return self._folder

    def open(self) -> tuple[Snapshot | None, bool, str]:
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
        try:
            self._opened().create_anew(self._name + ".next", raw, durable=durable)
        except OSError as error:
            raise BmtickError(
                f"cannot write the state {self.path}.next: {error.strerror}; nothing was printed, "
                "the next run counts the same lines",
                remedy="make room, or name another file with --state",
            ) from None
        self._prepared = int(raw.split(b" ", 3)[2], 16)

    def touch(self) -> None:
        """Say that a run ended well that had nothing to keep: the doctor looks at the file's time."""
        try:
            os.utime(self._name, dir_fd=self._opened().fd, follow_symlinks=False)
        except OSError:
            return  # it is gone, or on a disk that is read-only: the next write says so

    def commit(self) -> None:
        """Make what ``prepare`` wrote the state; right after it was printed."""
        try:
            self._opened().rename(self._name + ".next", self._name)
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
        if self._folder:
            self._folder.close()
            self._folder = None

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
        name = self.path + ".lock"
        try:
            self._lock = self._opened().lock(self._name + ".lock", _TIMEOUT)
        except BlockingIOError:
            raise BmtickError(
                f"another bmtick collect uses the state {self.path}",
                remedy="end it, or name another state with --state",
            ) from None
        except OSError as error:
            folder = os.path.dirname(self.path) or "."
            what = name if os.path.lexists(name) else f"in the state's folder {folder}"
            raise BmtickError(
                f"cannot write {what}: {error.strerror}",
                remedy=_whose(name)
                or "name a state with --state FILE, or keep none with --no-state",
            ) from None


def _whose(path: str) -> str:
    """Return the command that gives a file of another user to the one who collects; else ``""``."""
    try:
        owner = os.lstat(path).st_uid
    except OSError:
        return ""
    if owner == os.geteuid():
        return ""
    import shlex

    if os.path.islink(path):
        return f"rm {shlex.quote(path)}"  # who made it means no good
    return f"chown {user_name(os.geteuid())}: {shlex.quote(path)}; it belongs to user {owner}"


def in_use(path: str) -> bool:
    """Whether a process holds the state now."""
    try:
        with Folder(os.path.dirname(path)) as folder:
            return folder.locked(os.path.basename(path) + ".lock")
    except OSError:
        return False


def read_state(path: str) -> tuple[Snapshot | None, str]:
    """Return what a state file holds, if anything, and what is wrong with it, without a lock."""
    try:
        with Folder(os.path.dirname(path)) as folder:
            return decode(folder.read(os.path.basename(path))), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, error.strerror or "it cannot be opened"
    except ValueError as error:
        return None, str(error)

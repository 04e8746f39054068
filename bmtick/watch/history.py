"""The history of ``bmtick watch``: alert events as JSON lines beside its state, with limited size.

A line is the output of ``bmtick eval`` for an event, with the alert's name, the kinds of handlers
that were called, and the silence that applied, if any. Each event is recorded exactly once, even if
the watch is killed: lines are part of the state until they are written, and the state contains the
previous size of the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from bmtick.durations import SECOND
from bmtick.engine import AlertEvent
from bmtick.errors import BmtickError
from bmtick.files import Folder
from bmtick.names import TASK_PREFIX

_LIMIT: Final = 4 << 20  # bytes of one file
_OLD: Final = 3  # files that are kept beside it: .1, .2, .3
_MAX_TEXT: Final = 2000  # characters of a message
_MAX_LINE: Final = 1 << 16  # bytes; beyond it, fields are left out


def path_of(state: str) -> str:
    """Return the path of the history of a state."""
    return f"{state}.history"


def line_of(event: AlertEvent, silence: str) -> bytes:
    """Return an event as one line; ``silence`` is the id of the silence that applied, or empty."""
    record = {"alert": event.task.removeprefix(TASK_PREFIX)} | msgspec.json.decode(event.to_json())
    record["message"] = event.message[:_MAX_TEXT]
    record["handlers"] = [] if silence else sorted({h.kind for h in event.handlers})
    if silence:
        record["silenced"] = silence
    line = msgspec.json.encode(record)
    if len(line) > _MAX_LINE:
        line = msgspec.json.encode(record | {"fields": {}})
    return line + b"\n"


class History:
    """Writes the history file.

    Args:
        path: path of the newest lines; older ones are in ``PATH.1`` and so on.
        warn: receives one line for the administrator.
        limit: bytes of one file.
    """

    def __init__(self, path: str, warn: Callable[[str], None], *, limit: int = _LIMIT) -> None:
        self._path, self._warn, self._limit = path, warn, limit
        self._pending: list[bytes] = []
        self._failing = False

    def add(self, event: AlertEvent, silence: str) -> None:
        """Add an event."""
        self._pending.append(line_of(event, silence))

    def take(self) -> tuple[list[int], bytes]:
        """Return the position of the next lines, and these lines; rotate first.

        The position is an argument of ``append``; it is JSON-able.
        """
        lines, self._pending = b"".join(self._pending), []
        if not lines:
            return [0, 0], b""
        try:
            info = Path(self._path).lstat()
        except OSError:
            return [0, 0], lines
        if not info.st_size or info.st_size + len(lines) <= self._limit:
            return [info.st_ino, info.st_size], lines
        try:
            self._rotate()
        except OSError as error:
            self._complain(error)
            return [info.st_ino, info.st_size], lines
        return [0, 0], lines

    def append(self, place: list[int], lines: bytes) -> None:
        """Write lines at a position; existing data there is replaced.

        A failed write is reported once and skipped: alerts are more important.
        """
        if not lines:
            return
        try:
            self._append(place, lines)
        except OSError as error:
            self._complain(error)
        else:
            self._failing = False

    def _complain(self, error: OSError) -> None:
        if not self._failing:
            self._warn(f"cannot write the history {self._path}: {error.strerror}")
        self._failing = True

    def _append(self, place: list[int], lines: bytes) -> None:
        path = Path(self._path)
        with Folder(path.parent) as folder:
            try:
                descriptor = folder.create_open(path.name, os.O_RDWR)
            except FileExistsError:
                descriptor = folder.open(path.name, os.O_RDWR)
        with os.fdopen(descriptor, "r+b") as file:
            info = os.fstat(file.fileno())
            inode, size = place
            if info.st_size > size and (info.st_ino == inode or not inode):
                file.truncate(size)
            end = file.seek(0, os.SEEK_END)
            if end and os.pread(file.fileno(), 1, end - 1) != b"\n":
                file.write(b"\n")  # the machine crashed within a line
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def _rotate(self) -> None:
        path = Path(self._path)
        with Folder(path.parent) as folder:
            for number in range(_OLD, 0, -1):
                older = f"{path.name}.{number - 1}" if number > 1 else path.name
                if folder.info(older):
                    folder.rename(older, f"{path.name}.{number}")


def read_history(path: str, since: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the recorded events since a time (nanoseconds), oldest first.

    Unreadable lines are skipped.

    Raises:
        BmtickError: no permission to read the file.
    """
    newest = Path(path).name
    for name in [*(f"{newest}.{number}" for number in range(_OLD, 0, -1)), newest]:
        try:
            with Folder(Path(path).parent) as folder:
                descriptor = folder.open(name)
            with os.fdopen(descriptor, "rb") as file:
                for line in file:
                    record = _record(line)
                    if record and moment_of(record["time"]) >= since:
                        yield record
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BmtickError(
                f"cannot read the history {path}: {error.strerror}",
                remedy="run it as root, or as the user of bmtick watch",
            ) from None


class _Record(msgspec.Struct, omit_defaults=True):
    alert: str
    time: str
    id: str
    level: Literal["OK", "INFO", "WARNING", "CRITICAL"]
    message: str
    previousLevel: str = ""  # noqa: N815 -- the contract's name
    tags: dict[str, str] = {}
    fields: dict[str, Any] = {}
    handlers: list[str] | msgspec.UnsetType = msgspec.UNSET
    silenced: str = ""


_DECODER: Final = msgspec.json.Decoder(_Record)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = msgspec.to_builtins(_DECODER.decode(line))
        moment_of(record["time"])
    except (ValueError, OverflowError, RecursionError):
        return None
    return record


def moment_of(text: str) -> int:
    """Return the nanoseconds of an event's time, to the second."""
    return int(datetime.fromisoformat(text).timestamp()) * SECOND

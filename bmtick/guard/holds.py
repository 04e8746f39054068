"""Holds, kept in an append-only journal that the guard and the commands both write.

The journal is JSON lines, mode 0600. A line is written before its action is done, so a kill at
any moment keeps all holds. Applying a line twice has the same result as applying it once. Damaged
lines are skipped and counted.

The commands append whole lines under a shared lock on the file. Only a guard, which locks
``STATE.lock`` while it runs, compacts the journal.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bmtick.errors import BmtickError
from bmtick.files import Folder
from bmtick.guard.subject import Subject
from bmtick.incident.units import iso

OBSERVE: Final = "observe"
HOLD: Final = "hold"
VERSION: Final = 1
MAX_IDS: Final = 200_000  # queue ids that are remembered, of all holds together
_HEADER = {"bmtick": "guard", "version": VERSION}
_MODE = 0o600
_COMPACT = 4 << 20  # journal size in bytes from which it is compacted
_FORGET = 3600.0  # seconds for which a release is remembered
_MAX_REASON = 500


@dataclass
class Hold:
    """The hold of one subject; in mode observe, the hold that would be.

    Attributes:
        since: seconds since the epoch.
        until: when it expires, seconds since the epoch; None: when it is released.
        by: ``guard``, ``hand`` or ``web``.
        mode: ``hold``, or ``observe``: nothing was put on hold.
        ids: queue ids of the messages that were put on hold; in mode observe, would have been.
        more: messages whose queue id is not known.
        notified: whether the recipients of [notify] were notified.
    """

    who: Subject
    since: float
    until: float | None
    reason: str
    by: str
    mode: str
    ids: dict[str, None] = field(default_factory=dict)
    more: int = 0
    notified: bool = False

    @property
    def messages(self) -> int:
        """Number of messages that were put on hold, or would have been."""
        return len(self.ids) + self.more

    def active(self, now: float) -> bool:
        """Whether new mail is held."""
        return self.until is None or now < self.until

    def document(self, now: float) -> dict[str, Any]:
        """Return the hold as JSON data, as ``bmtick held --format json`` and the page show it."""
        return {
            **self.who.document(),
            "who": str(self.who),
            "since": iso(int(self.since)),
            "until": None if self.until is None else iso(int(self.until)),
            "reason": self.reason,
            "messages": self.messages,
            "mode": self.mode,
            "active": self.active(now),
            "by": self.by,
        }


@dataclass
class Holds:
    """Current holds and permissions; the result of applying the journal's records in order.

    Attributes:
        held: active holds, and expired holds whose mail is still on hold.
        allowed: until when a released subject may send, seconds since the epoch.
        released: time and hold of each release of the last hour.
        damaged: records that could not be read.
    """

    held: dict[Subject, Hold] = field(default_factory=dict)
    allowed: dict[Subject, float] = field(default_factory=dict)
    released: dict[Subject, tuple[float, Hold]] = field(default_factory=dict)
    damaged: int = 0
    _ids: int = 0

    def apply(self, record: Any) -> None:
        """Apply one record; an invalid one is counted as damaged."""
        try:
            if "hold" in record:
                self._hold(record)
            elif "mail" in record:
                self._mail(record)
            elif "release" in record:
                self._release(record)
            elif "told" in record:
                if (known := self.held.get(_who(record["told"]))) is not None:
                    known.notified = True
            else:
                self.damaged += 1
        except (AttributeError, KeyError, TypeError, ValueError):
            self.damaged += 1

    def _hold(self, record: dict[str, Any]) -> None:
        who = _who(record["hold"])
        until = record.get("until")
        new = Hold(
            who,
            float(record["at"]),
            None if until is None else float(until),
            str(record["reason"])[:_MAX_REASON],
            str(record["by"]),
            HOLD if record["mode"] == HOLD else OBSERVE,
        )
        known = self.held.get(who)
        if known is not None and known.mode == new.mode:
            known.until, known.reason, known.by = new.until, new.reason, new.by
        elif known is None or new.mode == HOLD:
            if known is not None:
                self._ids -= len(known.ids)
            self.held[who] = new
        self.allowed.pop(who, None)
        self.released.pop(who, None)

    def _mail(self, record: dict[str, Any]) -> None:
        known = self.held.get(_who(record["mail"]))
        if known is None:
            return
        for queue_id in record.get("ids", ()):
            if str(queue_id) in known.ids:
                continue
            if self._ids < MAX_IDS:
                known.ids[str(queue_id)] = None
                self._ids += 1
            else:
                known.more += 1
        known.more += int(record.get("more", 0))

    def _release(self, record: dict[str, Any]) -> None:
        who = _who(record["release"])
        at, allow = float(record["at"]), float(record.get("allow") or 0)
        if (known := self.held.pop(who, None)) is not None:
            self._ids -= len(known.ids)
            self.released[who] = (at, known)
        if allow > at:
            self.allowed[who] = allow
        else:
            self.allowed.pop(who, None)

    def is_allowed(self, who: Subject, now: float) -> bool:
        """Whether a released subject may still send."""
        until = self.allowed.get(who)
        if until is None:
            return False
        if now < until:
            return True
        del self.allowed[who]
        return False

    def forget(self, now: float) -> None:
        """Drop expired entries: holds without a message on hold, permissions, releases."""
        for who, hold in list(self.held.items()):
            if not hold.active(now) and (not hold.messages or hold.mode == OBSERVE):
                del self.held[who]
                self._ids -= len(hold.ids)
                self.released[who] = (now, hold)
        for who, until in list(self.allowed.items()):
            if now >= until:
                del self.allowed[who]
        for who, (at, _) in list(self.released.items()):
            if now - at > _FORGET:
                del self.released[who]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield records that reproduce the current holds."""
        for who, until in self.allowed.items():
            yield {"release": list(who), "at": 0, "allow": until}
        for hold in self.held.values():
            yield hold_record(
                hold.who, hold.since, hold.reason, until=hold.until, by=hold.by, mode=hold.mode
            )
            if hold.messages:
                yield {"mail": list(hold.who), "ids": list(hold.ids), "more": hold.more}
            if hold.notified:
                yield notified_record(hold.who)


def hold_record(
    who: Subject, at: float, reason: str, *, until: float | None, by: str, mode: str
) -> dict[str, Any]:
    """Return the record that a subject is held from now on."""
    return {
        "hold": list(who),
        "at": round(at, 3),
        "until": None if until is None else round(until, 3),
        "reason": reason,
        "by": by,
        "mode": mode,
    }


def mail_record(who: Subject, ids: Iterable[str]) -> dict[str, Any]:
    """Return the record that messages were put on hold; count those without a queue id."""
    known = [queue_id for queue_id in ids if queue_id]
    return {"mail": list(who), "ids": known} if known else {"mail": list(who), "more": 1}


def notified_record(who: Subject) -> dict[str, Any]:
    """Return the record that the recipients of [notify] were notified of a hold."""
    return {"told": list(who)}


def release_record(who: Subject, at: float, allow: float) -> dict[str, Any]:
    """Return the record that a subject is released and may send until ``allow``."""
    return {"release": list(who), "at": round(at, 3), "allow": round(allow, 3)}


def _who(value: Any) -> Subject:
    kind, name, sender = value
    return Subject(str(kind), str(name), str(sender))


class Journal:
    """The journal file. Readers call ``poll``; the guard also holds ``lock`` and may ``compact``.

    Args:
        path: ``STATE``; the guard creates ``STATE.lock`` beside it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.holds = Holds()
        self._file = self._writer = -1
        self._inode = (0, 0)
        self._offset = 0
        self._rest = b""
        self._lock = -1
        self._compact_at = _COMPACT

    def lock(self) -> None:
        """Become the only guard of the journal, until ``close``.

        Raises:
            BmtickError: another guard uses it, or the folder is not writable.
        """
        name = f"{self.path}.lock"
        try:
            with Folder(self.path.parent, create=True) as folder:
                self._lock = folder.lock(f"{self.path.name}.lock")
        except BlockingIOError:
            raise BmtickError(
                f"another guard runs with the state {self.path}",
                remedy="end it, or name another file with --state",
            ) from None
        except OSError as error:
            raise BmtickError(f"cannot write {name}: {error.strerror}") from None

    def guarded(self) -> bool:
        """Whether a guard uses the journal now."""
        try:
            with Folder(self.path.parent) as folder:
                return folder.locked(f"{self.path.name}.lock")
        except OSError:
            return False

    def poll(self) -> bool:
        """Apply what was written since the last call; return whether there was anything.

        Raises:
            OSError: the file cannot be read.
            BmtickError: it is not a journal of this version.
        """
        try:
            info = os.stat(self.path)  # noqa: PTH116 -- called for every message
        except FileNotFoundError:
            return False
        inode = (info.st_dev, info.st_ino)
        if inode == self._inode and info.st_size == self._offset:
            return False
        if inode != self._inode or info.st_size < self._offset:
            self._reopen()
        changed = False
        while data := os.read(self._file, 1 << 20):
            self._offset += len(data)
            changed = True
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(line)
        return changed

    def _reopen(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        with Folder(self.path.parent) as folder:
            self._file = folder.open(self.path.name)
        info = os.fstat(self._file)
        self._inode, self._offset, self._rest = (info.st_dev, info.st_ino), 0, b""
        released = self.holds.released
        self.holds = Holds(released=released)
        first = os.pread(self._file, 4096, 0).partition(b"\n")[0]
        if first and not _is_header(first):
            raise BmtickError(
                f"{self.path} is not a state of this version of bmtick guard",
                remedy="name another file with --state",
            )

    def _take(self, line: bytes) -> None:
        if not line:
            return
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            self.holds.damaged += 1
            return
        if not (isinstance(record, dict) and "bmtick" in record):
            self.holds.apply(record)

    def append(self, records: Sequence[dict[str, Any]]) -> None:
        """Append records; they are applied at once or by the next ``poll``.

        Raises:
            OSError: they cannot be written.
        """
        text = _lines(records)
        if self._lock >= 0 and self._is_read():
            # The usual case, once for each held message: no other writer since the last read.
            _write_all(self._writer, text)
            if os.fstat(self._writer).st_size == self._offset + len(text):
                self._offset += len(text)
                for record in records:
                    self.holds.apply(record)
            return
        while not self._append(text):
            pass  # a guard rewrote the file meanwhile

    def _append(self, text: bytes) -> bool:
        with Folder(self.path.parent, create=True) as folder:
            try:
                fd = folder.create_open(self.path.name, os.O_RDWR | os.O_APPEND, _MODE)
            except FileExistsError:
                fd = folder.open(self.path.name, os.O_RDWR | os.O_APPEND)
        try:
            if self._lock < 0:
                fcntl.flock(fd, fcntl.LOCK_SH)  # a guard must not rewrite the file meanwhile
            info = os.fstat(fd)
            try:
                same = os.stat(self.path).st_ino == info.st_ino  # noqa: PTH116
            except FileNotFoundError:
                same = False
            if not same:
                return False
            start = b""
            if not info.st_size:
                start = _lines([_HEADER])
            elif os.pread(fd, 1, info.st_size - 1) != b"\n":
                start = b"\n"  # a kill or a full disk cut off the last line
            _write_all(fd, start + text)
            if self._lock < 0:
                os.fsync(fd)
            else:
                self._writer, fd = fd, self._writer
            return True
        finally:
            if fd >= 0:
                os.close(fd)

    def _is_read(self) -> bool:
        """Whether the open file is the current journal, completely read, without a partial line."""
        if self._writer < 0 or self._rest:
            return False
        try:
            info = os.stat(self.path)  # noqa: PTH116 -- called for every message
        except FileNotFoundError:
            return False
        own = os.fstat(self._writer)
        return (
            info.st_ino == own.st_ino == self._inode[1]
            and info.st_dev == own.st_dev
            and info.st_size == self._offset > 0
        )

    def sync(self) -> None:
        """Wait until the file is on the disk; this takes long.

        Raises:
            OSError: it cannot be written.
        """
        with Folder(self.path.parent) as folder:
            fd = folder.open(self.path.name)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def set_aside(self) -> Path:
        """Rename a file that is not a journal of this version; return the new name.

        Raises:
            OSError: it cannot be renamed.
        """
        aside = self.path.with_name(f"{self.path.name}.damaged")
        with Folder(self.path.parent) as folder:
            folder.rename(self.path.name, aside.name)
        self._inode, self._offset = (0, 0), 0
        return aside

    def compact(self, now: float, *, always: bool = False) -> None:
        """Rewrite the journal if it has grown large; skipped while a command writes.

        Raises:
            OSError: it cannot be written; the old journal is kept.
        """
        if self._file < 0 or (not always and self._offset < self._compact_at):
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        try:
            self.poll()
            self.holds.forget(now)
            text = _lines([_HEADER, *self.holds.records()])
            self._compact_at = max(_COMPACT, 2 * len(text))
            with Folder(self.path.parent) as folder:
                folder.replace(self.path.name, text)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self.poll()

    def close(self) -> None:
        """Release the journal for another guard."""
        for fd in (self._file, self._lock, self._writer):
            if fd >= 0:
                os.close(fd)
        self._file = self._lock = self._writer = -1
        self._inode = (0, 0)


def _lines(records: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(r, separators=(",", ":")).encode() + b"\n" for r in records)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _is_header(line: bytes) -> bool:
    try:
        return bool(json.loads(line) == _HEADER)
    except (ValueError, RecursionError):
        return False

"""Journal of steps: begin, progress and end, by whom, with which messages; JSON lines, mode 0600.

A step writes a line before it acts ("begin") and one after it ("end"); between them are its points
of no return ("copied", "staged"). So all messages of a killed step are known, and comparing the
journal with the queue shows what it did. The journal contains no secrets.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bmtick.errors import BmtickError, Location
from bmtick.files import Folder
from bmtick.incident.account import normal

_WAIT = 30.0  # seconds to wait for another bmtick, or for a postsuper that it left running
ANY_TIME = 0  # arrival of a message in lines of older versions


def operator() -> str:
    """Return the user who runs this: the user behind sudo, if there is one."""
    sudo = os.environ.get("SUDO_USER", "")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{sudo} (as {user})" if sudo and sudo != user else user


@dataclass
class Operation:
    """One step that was begun, as recorded in the journal.

    Attributes:
        who: the target's key: ``user NAME``, ``client NETWORK`` or ``filter TEXT``.
        time: when it began, seconds since the epoch.
        messages: queue id and arrival (seconds since the epoch) of all messages it applies to.
        folder: of copies.
        of: the deletion that a restoration reverts.
        committed: ids past the point of no return: copied to disk, or staged for the queue.
        ended: whether it ended; then ``done`` are the ids that it changed.
        failed: whether it ended with a failure.
    """

    id: str
    who: str
    step: str
    time: float
    messages: dict[str, int] = field(default_factory=dict)
    folder: str = ""
    of: str = ""
    committed: frozenset[str] = frozenset()
    sent: frozenset[str] = frozenset()
    ended: bool = False
    done: frozenset[str] = frozenset()
    failed: bool = False


@dataclass(frozen=True)
class Journal:
    """The journal of one machine's incidents.

    Args:
        folder: created with mode 0700; holds ``audit.jsonl`` and the copies of messages.
        clock: the present time.
        by: who acts.
        wait: seconds to wait for another run.
    """

    folder: Path
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    by: str = field(default_factory=operator)
    wait: float = _WAIT

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self.folder / "audit.jsonl"

    def opened(self) -> Folder:
        """Return the open folder, which only this user or root can enter or replace.

        Raises:
            BmtickError: it cannot be created, or others own it or can enter it.
        """
        try:
            folder = Folder(self.folder, create=True, private=True)
        except OSError as error:
            raise BmtickError(
                f"cannot create '{self.folder}': {error.strerror}",
                remedy="run as root, or name another folder with --folder",
            ) from None
        if os.fstat(folder.fd).st_mode & 0o077:
            folder.close()
            raise BmtickError(
                f"others can enter '{self.folder}', which is to hold mail",
                remedy=f"chmod 700 '{self.folder}', or name another folder with --folder",
            )
        return folder

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Allow one run at a time; yield a descriptor that child processes must inherit.

        A lock ends with the last process that has its descriptor. So if a killed bmtick left a
        ``postsuper`` running, the next run waits until the queue no longer changes.

        Raises:
            BmtickError: another run holds it for too long, or the folder cannot be written.
        """
        with self.opened() as folder:
            try:
                descriptor = folder.lock("lock", self.wait)
            except BlockingIOError:
                raise BmtickError(
                    "another 'bmtick respond' is at work here",
                    remedy=f"wait for it, or see who has it: fuser -v '{self.folder}/lock'",
                ) from None
            except OSError as error:
                raise BmtickError(f"cannot lock '{self.folder}': {error.strerror}") from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def begin(self, who: str, step: str, messages: Mapping[str, int], **facts: Any) -> str:
        """Record that a step begins, before it acts; return the operation's id."""
        operation = secrets.token_hex(6)
        self.write(operation, who, step, "begin", messages=list(messages.items()), **facts)
        return operation

    def write(self, operation: str, who: str, step: str, phase: str, **facts: Any) -> None:
        """Append one line and sync it to disk before returning.

        Raises:
            BmtickError: the line cannot be written; then the caller must not act.
        """
        kind, _, name = who.partition(" ")
        record = {
            "time": self.clock().isoformat(timespec="seconds"),
            "by": self.by,
            "op": operation,
            kind: name,
            "step": step,
            "phase": phase,
            **facts,
        }
        line = (json.dumps(record, ensure_ascii=True) + "\n").encode()
        try:
            with self.opened() as folder:
                if _is_torn(folder, self.path.name):
                    line = b"\n" + line
                folder.append(self.path.name, line)
        except OSError as error:
            raise BmtickError(
                f"cannot write the journal: {error.strerror}", location=Location(str(self.path))
            ) from None

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the lines, oldest first; a line that a crash cut off is skipped.

        Raises:
            BmtickError: the journal cannot be read.
        """
        try:
            with Folder(self.folder, private=True) as folder:
                text = folder.read(self.path.name).decode("utf-8", "replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise BmtickError(
                f"cannot read the journal: {error.strerror}", location=Location(str(self.path))
            ) from None
        for line in text.splitlines():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record

    def operations(self) -> list[Operation]:
        """Return all steps that were begun, oldest first."""
        found: dict[str, Operation] = {}
        for number, record in enumerate(self.records()):
            try:
                _take(record, number, found)
            except (ValueError, TypeError, OverflowError):
                continue  # not a line of this program
        for operation in found.values():
            if operation.folder:  # it may have moved since, with the journal
                operation.folder = str(self.folder / operation.folder)
        return list(found.values())


def _take(record: Mapping[str, Any], number: int, found: dict[str, Operation]) -> None:
    """Process one line; an invalid one raises ValueError, TypeError or similar."""
    key = str(record.get("op") or _key_of_old(record, found, number))
    if record.get("phase") == "begin":
        found[key] = _operation(key, record)
    elif key in found:
        _continue_operation(found[key], record)


def who_of(record: Mapping[str, Any]) -> str:
    """Return the key of a line's target."""
    for kind in ("client", "filter"):
        if record.get(kind):
            return f"{kind} {record[kind]}"
    return f"user {normal(str(record.get('user', '')))}"


def _operation(key: str, record: Mapping[str, Any]) -> Operation:
    # Older versions wrote only the ids.
    messages = record.get("messages") or [[i, ANY_TIME] for i in record.get("ids", ())]
    return Operation(
        id=key,
        who=who_of(record),
        step=str(record.get("step")),
        time=datetime.fromisoformat(str(record.get("time"))).timestamp(),
        messages={str(i): int(arrival) for i, arrival in messages},
        folder=Path(str(record.get("folder", ""))).name,
        of=str(record.get("of", "")),
    )


def _continue_operation(operation: Operation, record: Mapping[str, Any]) -> None:
    ids = frozenset(str(i) for i in record.get("ids", ()))
    phase = record.get("phase")
    if phase in ("copied", "staged"):
        operation.committed |= ids
    elif phase == "sent":
        operation.sent |= ids
    elif phase in ("end", "failed"):
        operation.ended = True
        operation.failed = phase == "failed" or record.get("ok") is False
        operation.done = ids
        operation.folder = Path(str(record.get("folder") or operation.folder)).name
        operation.of = str(record.get("of") or operation.of)


def _key_of_old(record: Mapping[str, Any], found: Mapping[str, Operation], number: int) -> str:
    """Return the key of a line without ``op``: the last step of its name and target."""
    if record.get("phase") == "begin":
        return f"line {number}"
    step, who = record.get("step"), who_of(record)
    return next(
        (o.id for o in reversed(list(found.values())) if o.step == step and o.who == who), ""
    )


def _is_torn(folder: Folder, name: str) -> bool:
    """Whether a crash cut off the last line, so that the next one needs a new line."""
    try:
        descriptor = folder.open(name)
    except FileNotFoundError:
        return False
    try:
        size = os.fstat(descriptor).st_size
        return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    finally:
        os.close(descriptor)


def is_message(arrival: int, found: int) -> bool:
    """Whether two arrivals of a queue id are the same message; short ids are reused."""
    return arrival in (ANY_TIME, found)


def held_by_bmtick(operations: Iterable[Operation]) -> dict[str, int]:
    """Return the messages (id and arrival) that bmtick put on hold, according to the journal.

    An unfinished step counts with all its messages: those that it did not reach are not on hold,
    which the queue shows.
    """
    held: dict[str, int] = {}
    for operation in operations:
        if operation.step == "hold":
            ids = operation.done if operation.ended else operation.messages
            held |= {i: a for i, a in operation.messages.items() if i in ids}
        elif operation.step in ("release", "delete") and operation.ended:
            for queue_id in operation.done:
                held.pop(queue_id, None)
    return held


def restorable(operation: Operation, operations: Iterable[Operation]) -> frozenset[str]:
    """Return the ids of a deletion that are deleted and not yet restored.

    In a restoration that was killed, staged messages count as restored, so that nothing is sent
    twice; :func:`bmtick.incident.response.recovery.recover` finds those that were not.
    """
    back: frozenset[str] = frozenset()
    for other in operations:
        if other.step == "restore" and other.of == operation.id:
            back |= other.done if other.ended else other.committed | other.sent
    return operation.done - back

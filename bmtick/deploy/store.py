"""Journal of a running apply, and history of applied states; files of mode 0600 on this machine.

One folder per server, in the state folder (see ``bmtick.state_folders``)::

    deploy/127.0.0.1_9092-1a2b3c4d/
        lock            held while something is changed
        journal.jsonl   exists only while an apply runs, or after it was killed
        history/0001.json   one file per applied state: definitions, ownership labels included

No file contains credentials.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bmtick.deploy.model import TaskDefinition, TemplateDefinition
from bmtick.errors import BmtickError, Location
from bmtick.files import Folder

MAX_REVISIONS = 100  # applied states that the history keeps
_VERSION: Final = 3  # 1: without births; 2: with births, and no version; 3: with created_at
_JOURNAL: Final = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Revision:
    """An applied state: number, time, and all definitions at that time."""

    number: int
    time: str
    cause: str
    origin: int  # the revision that a rollback restored, else its own number
    tasks: Mapping[str, TaskDefinition]
    templates: Mapping[str, TemplateDefinition]
    created_at: Mapping[str, str] = field(default_factory=dict)  # see Facts.created_at


class Store:
    """The folder of one server."""

    def __init__(self, state: Path, url: str) -> None:
        host = re.sub(r"[^A-Za-z0-9.]+", "_", url.partition("://")[2])[:40].strip("_")
        digest = hashlib.sha256(url.encode()).hexdigest()[:8]
        self.folder = state / "deploy" / f"{host}-{digest}"
        self._open: Folder | None = None  # while it is locked

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder; a second bmtick on this machine is refused.

        Raises:
            BmtickError: another process holds it, it cannot be written, or another user could
                change its content.
        """
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(Folder(self.folder, create=True, private=True))
                handle = folder.lock("lock")
            except BlockingIOError:
                raise BmtickError(
                    "another bmtick is changing this Kapacitor", remedy="wait for it to end"
                ) from None
            except OSError as error:
                raise BmtickError(
                    f"cannot keep a journal here: {error.strerror}",
                    location=Location(str(self.folder)),
                    remedy="run as root, or name a folder by --state-dir",
                ) from None
            self._open = folder
            try:
                yield
            finally:
                self._open = None
                os.close(handle)

    def _in_folder(self, work: Callable[[Folder], None]) -> None:
        """Run ``work`` in the locked folder.

        Raises:
            BmtickError: it cannot be written, e.g. because the disk is full.
        """
        folder = self._open
        if folder is None:
            raise RuntimeError("the folder is not locked")
        try:
            work(folder)
        except OSError as error:
            raise BmtickError(
                f"cannot write here: {error.strerror}", location=Location(str(self.folder))
            ) from None

    # journal

    def interrupted(self) -> list[dict[str, Any]]:
        """Return the lines of the journal that a killed apply left; empty: there is none."""
        try:
            with Folder(self.folder, private=True) as folder:
                text = folder.read(_JOURNAL).decode("utf-8", "replace")
        except OSError:
            return []
        entries = []
        for line in text.splitlines():
            try:
                entries.append(json.loads(line))
            except (ValueError, RecursionError):
                break  # the kill cut the last line
        return [e for e in entries if isinstance(e, dict)]

    def note(self, **entry: Any) -> None:
        """Append a line to the journal and sync it to disk."""
        line = json.dumps({"time": _now(), **entry}, ensure_ascii=False, default=str) + "\n"
        self._in_folder(lambda f: f.append(_JOURNAL, line.encode("utf-8", "replace")))

    def close_journal(self) -> None:
        """Remove the journal: the server is in a known state."""
        self._in_folder(lambda f: f.remove(_JOURNAL))

    # history

    def revisions(self) -> list[Revision]:
        """Return the applied states, oldest first; damaged files are left out."""
        return self._history()[0]

    def unreadable(self) -> list[str]:
        """Return the paths of history files that are damaged, or of a newer bmtick."""
        return [str(self.folder / "history" / name) for name in self._history()[1]]

    def _history(self) -> tuple[list[Revision], list[str]]:
        found, damaged = [], []
        try:
            with Folder(self.folder, private=True) as outer, outer.sub("history") as folder:
                for name in folder.names():
                    if not re.fullmatch(r"[0-9]+\.json", name):
                        continue
                    try:
                        found.append(_revision(json.loads(folder.read(name))))
                    except (
                        OSError,
                        ValueError,
                        KeyError,
                        TypeError,
                        AttributeError,
                        RecursionError,
                    ):
                        damaged.append(name)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.ENOTDIR):
                raise BmtickError(
                    f"cannot use the history: {error.strerror}",
                    location=Location(str(self.folder)),
                    remedy="see who owns the folder, or name another by --state-dir",
                ) from None
        return sorted(found, key=lambda r: r.number), damaged

    def record(
        self,
        tasks: Mapping[str, TaskDefinition],
        templates: Mapping[str, TemplateDefinition],
        *,
        created_at: Mapping[str, str],
        cause: str,
        origin: int = 0,
    ) -> Revision:
        """Write the present state as the next revision, atomically.

        An existing file is never overwritten, even if it cannot be read.
        """
        earlier, damaged = self._history()
        numbers = [r.number for r in earlier] + [int(name.partition(".")[0]) for name in damaged]
        number = max(numbers, default=0) + 1
        revision = Revision(number, _now(), cause, origin or number, tasks, templates, created_at)
        text = json.dumps({"version": _VERSION, **asdict(revision)}, ensure_ascii=False, indent=1)

        def write(outer: Folder) -> None:
            with outer.sub("history", create=True) as folder:
                folder.replace(f"{number:04}.json", text.encode("utf-8", "replace"))
                for old in earlier[: max(0, len(earlier) + 1 - MAX_REVISIONS)]:
                    folder.remove(f"{old.number:04}.json")

        self._in_folder(write)
        return revision

    def known(self, created_at: Mapping[str, str]) -> set[str]:
        """Return which of these tasks and templates this machine deployed, labelled or not.

        A name is not enough: another Kapacitor may have this address by now. A task with the
        recorded creation time is the same task.
        """
        revisions = self.revisions()
        recorded = revisions[-1].created_at if revisions else {}
        return {name for name, time in created_at.items() if time and recorded.get(name) == time}


def _revision(data: dict[str, Any]) -> Revision:
    if data.get("version", 1) > _VERSION:
        raise ValueError("of a newer bmtick")
    tasks = {}
    for name, task in data["tasks"].items():
        dbrps = tuple((d, r) for d, r in task["dbrps"])
        tasks[name] = TaskDefinition(**{**task, "dbrps": dbrps})
    templates = {name: TemplateDefinition(**t) for name, t in data["templates"].items()}
    return Revision(
        number=data["number"],
        time=data["time"],
        cause=data["cause"],
        origin=data["origin"],
        tasks=tasks,
        templates=templates,
        created_at=dict(data.get("created_at", data.get("births", {}))),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

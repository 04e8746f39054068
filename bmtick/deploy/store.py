"""What bmtick remembers on this machine, 0600: the journal of a running apply, and its history.

One folder per server, below the state folder::

    deploy/127.0.0.1_9092-1a2b3c4d/
        lock            held while something is changed
        journal.jsonl   there only while an apply runs, or after it was killed
        history/0001.json   one file per applied state: definitions, marks included

No credentials are in any of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bmtick.deploy.model import TaskDefinition, TemplateDefinition
from bmtick.errors import BmtickError, Location

KEPT = 100  # applied states that the history holds
SYSTEM_FOLDER = Path("/var/lib/bmtick")


@dataclass(frozen=True, slots=True)
class Revision:
    """An applied state: number, time, and all definitions that then stood."""

    number: int
    time: str
    cause: str
    origin: int  # the revision that a rollback went back to, else its own number
    tasks: Mapping[str, TaskDefinition]
    templates: Mapping[str, TemplateDefinition]
    births: Mapping[str, str] = field(default_factory=dict)  # as Facts.births tells them


def state_folder(wanted: str, home: Path | None = None) -> tuple[Path, str]:
    """Return the state folder, and a word about it when it is not the usual one.

    Without a wish it is ``/var/lib/bmtick`` where that can be written, else
    ``~/.local/state/bmtick``.
    """
    if wanted:
        return Path(wanted), ""
    nearest = next(p for p in (SYSTEM_FOLDER, *SYSTEM_FOLDER.parents) if p.exists())
    if os.access(nearest, os.W_OK):
        return SYSTEM_FOLDER, ""
    folder = (home or Path.home()) / ".local/state/bmtick"
    return folder, f"{SYSTEM_FOLDER} cannot be written: history and journal are in {folder}"


class Store:
    """The folder of one server."""

    def __init__(self, state: Path, url: str) -> None:
        host = re.sub(r"[^A-Za-z0-9.]+", "_", url.partition("://")[2])[:40].strip("_")
        digest = hashlib.sha256(url.encode()).hexdigest()[:8]
        self.folder = state / "deploy" / f"{host}-{digest}"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; a second bmtick on this machine is refused.

        Raises:
            BmtickError: another process holds it, or the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BmtickError(
                f"cannot keep a journal here: {error.strerror}",
                location=Location(str(self.folder)),
                remedy="run as root, or name a folder by --state-dir",
            ) from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BmtickError(
                    "another bmtick is changing this Kapacitor", remedy="wait for it to end"
                ) from None
            yield
        finally:
            os.close(handle)

    # journal

    @property
    def _journal(self) -> Path:
        return self.folder / "journal.jsonl"

    def interrupted(self) -> list[dict[str, Any]]:
        """Return the journal that a killed apply left, line by line; empty: there is none."""
        try:
            text = self._journal.read_text(encoding="utf-8", errors="replace")
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
        """Add a line to the journal, on disk before anything else is done."""
        line = json.dumps({"time": _now(), **entry}, ensure_ascii=False, default=str) + "\n"
        handle = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def close_journal(self) -> None:
        """Remove the journal: the server is in a known state."""
        self._journal.unlink(missing_ok=True)

    # history

    def revisions(self) -> list[Revision]:
        """Return the applied states, oldest first; a damaged file is passed over."""
        found = []
        for path in sorted((self.folder / "history").glob("[0-9]*.json")):
            with contextlib.suppress(
                OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError
            ):
                found.append(_revision(json.loads(path.read_text(encoding="utf-8"))))
        return sorted(found, key=lambda r: r.number)

    def record(
        self,
        tasks: Mapping[str, TaskDefinition],
        templates: Mapping[str, TemplateDefinition],
        *,
        births: Mapping[str, str],
        cause: str,
        origin: int = 0,
    ) -> Revision:
        """Write the state that now stands as the next revision, at once and whole."""
        earlier = self.revisions()
        number = earlier[-1].number + 1 if earlier else 1
        revision = Revision(number, _now(), cause, origin or number, tasks, templates, births)
        folder = self.folder / "history"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = folder / f"{number:04}.json"
        part = target.with_suffix(".part")
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(revision), file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        for old in earlier[: max(0, len(earlier) + 1 - KEPT)]:
            (folder / f"{old.number:04}.json").unlink(missing_ok=True)
        return revision

    def known(self, births: Mapping[str, str]) -> set[str]:
        """Return which of these tasks and templates this machine deployed, marks or not.

        A name is not enough: another Kapacitor may stand at this address by now. What was created
        at the recorded moment is the same task.
        """
        revisions = self.revisions()
        recorded = revisions[-1].births if revisions else {}
        return {name for name, time in births.items() if time and recorded.get(name) == time}


def _revision(data: dict[str, Any]) -> Revision:
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
        births=data["births"],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

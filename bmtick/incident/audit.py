"""The audit log: what was done, when, by whom, to which messages; append-only JSON lines, 0600.

A line is written before a step ("begin") and after it ("end"), so that even a step that was
killed leaves its trace. Nothing secret is ever written here.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bmtick.errors import BmtickError, Location
from bmtick.files import Folder


def operator() -> str:
    """Return who runs this: the user behind sudo, if there is one."""
    sudo = os.environ.get("SUDO_USER", "")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{sudo} (as {user})" if sudo and sudo != user else user


@dataclass(frozen=True)
class Audit:
    """The log of one machine's incidents.

    Args:
        folder: created with mode 0700; holds ``audit.jsonl`` and the copies of messages.
        clock: the present time.
        by: who acts.
    """

    folder: Path
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    by: str = field(default_factory=operator)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "audit.jsonl"

    def prepare(self) -> None:
        """Create the folder for root's eyes only.

        Raises:
            BmtickError: it cannot be created, or others can read it.
        """
        try:
            with self.opened() as folder:
                mode = os.fstat(folder.fd).st_mode
        except OSError as error:
            raise BmtickError(
                f"cannot create '{self.folder}': {error.strerror}",
                remedy="run as root, or name another folder with --folder",
            ) from None
        if mode & 0o077:
            raise BmtickError(
                f"others can enter '{self.folder}', which is to hold mail",
                remedy=f"chmod 700 '{self.folder}', or name another folder with --folder",
            )

    def opened(self) -> Folder:
        """Return the open folder.

        Raises:
            OSError: it cannot be made, or another user could change what is in it.
        """
        return Folder(self.folder, create=True, private=True)

    def write(self, account: str, step: str, phase: str, **facts: Any) -> None:
        """Append one line and see it on disk before going on.

        Raises:
            BmtickError: the line cannot be written; then nothing may be done either.
        """
        record = {
            "time": self.clock().isoformat(timespec="seconds"),
            "by": self.by,
            "user": account,
            "step": step,
            "phase": phase,
            **facts,
        }
        line = json.dumps(record, ensure_ascii=True) + "\n"
        self.prepare()
        try:
            with self.opened() as folder:
                folder.append(self.path.name, line.encode())
        except OSError as error:
            raise BmtickError(
                f"cannot write the audit log: {error.strerror}", location=Location(str(self.path))
            ) from None

    def read(self, account: str = "") -> Iterator[dict[str, Any]]:
        """Return the records, oldest first; with ``account`` only this account's.

        A line that a crash cut off is passed over.
        """
        try:
            with Folder(self.folder, private=True) as folder:
                text = folder.read(self.path.name).decode("utf-8", "replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise BmtickError(
                f"cannot read the audit log: {error.strerror}", location=Location(str(self.path))
            ) from None
        for line in text.splitlines():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict) and account in ("", record.get("user")):
                yield record

    def held_ids(self, account: str) -> set[str]:
        """Queue ids that bmtick put on hold for this account and has not released since."""
        held: set[str] = set()
        for record in self.read(account):
            if record.get("phase") != "end":
                continue
            if record.get("step") == "hold":
                held |= set(record.get("ids", ()))
            elif record.get("step") in ("release", "delete"):
                held -= set(record.get("ids", ()))
        return held

"""Postfix's spool: read a queue file, and put one back as ``postsuper -r`` does.

To requeue a message, ``postsuper -r`` renames its queue file into ``maildrop``, where pickup takes
it, drops the recipients who already have it, and keeps its login and client. Postfix treats a queue
file from bmtick the same way (``postsuper.c``, ``pickup.c``; seen on 3.7.11). The file is staged in
a separate folder of the spool first, and the rename is atomic: a copy that is still staged was not
sent, one that is gone was.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bmtick.errors import BmtickError
from bmtick.incident.postconf import read_parameter
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import Envelope, checked_id

_STAGE = "bmtick-restore"


@dataclass(frozen=True)
class Spool:
    """The spool of one Postfix.

    Args:
        folder: ``queue_directory``.
        owner: user id of ``mail_owner``.
    """

    folder: Path
    owner: int

    def read(self, envelope: Envelope) -> bytes:
        """Return the content of a queue file.

        Raises:
            BmtickError: it cannot be read, or no longer exists.
        """
        path = self.folder / envelope.path
        try:
            with path.open("rb") as file:
                data = file.read()
                same = os.fstat(file.fileno()).st_ino == path.stat().st_ino
        except OSError as error:
            raise BmtickError(f"cannot read '{path}': {error.strerror}") from None
        if not same:
            raise BmtickError(f"'{path}' changed while it was read", remedy="try again")
        return data

    def stage(self, operation: str, queue_id: str, copy: Path) -> None:
        """Stage a queue file for :meth:`submit`.

        Raises:
            BmtickError: it cannot be written, usually because this is not root.
        """
        folder = self._stage(operation)
        path = folder / checked_id(queue_id)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(copy, path)
            os.chown(path, self.owner, -1)
            path.chmod(0o700)  # the execute bit tells pickup that the file is complete
        except OSError as error:
            raise BmtickError(
                f"cannot write '{path}': {error.strerror}", remedy="run as root"
            ) from None

    def submit(self, operation: str, queue_id: str) -> None:
        """Move a staged message to pickup's folder.

        Raises:
            BmtickError: ``maildrop`` has a message of that name, or it cannot be moved.
        """
        target = self.folder / "maildrop" / queue_id
        if os.path.lexists(target):
            raise BmtickError(f"'{target}' is there already", remedy="try again in a minute")
        try:
            (self._stage(operation) / queue_id).rename(target)
        except OSError as error:
            raise BmtickError(f"cannot write '{target}': {error.strerror}") from None

    def staged(self, operation: str, ids: Iterable[str]) -> frozenset[str]:
        """Return which of the ids are still staged, so were not submitted."""
        folder = self._stage(operation)
        return frozenset(i for i in ids if (folder / i).exists())

    def clear(self, operation: str) -> None:
        """Remove the staged files of an operation."""
        if not self._stage(operation).exists():
            return
        shutil.rmtree(self._stage(operation), ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.folder / _STAGE).rmdir()

    def wake_pickup(self) -> None:
        """Notify pickup of new mail; otherwise it checks once a minute."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as trigger:
            trigger.settimeout(1)
            trigger.connect(str(self.folder / "public" / "pickup"))
            trigger.send(b"W")

    def _stage(self, operation: str) -> Path:
        return self.folder / _STAGE / checked_id(operation)


def open_spool(programs: Programs) -> Spool:
    """Return the spool of the Postfix instance of ``programs``.

    Raises:
        BmtickError: Postfix is not installed, or its settings cannot be read.
    """
    owner = read_parameter(programs, "mail_owner")
    try:
        uid = pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise BmtickError(f"mail_owner '{owner}' is no user of this machine") from None
    return Spool(Path(read_parameter(programs, "queue_directory")), uid)

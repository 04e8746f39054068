"""Copies of messages, taken before they are deleted.

A dated folder for each deletion, mode 0700, contains three files of mode 0600 for each message:
``QUEUEID.queue``, Postfix's unchanged queue file, which a restoration puts back; ``QUEUEID.eml``,
the message for people; and ``QUEUEID.json``, its envelope. They are never changed: the journal
records which of them were put back. A restored message goes only to recipients who do not have it
yet, since the queue file marks the others.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bmtick.errors import BmtickError, Location
from bmtick.files import Folder
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import Envelope, checked_id

_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+")


def new_folder(parent: Path, target: str, now: datetime) -> Path:
    """Return the path of a new folder, named by time and target."""
    name = re.sub(r"[^A-Za-z0-9@._+-]", "_", target)[:60].lstrip(".-") or "user"
    stem = f"{now:%Y%m%dT%H%M%SZ}-{name}"
    for number in range(1000):
        folder = parent / (stem if not number else f"{stem}-{number}")
        if not os.path.lexists(folder):
            return folder
    raise BmtickError(f"'{parent}' has a thousand folders of this second", remedy="try again")


def quoted_address(address: str) -> str:
    """Return an address in the form of RFC 5321: the local part in quotes if necessary."""
    local, at, domain = address.rpartition("@")
    if not at:
        local, domain = address, ""
    if local == "" or all(_ATOM.fullmatch(part) for part in local.split(".")):
        return address
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"{at}{domain}'


def save(folder: Path, envelope: Envelope, message: bytes, queue_file: bytes) -> None:
    """Write one message, its queue file and its envelope; ``sync_all`` syncs them to disk.

    Raises:
        BmtickError: they cannot be written, or the copy is incomplete.
    """
    stem = checked_id(envelope.queue_id)
    # Postfix counts two bytes for each line end, and more for overlong lines, so never less.
    if not message or envelope.size <= 0 or len(message) + message.count(b"\n") > envelope.size:
        raise BmtickError(f"the copy of {stem} does not match its queue file")
    record = {
        "queue_id": envelope.queue_id,
        "sender": envelope.sender,
        "recipients": envelope.pending,
        "delivered": envelope.done,
        "arrival": envelope.arrival,
        "size": envelope.size,
        "login": envelope.attributes.get("sasl_username", ""),
        "client": envelope.origin.client,
    }
    _write(folder / f"{stem}.queue", queue_file)
    _write(folder / f"{stem}.eml", message)
    # ASCII: bytes that are not UTF-8 become lone surrogates, which JSON escapes.
    _write(folder / f"{stem}.json", (json.dumps(record, indent=1) + "\n").encode("ascii"))


def sync_all() -> None:
    """Sync all written files to disk: together, since syncing each one takes minutes."""
    os.sync()


@dataclass(frozen=True)
class Copy:
    """One message in a folder of copies."""

    folder: Path
    queue_id: str
    record: dict[str, Any]

    @property
    def queue_file(self) -> Path | None:
        """Postfix's queue file; None in copies of older versions, which did not save it."""
        path = self.folder / f"{self.queue_id}.queue"
        return path if path.exists() else None

    @property
    def restored(self) -> bool:
        """Whether an older version put it back and recorded that in the copy."""
        return bool(self.record.get("restored"))

    def resend(self, programs: Programs) -> str:
        """Submit a copy without queue file as new mail; return "" or the reason of the failure.

        ``-G`` keeps Postfix from rewriting the headers of a message that is not new.
        """
        sender = quoted_address(str(self.record["sender"]))
        to = [quoted_address(str(r)) for r in self.record["recipients"]]
        command = programs.postfix("sendmail", "-G", "-i", "-f", sender, "--", *to)
        done = programs.run(command, stdin=(self.folder / f"{self.queue_id}.eml").read_bytes())
        return done.error if done.status else ""


def load(folder: Path, queue_id: str) -> Copy:
    """Load one copy.

    Raises:
        BmtickError: it does not exist, or is damaged.
    """
    path = folder / f"{checked_id(queue_id)}.json"
    try:
        record = json.loads(path.read_bytes().decode("utf-8"))
        if not _is_record(record):
            raise ValueError("no sender, or no list of recipients")
    except FileNotFoundError:
        raise BmtickError(
            f"there is no copy of {queue_id} in '{folder}'", remedy="the journal names the folder"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BmtickError(f"damaged copy: {error}", location=Location(str(path))) from None
    return Copy(folder, queue_id, record)


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(record.get("sender"), str)
        and isinstance(record.get("recipients"), list)
        and all(isinstance(address, str) for address in record["recipients"])
    )


def _write(path: Path, data: bytes) -> None:
    try:
        with Folder(path.parent, private=True) as folder:
            folder.create(path.name, data, durable=False)
    except OSError as error:
        raise BmtickError(f"cannot write: {error.strerror}", location=Location(str(path))) from None

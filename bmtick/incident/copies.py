"""Copies of messages, taken before they are deleted, and put back into the queue on demand.

A dated folder per deletion, mode 0700, holds two files of mode 0600 for each message:
``QUEUEID.eml``, the message as it was, and ``QUEUEID.json``, its envelope. Only recipients who
had not got the message yet get it when it is restored.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bmtick.errors import BmtickError, Location
from bmtick.files import Folder
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import Envelope, checked_id

_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+")


def new_folder(parent: Path, account: str, now: datetime) -> Path:
    """Create and return an empty folder named by time and account, for its owner only."""
    name = re.sub(r"[^A-Za-z0-9@._+-]", "_", account)[:60].lstrip(".-") or "user"
    stem = f"{now:%Y%m%dT%H%M%SZ}-{name}"
    for number in range(1000):
        folder = parent / (stem if not number else f"{stem}-{number}")
        try:
            with Folder(parent, private=True) as outer:
                os.mkdir(folder.name, 0o700, dir_fd=outer.fd)
        except FileExistsError:
            continue
        except OSError as error:
            raise BmtickError(f"cannot create '{folder}': {error.strerror}") from None
        return folder
    raise BmtickError(f"'{parent}' has a thousand folders of this second", remedy="try again")


def external(address: str) -> str:
    """Return an address as RFC 5321 writes it: the local part in quotes where it needs them."""
    local, at, domain = address.rpartition("@")
    if not at:
        local, domain = address, ""
    if local == "" or all(_ATOM.fullmatch(part) for part in local.split(".")):
        return address
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"{at}{domain}'


def save(folder: Path, envelope: Envelope, message: bytes) -> None:
    """Write one message and its envelope; ``settle`` sees to it that they are on disk.

    Raises:
        BmtickError: they cannot be written, or the copy is not whole.
    """
    stem = checked_id(envelope.queue_id)
    # Postfix counts each line end as two bytes and more for overlong lines, so never less.
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
        "restored": "",
    }
    _write(folder / f"{stem}.eml", message)
    _write(folder / f"{stem}.json", _encode(record))


def settle() -> None:
    """Wait until all that was written is on disk: once, as a wait for each file takes minutes."""
    os.sync()


@dataclass(frozen=True)
class Copy:
    """One message in a folder of copies."""

    path: Path
    record: dict[str, Any]

    @property
    def queue_id(self) -> str:
        """Its queue id at the time it was deleted."""
        return self.path.stem

    @property
    def restored(self) -> bool:
        """Whether it was put back already."""
        return bool(self.record.get("restored"))

    def command(self, programs: Programs) -> tuple[str, ...]:
        """Return the command that puts it back; the message goes to its stdin.

        ``-G`` keeps Postfix from rewriting the headers of a message that is not new.
        """
        sender = external(str(self.record["sender"]))
        to = [external(str(r)) for r in self.record["recipients"]]
        return programs.postfix("sendmail", "-G", "-i", "-f", sender, "--", *to)

    def restore(self, programs: Programs, now: datetime) -> str:
        """Put the message back into the queue; return "" or why it did not work."""
        if not self.record["recipients"]:
            return "nobody was left to receive it"
        message = self.path.with_suffix(".eml").read_bytes()
        done = programs.run(self.command(programs), stdin=message)
        if done.status:
            return done.error
        record = {**self.record, "restored": now.isoformat(timespec="seconds")}
        try:
            with Folder(self.path.parent, private=True) as folder:
                folder.replace(self.path.name, _encode(record))
        except OSError as error:
            return f"it was put back, but cannot be marked so: {error.strerror}"
        return ""


def load(folder: Path) -> Iterator[Copy]:
    """Return the copies in a folder, by queue id.

    Raises:
        BmtickError: there is no such folder, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise BmtickError(
            f"there is no folder of copies '{folder}'", remedy="the audit log names it"
        )
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_bytes().decode("utf-8"))
            if not _is_record(record):
                raise ValueError("no sender, or no list of recipients")
        except (OSError, ValueError, RecursionError) as error:
            raise BmtickError(f"damaged copy: {error}", location=Location(str(path))) from None
        yield Copy(path, record)


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(record.get("sender"), str)
        and isinstance(record.get("recipients"), list)
        and all(isinstance(address, str) for address in record["recipients"])
    )


def _encode(record: dict[str, Any]) -> bytes:
    # ASCII: bytes that are no UTF-8 come through as lone surrogates, which JSON escapes.
    return (json.dumps(record, indent=1) + "\n").encode("ascii")


def _write(path: Path, data: bytes) -> None:
    try:
        with Folder(path.parent, private=True) as folder:
            folder.create(path.name, data, durable=False)
    except OSError as error:
        raise BmtickError(f"cannot write: {error.strerror}", location=Location(str(path))) from None

"""Read queue files with ``postcat``, which needs root.

A queue file contains the complete login in a record of its own, so it is more reliable than the
log, which cuts names at 100 characters and is rotated. Source: Postfix's ``smtpd.c``
(``mail_open_stream``) and ``postcat(1)``, seen on 3.7.11.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bmtick.errors import BmtickError
from bmtick.incident.origin import Origin
from bmtick.incident.programs import Programs

QUEUE_ID = re.compile(r"[0-9A-Za-z]{6,32}")  # short: hexadecimal; long: base 52
_START = re.compile(r"\*\*\* ENVELOPE RECORDS (.*?([0-9A-Za-z]+)) \*\*\*")
_SIZE = re.compile(r"\s*([0-9]{1,18})\b")
_CONTENTS = "*** MESSAGE CONTENTS "
_BATCH = 200  # ids of one command line


@dataclass
class Envelope:
    """The envelope of one queue file; addresses in Postfix's internal form, without quotes.

    Attributes:
        path: of the queue file, relative to Postfix's queue_directory.
        size: bytes of the message, as Postfix counts them.
        arrival: local time, as postcat prints it.
        pending: recipients without the message; ``done``: recipients who have it.
        originals: recipients before aliases or rules replaced them.
        attributes: named attributes; the first value of each.
    """

    queue_id: str
    path: str = ""
    sender: str = ""
    size: int = 0
    arrival: str = ""
    pending: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    originals: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> Origin:
        """Login and client."""
        client = self.attributes.get("log_client_address", self.attributes.get("client_address"))
        return Origin(
            user=self.attributes.get("sasl_username", ""),
            client=client or "",
            name=self.attributes.get("client_name", ""),
            source="queue file",
        )


def parse_envelopes(text: str) -> Iterator[Envelope]:
    """Parse the output of ``postcat -e``: yield one envelope after another."""
    envelope: Envelope | None = None
    for line in text.split("\n"):
        start = _START.fullmatch(line) if envelope is None else None
        if start:
            envelope = Envelope(start[2], start[1])
        elif envelope is not None and line.startswith(_CONTENTS):
            yield envelope
            envelope = None
        elif envelope is not None:
            _record(envelope, line)


def _record(envelope: Envelope, line: str) -> None:
    kind, _, value = line.partition(": ")
    if kind == "named_attribute":
        name, _, text = value.partition("=")
        envelope.attributes.setdefault(name, text)
    elif kind == "sender":
        envelope.sender = value
    elif kind == "recipient":
        envelope.pending.append(value)
    elif kind == "done_recipient":
        envelope.done.append(value)
    elif kind == "original_recipient":
        envelope.originals.append(value)
    elif kind == "message_arrival_time":
        envelope.arrival = value
    elif kind == "message_size":
        envelope.size = int(digits[1]) if (digits := _SIZE.match(value)) else 0


def read_envelopes(
    programs: Programs, ids: Iterable[str], *, timeout: float = math.inf
) -> dict[str, Envelope]:
    """Return the envelopes of these queue ids, without messages that have left the queue.

    Args:
        programs: for ``postcat``.
        ids: the queue ids.
        timeout: seconds; later envelopes are left out. ``postcat`` searches a second for each
            message that has left the queue, and a busy server has many.

    Raises:
        BmtickError: an id is invalid, or postcat may not read the queue.
    """
    wanted = [checked_id(i) for i in ids]
    found: dict[str, Envelope] = {}
    deadline = time.monotonic() + timeout
    while wanted and time.monotonic() < deadline:
        batch = wanted[:_BATCH]
        done = programs.run(programs.postfix("postcat", "-e", "-q", *batch))
        if b"ermission denied" in done.stderr:
            raise BmtickError(f"cannot read the queue files: {done.error}", remedy="run as root")
        text = done.stdout.decode("utf-8", "surrogateescape")
        found |= {e.queue_id: e for e in parse_envelopes(text)}
        # postcat stops at the first missing file: continue after it.
        missing = next((n for n, i in enumerate(batch) if i not in found), len(batch) - 1)
        wanted = wanted[missing + 1 :]
    return found


def read_message(programs: Programs, queue_id: str) -> bytes:
    """Return header and body of a queued message; lines end in LF.

    Raises:
        BmtickError: it has left the queue, or postcat may not read it.
    """
    done = programs.run(programs.postfix("postcat", "-h", "-b", "-q", checked_id(queue_id)))
    if done.status:
        raise BmtickError(f"cannot read message {queue_id}: {done.error}")
    return done.stdout


def submitting_uid(programs: Programs, queue_id: str) -> int | None:
    """Return the uid that submitted a message by ``sendmail``; None: no uid, or not queued.

    It is read from the header that pickup(8) writes with the message's own id.
    """
    done = programs.run(programs.postfix("postcat", "-h", "-q", checked_id(queue_id)))
    found = re.search(
        rb"^Received: by [^\n]* \([^\n]*, from userid ([0-9]{1,10})\)\n[ \t]+id %b;"
        % queue_id.encode(),
        done.stdout,
        re.MULTILINE,
    )
    return int(found[1]) if found else None


def checked_id(queue_id: str) -> str:
    """Return the queue id if it is valid: other text must not get into a command or file name.

    Raises:
        BmtickError: it is not letters and digits.
    """
    if not QUEUE_ID.fullmatch(queue_id):
        raise BmtickError(f"'{queue_id}' is not a queue id")
    return queue_id

"""Put messages of somebody who is held on hold, and give them back: ``postsuper``, as root.

The queue file itself says whose a message is, before anything is done with it: a short queue id
may have gone to another message since it was read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bmtick.errors import BmtickError
from bmtick.guard.who import CLIENT, FORWARD, FROM, LOCAL, UID, USER, Who, client_address
from bmtick.incident.account import normal
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import QUEUE_ID, Envelope, read_envelopes, submitting_uid
from bmtick.incident.queued import read_queue

_BATCH = 500  # ids that are checked and put on hold in one go
_AT_ONCE = 500  # messages that are sent at once: each takes a process
_SHOWN = 20  # ids on a command line to paste
_DONE = re.compile(
    rb"^postsuper: ([0-9A-Za-z]+): (?:placed on hold|released from hold)", re.MULTILINE
)


class Brake(Protocol):
    """Puts queued messages on hold and gives them back."""

    def hold(self, who: Who, ids: Sequence[str]) -> list[str]:
        """Put those of somebody's messages that are in the queue on hold; return which.

        Raises:
            BmtickError: nothing can be put on hold here; the remedy is a command to paste.
        """

    def release(self, who: Who, ids: Sequence[str]) -> list[str]:
        """Give those that are on hold back to Postfix; return which.

        Raises:
            BmtickError: as for ``hold``.
        """


def is_of(who: Who, envelope: Envelope) -> bool:
    """Whether a queued message is somebody's, by its queue file; of a uid, whether it may be."""
    login = envelope.attributes.get("sasl_username", "")
    client = client_address(envelope.origin.client)
    if who.kind == USER:
        return bool(login) and normal(login) == normal(who.name)
    if who.kind == CLIENT:
        return client == who.name
    if who.kind == FROM:
        return not login and client == who.name and normal(envelope.sender) == who.sender
    if who.kind == LOCAL and not client and not login:
        return who.name.startswith(UID) or normal(envelope.sender) == who.name
    return who.kind == FORWARD and who.name in map(normal, envelope.originals)


@dataclass(frozen=True)
class Postsuper:
    """Runs ``postsuper`` itself, which only root may.

    Args:
        programs: the programs of this machine.
    """

    programs: Programs

    def hold(self, who: Who, ids: Sequence[str]) -> list[str]:
        """Put those of somebody's messages that are in the queue on hold; return which."""
        return self._do("-h", who, ids)

    def release(self, who: Who, ids: Sequence[str]) -> list[str]:
        """Give those that are on hold back to Postfix; return which.

        Postfix looks at them at its next queue run, within five minutes; the first ones are sent
        at once.
        """
        done = self._do("-H", who, ids)
        for queue_id in done[:_AT_ONCE]:
            self.programs.run(self.programs.postfix("postqueue", "-i", queue_id))
        return done

    def _do(self, option: str, who: Who, ids: Sequence[str]) -> list[str]:
        if os.geteuid() != 0:
            verb = "hold" if option == "-h" else "release"
            raise BmtickError(
                f"only root may {verb} {len(ids):,} queued messages of '{who}'",
                remedy=command_to_paste(option, ids),
            )
        wanted = set(ids)
        there = [e.queue_id for e in read_queue(self.programs) if e.queue_id in wanted]
        done: list[str] = []
        for start in range(0, len(there), _BATCH):
            done += self._postsuper(option, self._of(who, there[start : start + _BATCH]))
        return done

    def _of(self, who: Who, ids: Sequence[str]) -> list[str]:
        """Return those that are somebody's messages, by their queue files."""
        envelopes = read_envelopes(self.programs, ids)
        found = [i for i, envelope in envelopes.items() if is_of(who, envelope)]
        if who.kind == LOCAL and who.name.startswith(UID):
            uid = who.name.removeprefix(UID)
            found = [i for i in found if str(submitting_uid(self.programs, i)) == uid]
        return found

    def _postsuper(self, option: str, ids: Sequence[str]) -> list[str]:
        if not ids:
            return []
        command = self.programs.postfix("postsuper", option, "-")
        done = self.programs.run(command, stdin="".join(f"{i}\n" for i in ids).encode())
        if done.status:
            raise BmtickError(f"postsuper failed: {done.error}", remedy="run as root")
        return [found.decode() for found in _DONE.findall(done.stderr)]

    def find(self, who: Who, *, held: bool) -> list[str]:
        """Return the queue ids of somebody's messages, on hold or not yet, by their queue files.

        Raises:
            BmtickError: Postfix does not answer, or this is not root.
        """
        there = [e.queue_id for e in read_queue(self.programs) if (e.queue_name == "hold") == held]
        return self._of(who, there)


def command_to_paste(option: str, ids: Iterable[str]) -> str:
    """Return the command for the administrator's shell, with so many ids as one can look over."""
    known = [i for i in ids if QUEUE_ID.fullmatch(i)]
    more = f" (and {len(known) - _SHOWN:,} more)" if len(known) > _SHOWN else ""
    return f"as root: printf '%s\\n' {' '.join(known[:_SHOWN])} | postsuper {option} -{more}"

"""Put a subject's queued messages on hold and give them back with ``postsuper``, as root.

Each message's queue file is checked for the subject first: a short queue id may belong to another
message by now.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bmtick.errors import BmtickError
from bmtick.guard.subject import CLIENT, FORWARD, FROM, LOCAL, UID, USER, Subject, client_address
from bmtick.incident.account import normal
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import QUEUE_ID, Envelope, read_envelopes, submitting_uid
from bmtick.incident.queued import read_queue

_CHECK_BATCH = 500  # ids that are checked and put on hold together
_MAX_IMMEDIATE = 500  # messages that are sent at once: each needs a process
_MAX_SHOWN = 20  # ids on a command line for the administrator
_DONE = re.compile(
    rb"^postsuper: ([0-9A-Za-z]+): (?:placed on hold|released from hold)", re.MULTILINE
)


class QueueHolder(Protocol):
    """Puts queued messages on hold and gives them back."""

    def hold(self, who: Subject, ids: Sequence[str]) -> list[str]:
        """Put the subject's queued messages among ``ids`` on hold; return their ids.

        Raises:
            BmtickError: mail cannot be put on hold here; the remedy is a command to paste.
        """

    def release(self, who: Subject, ids: Sequence[str]) -> list[str]:
        """Give the subject's held messages among ``ids`` back to Postfix; return their ids.

        Raises:
            BmtickError: as for ``hold``.
        """


def is_of(who: Subject, envelope: Envelope) -> bool:
    """Whether a queue file's message belongs to a subject; for a uid, whether it may belong."""
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
    """Runs ``postsuper`` itself, which only root may do.

    Args:
        programs: the programs of this machine.
    """

    programs: Programs

    def hold(self, who: Subject, ids: Sequence[str]) -> list[str]:
        """Put the subject's queued messages among ``ids`` on hold; return their ids."""
        return self._postsuper_checked("-h", who, ids)

    def release(self, who: Subject, ids: Sequence[str]) -> list[str]:
        """Give the subject's held messages among ``ids`` back to Postfix; return their ids.

        The first ones are sent at once, the rest at Postfix's next queue run, within five minutes.
        """
        done = self._postsuper_checked("-H", who, ids)
        for queue_id in done[:_MAX_IMMEDIATE]:
            self.programs.run(self.programs.postfix("postqueue", "-i", queue_id))
        return done

    def _postsuper_checked(self, option: str, who: Subject, ids: Sequence[str]) -> list[str]:
        if os.geteuid() != 0:
            verb = "hold" if option == "-h" else "release"
            raise BmtickError(
                f"only root may {verb} {len(ids):,} queued messages of '{who}'",
                remedy=command_to_paste(option, ids),
            )
        wanted = set(ids)
        queued = [e.queue_id for e in read_queue(self.programs) if e.queue_id in wanted]
        done: list[str] = []
        for start in range(0, len(queued), _CHECK_BATCH):
            done += self._postsuper(
                option, self._matching(who, queued[start : start + _CHECK_BATCH])
            )
        return done

    def _matching(self, who: Subject, ids: Sequence[str]) -> list[str]:
        """Return the ids of messages that belong to a subject, by their queue files."""
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

    def find(self, who: Subject, *, held: bool) -> list[str]:
        """Return the queue ids of a subject's messages, on hold or not, by their queue files.

        Raises:
            BmtickError: Postfix does not answer, or the process is not root.
        """
        queued = [e.queue_id for e in read_queue(self.programs) if (e.queue_name == "hold") == held]
        return self._matching(who, queued)


def command_to_paste(option: str, ids: Iterable[str]) -> str:
    """Return a command for the administrator's shell, with at most 20 ids."""
    known = [i for i in ids if QUEUE_ID.fullmatch(i)]
    more = f" (and {len(known) - _MAX_SHOWN:,} more)" if len(known) > _MAX_SHOWN else ""
    return f"as root: printf '%s\\n' {' '.join(known[:_MAX_SHOWN])} | postsuper {option} -{more}"

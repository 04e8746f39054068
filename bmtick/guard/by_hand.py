"""The brake by hand: hold and release somebody, as the commands and the page do it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bmtick.errors import BmtickError
from bmtick.guard.helper import choose_brake
from bmtick.guard.holds import HOLD, Holds, Journal, hold_record, mail_record, release_record
from bmtick.guard.postfix import Postsuper
from bmtick.guard.who import Who, parse_who
from bmtick.incident.programs import Programs

_LOOKS = 3  # at the queue: each misses what qmgr moves meanwhile
_UNDER_WAY = 0.5  # seconds from the guard's answer until a message lies on hold


@dataclass(frozen=True)
class Done:
    """What was done: messages that were put on hold or given back, and what could not be."""

    messages: int
    problem: str = ""


def open_journal(path: str) -> Journal:
    """Return the guard's journal with all that is in it.

    Raises:
        BmtickError: it cannot be read.
    """
    journal = Journal(path)
    try:
        journal.poll()
    except OSError as error:
        raise BmtickError(
            f"cannot read the guard's state {path}: {error.strerror}",
            remedy="run this as root, or as the guard's user",
        ) from None
    return journal


def find_who(text: str, holds: Holds) -> Who:
    """Return who is named: as somebody who is held is shown, else by login or address.

    Raises:
        BmtickError: nobody.
    """
    return next((who for who in holds.held if str(who) == text), None) or parse_who(text)


@dataclass(frozen=True)
class Hand:
    """The means: the guard's journal, Postfix's programs, and who runs postsuper.

    Attributes:
        helper: socket of the helper that does it for those who are not root.
    """

    journal: Journal
    programs: Programs
    helper: str
    sleep: Callable[[float], None] = time.sleep

    def hold(
        self, who: Who, *, reason: str, until: float | None, by: str, mode: str = HOLD
    ) -> Done:
        """Hold all new mail of somebody, and what is queued already.

        Args:
            who: whom.
            reason: shown by ``bmtick held``.
            until: seconds since the epoch; None: until it is released.
            by: ``hand`` or ``web``.
            mode: ``hold``; with ``observe`` it is only noted.

        Raises:
            BmtickError: the state cannot be written; nothing was done.
        """
        self._write(hold_record(who, time.time(), reason, until=until, by=by, mode=mode))
        if mode != HOLD:
            return Done(0)
        brake = choose_brake(self.programs, self.helper)
        ids: list[str] = []
        queue = Postsuper(self.programs)
        try:
            for look in range(_LOOKS):
                if look:
                    self.sleep(_UNDER_WAY)
                if found := queue.find(who, held=False):
                    ids += brake.hold(who, found)
        except BmtickError as error:
            return Done(0, f"what is queued already was not put on hold: {error.message}")
        if ids:
            self.journal.append([mail_record(who, ids)])
        return Done(len(ids))

    def release(self, who: Who, *, allow: float) -> Done:
        """Give the held mail of somebody back to Postfix, and let them send.

        Args:
            who: whom.
            allow: seconds in which the guard does not hold them again.

        Raises:
            BmtickError: the state cannot be written.
        """
        journal = self.journal
        brake = choose_brake(self.programs, self.helper)
        held = journal.holds.held.get(who)
        ids = list(held.ids) if held is not None and held.mode == HOLD else []
        if held is not None and held.more:
            ids = list(dict.fromkeys([*ids, *Postsuper(self.programs).find(who, held=True)]))
        done = brake.release(who, ids) if ids else []
        now = time.time()
        self._write(release_record(who, now, now + allow))
        # what the guard put on hold meanwhile, and what was not in the queue yet
        journal.poll()
        _, before = journal.holds.released.get(who, (0.0, held))
        missing = [i for i in (before.ids if before else ()) if i not in done]
        if missing and before is not None and before.mode == HOLD:
            self.sleep(_UNDER_WAY)
            done += brake.release(who, missing)
        return Done(len(done))

    def _write(self, record: dict[str, object]) -> None:
        try:
            self.journal.append([record])
        except OSError as error:
            raise BmtickError(
                f"cannot write the guard's state {self.journal.path}: {error.strerror}",
                remedy="run this as root, or as the guard's user",
            ) from None

"""Hold and release a subject by hand, for the commands and the web page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bmtick.errors import BmtickError
from bmtick.guard.helper import choose_queue_holder
from bmtick.guard.holds import HOLD, Holds, Journal, hold_record, mail_record, release_record
from bmtick.guard.postfix import Postsuper
from bmtick.guard.subject import Subject, parse_subject
from bmtick.incident.programs import Programs

_QUEUE_SCANS = 3  # reads of the queue: each misses messages that qmgr moves meanwhile
_QUEUE_DELAY = 0.5  # seconds from the guard's answer until the message is on hold


@dataclass(frozen=True)
class HoldResult:
    """Messages that were put on hold or given back, and the problem, if any."""

    messages: int
    problem: str = ""


def open_journal(path: str) -> Journal:
    """Return the guard's journal, with all its records read.

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


def find_subject(text: str, holds: Holds) -> Subject:
    """Return the subject that a text names: as ``bmtick held`` shows it, else a login or address.

    Raises:
        BmtickError: the text names no subject.
    """
    return next((who for who in holds.held if str(who) == text), None) or parse_subject(text)


@dataclass(frozen=True)
class ManualHolds:
    """Holds and releases subjects in the guard's journal and Postfix's queue.

    Attributes:
        helper: socket of the helper that runs postsuper for users other than root.
    """

    journal: Journal
    programs: Programs
    helper: str
    sleep: Callable[[float], None] = time.sleep

    def hold(
        self, who: Subject, *, reason: str, until: float | None, by: str, mode: str = HOLD
    ) -> HoldResult:
        """Hold a subject's new mail, and its queued mail.

        Args:
            who: the subject.
            reason: shown by ``bmtick held``.
            until: seconds since the epoch; None: until it is released.
            by: ``hand`` or ``web``.
            mode: ``hold``; ``observe`` only records it.

        Raises:
            BmtickError: the state cannot be written; nothing was done.
        """
        self._write(hold_record(who, time.time(), reason, until=until, by=by, mode=mode))
        if mode != HOLD:
            return HoldResult(0)
        queue_holder = choose_queue_holder(self.programs, self.helper)
        ids: list[str] = []
        queue = Postsuper(self.programs)
        try:
            for attempt in range(_QUEUE_SCANS):
                if attempt:
                    self.sleep(_QUEUE_DELAY)
                if found := queue.find(who, held=False):
                    ids += queue_holder.hold(who, found)
        except BmtickError as error:
            return HoldResult(0, f"what is queued already was not put on hold: {error.message}")
        if ids:
            self.journal.append([mail_record(who, ids)])
        return HoldResult(len(ids))

    def release(self, who: Subject, *, allow: float) -> HoldResult:
        """Give a subject's held mail back to Postfix, and let it send.

        Args:
            who: the subject.
            allow: seconds in which the guard does not hold it again.

        Raises:
            BmtickError: the state cannot be written.
        """
        journal = self.journal
        queue_holder = choose_queue_holder(self.programs, self.helper)
        held = journal.holds.held.get(who)
        ids = list(held.ids) if held is not None and held.mode == HOLD else []
        if held is not None and held.more:
            ids = list(dict.fromkeys([*ids, *Postsuper(self.programs).find(who, held=True)]))
        done = queue_holder.release(who, ids) if ids else []
        now = time.time()
        self._write(release_record(who, now, now + allow))
        # messages that the guard put on hold meanwhile, or that were not queued yet
        journal.poll()
        _, before = journal.holds.released.get(who, (0.0, held))
        missing = [i for i in (before.ids if before else ()) if i not in done]
        if missing and before is not None and before.mode == HOLD:
            self.sleep(_QUEUE_DELAY)
            done += queue_holder.release(who, missing)
        return HoldResult(len(done))

    def _write(self, record: dict[str, object]) -> None:
        try:
            self.journal.append([record])
        except OSError as error:
            raise BmtickError(
                f"cannot write the guard's state {self.journal.path}: {error.strerror}",
                remedy="run this as root, or as the guard's user",
            ) from None

"""The guard's answer to each message; the only blocking call here reads or writes a file.

On any error the answer is DUNNO: Postfix accepts the mail as if there were no guard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from bmtick.errors import BmtickError
from bmtick.guard import milter, protocol
from bmtick.guard.holds import (
    HOLD,
    OBSERVE,
    Hold,
    Holds,
    Journal,
    hold_record,
    mail_record,
    release_record,
)
from bmtick.guard.message import Message, read_message
from bmtick.guard.milter import LocalMessage
from bmtick.guard.subject import CLIENT, LOCAL, UID, Subject

_MAX_SEEN: Final = 10_000  # recent queue ids whose subject is remembered
_MAX_UNSAVED: Final = 10_000  # records that are kept while the disk refuses them
_REFRESH_INTERVAL: Final = 0.02  # seconds between two reads of what commands wrote
_WARN_INTERVAL = 60.0  # seconds between two equal warnings
BY_GUARD, BY_HAND, BY_WEB = "guard", "hand", "web"


class Detector(Protocol):
    """Evaluates the evidence against one subject."""

    def message(self, message: Message, now: float) -> None:
        """Record a message."""

    def local(self, message: LocalMessage, now: float) -> None:
        """Record a message by ``sendmail``."""

    def verdict(self, who: Subject, now: float) -> str:
        """Return the reason to hold a subject's mail, or ""."""

    def released(self, who: Subject, now: float) -> None:
        """Forget the evidence of the last hours: an administrator released the subject."""


class SeenMessage(NamedTuple):
    """The subjects of a message, and Postfix's instance of its delivery."""

    who: Subject
    client_sender: Subject | None
    instance: str


class Guard:
    """Answers Postfix and holds subjects.

    Args:
        journal: the holds; locked by the caller.
        detector: evaluates the evidence.
        mode: ``hold`` or ``observe``.
        clock: seconds since the epoch.
        warn: takes one line for the administrator.
        own: sender and recipients of the guard's own mail, which is never held.

    Attributes:
        on_hold: called with each new hold; in mode observe, with each that would be.
    """

    def __init__(
        self,
        journal: Journal,
        detector: Detector,
        mode: str,
        *,
        clock: Callable[[], float],
        warn: Callable[[str], None],
        own: tuple[str, frozenset[str]] = ("", frozenset()),
    ) -> None:
        self._journal, self._detector, self.mode = journal, detector, mode
        self._clock, self._warn, self._own = clock, warn, own
        self.on_hold: Callable[[Hold], object] = id
        self._unsaved: list[dict[str, Any]] = []
        self._warned: dict[str, float] = {}
        self._known_released: set[Subject] = set()
        self.seen: dict[str, SeenMessage] = {}
        self._refreshed = -1.0

    @property
    def holds(self) -> Holds:
        """The current holds."""
        return self._journal.holds

    def warn(self, text: str) -> None:
        """Warn the administrator; the same text at most once a minute."""
        now = self._clock()
        if now - self._warned.get(text, -_WARN_INTERVAL) >= _WARN_INTERVAL:
            if len(self._warned) > 1000:
                self._warned.clear()
            self._warned[text] = now
            self._warn(text)

    def answer(self, request: Mapping[str, str]) -> bytes:
        """Return the answer to one request."""
        try:
            return self._answer(request)
        except Exception as error:  # noqa: BLE001 -- on any error mail continues
            self.warn(f"a request failed, its mail went on: {type(error).__name__}: {error}")
            return protocol.DUNNO

    def _answer(self, request: Mapping[str, str]) -> bytes:
        if not protocol.ends_message(request):
            if request.get("request") == "smtpd_access_policy":
                self.warn(
                    f"Postfix asks at {request.get('protocol_state', '')[:20]}, not at the end of "
                    "a message: put the guard into smtpd_end_of_data_restrictions"
                )
            return protocol.DUNNO
        message = read_message(request)
        if message is None or self._is_own(message):
            return protocol.DUNNO
        now = self._clock()
        if not 0 <= now - self._refreshed < _REFRESH_INTERVAL:
            self._refreshed = now
            self.refresh()
        known = self.seen.get(message.queue_id) if message.queue_id else None
        if known is None or known.instance != message.instance or not message.instance:
            self.remember(message.queue_id, message.who, message.client_sender, message.instance)
            self._detector.message(message, now)
        hold = self._hold_for(message, now)
        if hold is None:
            return protocol.DUNNO
        self.write([mail_record(hold.who, [message.queue_id])])
        if hold.mode != HOLD:
            return protocol.DUNNO
        return protocol.hold(f"bmtick holds the mail of {hold.who}")

    def _is_own(self, message: Message) -> bool:
        sender, recipients = self._own
        return bool(sender) and message.sender == sender and message.recipient in recipients

    def local(self, message: LocalMessage, uid: str | None) -> bytes | None:
        """Return the answer to a message by ``sendmail``.

        Args:
            message: what Postfix is about to queue.
            uid: system user whose program sent it; "": unknown; None: not known yet.

        Returns:
            The milter's answer; None: it depends on the uid.
        """
        try:
            return self._local(message, uid)
        except Exception as error:  # noqa: BLE001 -- on any error mail continues
            self.warn(f"a message by sendmail went on unseen: {type(error).__name__}: {error}")
            return milter.accept()

    def _local(self, message: LocalMessage, uid: str | None) -> bytes | None:
        sender, recipients = self._own
        if sender and message.sender == sender and set(message.recipients) <= recipients:
            return milter.accept()
        now = self._clock()
        self.refresh()
        holds = [
            hold
            for who, hold in self.holds.held.items()
            if who.kind == LOCAL and hold.mode == HOLD and hold.active(now)
        ]
        subjects = {message.sender, *([f"{UID}{uid}"] if uid else ())}
        hold = next((hold for hold in holds if hold.who.name in subjects), None)
        if hold is None and uid is None and any(h.who.name.startswith(UID) for h in holds):
            return None
        self._detector.local(message, now)
        if hold is None:
            return milter.accept()
        self.write([mail_record(hold.who, [message.queue_id])])
        return milter.quarantine(f"bmtick holds the mail of {hold.who}")

    def remember(
        self, queue_id: str, who: Subject, client_sender: Subject | None, instance: str
    ) -> None:
        """Remember the subjects of a message, for later lines of the log."""
        if not queue_id:
            return
        seen = self.seen
        seen.pop(queue_id, None)
        seen[queue_id] = SeenMessage(who, client_sender, instance)
        if len(seen) > _MAX_SEEN:
            del seen[next(iter(seen))]

    def _hold_for(self, message: Message, now: float) -> Hold | None:
        """Return the hold that applies to a message; create it if the evidence suffices."""
        who, client_sender, holds = message.who, message.client_sender, self.holds
        subjects = (who,) if client_sender is None else (who, client_sender)
        would = None
        if held := holds.held:
            machine = held.get(Subject(CLIENT, message.client))
            if machine is not None and machine.by == BY_HAND and machine.active(now):
                return machine  # holding an address by hand holds all its mail, authenticated too
            for who in subjects:
                hold = held.get(who)
                if hold is not None and hold.active(now):
                    if hold.mode == HOLD:
                        return hold
                    would = hold
            if would is not None and self.mode == OBSERVE:
                return would
        for who in subjects:
            if not holds.is_allowed(who, now) and (reason := self._detector.verdict(who, now)):
                return self.hold(who, reason, by=BY_GUARD)
        return would

    def evaluate(self, who: Subject) -> Hold | None:
        """Evaluate a subject with new log entries; return its hold, or None."""
        now = self._clock()
        hold = self.holds.held.get(who)
        if hold is not None and hold.active(now) and (hold.mode == HOLD or self.mode == OBSERVE):
            return hold
        if self.holds.is_allowed(who, now):
            return None
        reason = self._detector.verdict(who, now)
        return self.hold(who, reason, by=BY_GUARD) if reason else None

    def hold(self, who: Subject, reason: str, *, by: str, until: float | None = None) -> Hold:
        """Hold a subject's mail from now on; in mode observe only record it, unless by hand."""
        mode = HOLD if by == BY_HAND else self.mode
        self.write([hold_record(who, self._clock(), reason, until=until, by=by, mode=mode)])
        hold = self.holds.held[who]
        self._warn(f"{'holds' if mode == HOLD else 'would hold'} the mail of {who}: {reason}")
        self.on_hold(hold)
        return hold

    def release(self, who: Subject, allow: float) -> Hold | None:
        """Allow a subject to send until ``allow`` (epoch seconds); return the old hold."""
        hold = self.holds.held.get(who)
        self.write([release_record(who, self._clock(), allow)])
        self._process_releases()
        return hold

    def refresh(self) -> bool:
        """Read what commands wrote; return whether there was anything."""
        try:
            changed = self._journal.poll()
        except BmtickError as error:
            self._reset_journal(error.message)
            return True
        except OSError as error:
            self.warn(f"cannot read the state {self._journal.path}: {error.strerror}")
            return False
        if changed:
            self._process_releases()
        return changed

    def _reset_journal(self, what: str) -> None:
        try:
            aside = self._journal.set_aside()
        except OSError as error:
            self.warn(f"{what}, and it cannot be put aside: {error.strerror}; nobody is held by it")
            return
        self.warn(f"{what}; put aside as {aside}, started from scratch: nobody is held")

    def _process_releases(self) -> None:
        released = set(self.holds.released)
        for who in released - self._known_released:
            self._detector.released(who, self._clock())
        self._known_released = released

    def write(self, records: Sequence[dict[str, Any]]) -> None:
        """Append records to the journal; on failure keep the holds in this process."""
        try:
            self._journal.append([*self._unsaved, *records])
            self._unsaved = []
        except OSError as error:
            self.warn(
                f"cannot write the state {self._journal.path}: {error.strerror}; "
                "who is held is forgotten when the guard ends"
            )
            self._unsaved = [*self._unsaved, *records][-_MAX_UNSAVED:]
            for record in records:
                self.holds.apply(record)
        else:
            self.refresh()

    def maintain(self) -> None:
        """Compact the journal and drop expired entries; called once a minute."""
        if self._unsaved:
            self.write([])
        self.holds.forget(self._clock())
        try:
            self._journal.compact(self._clock())
        except (OSError, BmtickError) as error:
            self.warn(f"cannot write the state {self._journal.path} anew: {error}")

    def ids_of(self, who: Subject) -> list[str]:
        """Return the recent queue ids of a subject that are not on hold."""
        hold = self.holds.held.get(who)
        held: Iterable[str] = hold.ids if hold else ()
        return [
            i
            for i, seen in self.seen.items()
            if who in (seen.who, seen.client_sender) and i not in held
        ]

"""Mail the administrators about new holds; retry while the mail server is unreachable.

An open relay can cause a hundred holds: after the first few mails, the holds of one minute share
one mail.

The journal records which holds were notified, so the others are notified after a restart. Only
one thread waits for the mail server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from bmtick.errors import BmtickError
from bmtick.guard.holds import Hold

_FIRST_RETRY: Final = 15.0  # seconds until the second attempt; the delay doubles with each attempt
_MAX_RETRY: Final = 600.0
_MAX_IMMEDIATE: Final = 3  # mails within _WINDOW that are sent at once; later holds are collected
_WINDOW: Final = 600.0  # seconds
_COLLECT_SECONDS: Final = 60.0  # seconds


@dataclass
class _Pending:
    holds: list[Hold]
    recipients: list[str]
    attempts: int = 0
    due: float = 0.0


class HoldNotifier:
    """Mails the recipients about each hold.

    Args:
        recipients: mail addresses.
        send: mails one recipient about one or more holds. Raises BmtickError or OSError for a
            temporary failure, ValueError for a permanent one.
        warn: takes one line for the administrator.
    """

    def __init__(
        self,
        recipients: Sequence[str],
        send: Callable[[Sequence[Hold], str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._recipients, self._send, self._warn = list(recipients), send, warn
        self._new: SimpleQueue[Hold | None] = SimpleQueue()
        self._pending: list[_Pending] = []
        self._collected: _Pending | None = None  # the item of _pending that still collects holds
        self._recent_mails: list[float] = []  # due times of the last mails
        self._on_notified: Callable[[Hold], object] = id

    def start(self, on_notified: Callable[[Hold], object]) -> None:
        """Start the thread; it calls ``on_notified`` with each hold that all recipients know of."""
        self._on_notified = on_notified
        threading.Thread(target=self._run, name="mails", daemon=True).start()

    def put(self, hold: Hold) -> None:
        """Queue a hold for notification; does not wait."""
        self._new.put(hold)

    def stop(self) -> None:
        """Stop the thread after the current mail."""
        self._new.put(None)

    def _run(self) -> None:
        wait: float | None = None
        while True:
            try:
                hold = self._new.get(timeout=wait)
            except Empty:
                hold = None
            else:
                if hold is None:
                    return
            wait = self.step(hold, time.monotonic())

    def step(self, hold: Hold | None, now: float) -> float | None:
        """Take a new hold, send what is due; return seconds until the next mail, or None.

        Args:
            hold: a new hold, or None.
            now: seconds of a monotonic clock.
        """
        if hold is not None:
            self._put(hold, now)
        for pending in [w for w in self._pending if w.due <= now]:
            if pending is self._collected:
                self._collected = None
                self._recent_mails.append(now)
            self._try(pending, now)
        return min((max(0.0, w.due - now) for w in self._pending), default=None)

    def _put(self, hold: Hold, now: float) -> None:
        for pending in self._pending:  # a subject that is held again is notified once
            pending.holds = [other for other in pending.holds if other.who != hold.who]
        self._pending = [w for w in self._pending if w.holds or w is self._collected]
        self._recent_mails = [due for due in self._recent_mails if now - due < _WINDOW]
        if self._collected is not None:
            self._collected.holds.append(hold)
            return
        pending = _Pending([hold], list(self._recipients), due=now)
        if len(self._recent_mails) < _MAX_IMMEDIATE:
            self._recent_mails.append(now)
        else:
            pending.due = now + _COLLECT_SECONDS
            self._collected = pending
        self._pending.append(pending)

    def _try(self, pending: _Pending, now: float) -> None:
        for recipient in list(pending.recipients):
            try:
                self._send(pending.holds, recipient)
            except ValueError as error:
                self._warn(f"gave up the mail to {recipient}: {error}")
            except (OSError, BmtickError) as error:
                delay = min(_MAX_RETRY, _FIRST_RETRY * 2.0 ** min(pending.attempts, 20))
                pending.attempts += 1
                pending.due = now + delay
                cause = error.message if isinstance(error, BmtickError) else error
                self._warn(
                    f"cannot mail that {pending.holds[0].who} is held, retrying in "
                    f"{delay:.0f} s: {cause}"
                )
                return
            pending.recipients.remove(recipient)
        self._pending.remove(pending)
        for hold in pending.holds:
            self._on_notified(hold)

"""Tells of who is newly held: at once, and again and again while the mail server is away.

An open relay has a hundred strangers: after the first few mails, those who are held within a minute
are told of in one.

Who was told of is in the journal, so after a restart the others are told of. One thread waits for
the mail server; nothing else does.
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

_FIRST_WAIT: Final = 15.0  # seconds until the second try; each further wait is twice as long
_LONGEST_WAIT: Final = 600.0
_AT_ONCE: Final = 3  # mails within _WINDOW that are sent at once; what comes then is collected
_WINDOW: Final = 600.0  # seconds
_COLLECT: Final = 60.0  # seconds


@dataclass
class _Waiting:
    holds: list[Hold]
    recipients: list[str]
    attempts: int = 0
    due: float = 0.0


class Teller:
    """Tells the recipients of each hold.

    Args:
        recipients: their addresses.
        send: tells one of them of one hold or of several; raises BmtickError or OSError where it may
            go later, ValueError where it never will.
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
        self._waiting: list[_Waiting] = []
        self._collected: _Waiting | None = None  # one of them, which still grows
        self._mailed: list[float] = []  # when the last mails were due
        self._told: Callable[[Hold], object] = id

    def start(self, told: Callable[[Hold], object]) -> None:
        """Begin; ``told`` is called in the thread with each hold that everybody was told of."""
        self._told = told
        threading.Thread(target=self._run, name="mails", daemon=True).start()

    def put(self, hold: Hold) -> None:
        """Tell of a hold soon; does not wait."""
        self._new.put(hold)

    def stop(self) -> None:
        """End after what is under way."""
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
        """Take a new hold, tell of what is due; return seconds until the next is, None: nothing is.

        Args:
            hold: a new one, or None.
            now: seconds of any clock.
        """
        if hold is not None:
            self._put(hold, now)
        for waiting in [w for w in self._waiting if w.due <= now]:
            if waiting is self._collected:
                self._collected = None
                self._mailed.append(now)
            self._try(waiting, now)
        return min((max(0.0, w.due - now) for w in self._waiting), default=None)

    def _put(self, hold: Hold, now: float) -> None:
        for waiting in self._waiting:  # somebody who is held anew is told of once
            waiting.holds = [other for other in waiting.holds if other.who != hold.who]
        self._waiting = [w for w in self._waiting if w.holds or w is self._collected]
        self._mailed = [due for due in self._mailed if now - due < _WINDOW]
        if self._collected is not None:
            self._collected.holds.append(hold)
            return
        waiting = _Waiting([hold], list(self._recipients), due=now)
        if len(self._mailed) < _AT_ONCE:
            self._mailed.append(now)
        else:
            waiting.due = now + _COLLECT
            self._collected = waiting
        self._waiting.append(waiting)

    def _try(self, waiting: _Waiting, now: float) -> None:
        for recipient in list(waiting.recipients):
            try:
                self._send(waiting.holds, recipient)
            except ValueError as error:
                self._warn(f"the mail to {recipient} is given up: {error}")
            except (OSError, BmtickError) as error:
                again = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(waiting.attempts, 20))
                waiting.attempts += 1
                waiting.due = now + again
                cause = error.message if isinstance(error, BmtickError) else error
                self._warn(
                    f"nobody could be told that {waiting.holds[0].who} is held, tried again in "
                    f"{again:.0f} s: {cause}"
                )
                return
            waiting.recipients.remove(recipient)
        self._waiting.remove(waiting)
        for hold in waiting.holds:
            self._told(hold)

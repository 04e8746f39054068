"""Tells of who is newly held: at once, and again and again while the mail server is away.

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
from bmtick.guard.who import Who

_FIRST_WAIT: Final = 15.0  # seconds until the second try; each further wait is twice as long
_LONGEST_WAIT: Final = 600.0


@dataclass
class _Waiting:
    hold: Hold
    recipients: list[str]
    attempts: int = 0
    due: float = 0.0


class Teller:
    """Tells the recipients of each hold.

    Args:
        recipients: their addresses.
        send: tells one of them; raises BmtickError or OSError where it may go later, ValueError
            where it never will.
        warn: takes one line for the administrator.
    """

    def __init__(
        self,
        recipients: Sequence[str],
        send: Callable[[Hold, str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._recipients, self._send, self._warn = list(recipients), send, warn
        self._new: SimpleQueue[Hold | None] = SimpleQueue()
        self._waiting: dict[Who, _Waiting] = {}
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
            self._waiting[hold.who] = _Waiting(hold, list(self._recipients), due=now)
        for waiting in [w for w in self._waiting.values() if w.due <= now]:
            self._try(waiting, now)
        return min((max(0.0, w.due - now) for w in self._waiting.values()), default=None)

    def _try(self, waiting: _Waiting, now: float) -> None:
        hold = waiting.hold
        for recipient in list(waiting.recipients):
            try:
                self._send(hold, recipient)
            except ValueError as error:
                self._warn(f"the mail to {recipient} is given up: {error}")
            except (OSError, BmtickError) as error:
                again = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(waiting.attempts, 20))
                waiting.attempts += 1
                waiting.due = now + again
                cause = error.message if isinstance(error, BmtickError) else error
                self._warn(
                    f"nobody could be told that {hold.who} is held, tried again in {again:.0f} s: "
                    f"{cause}"
                )
                return
            waiting.recipients.remove(recipient)
        del self._waiting[hold.who]
        self._told(hold)

"""Show, create and release the guard's holds from the web page and ``bmtick top``."""

from __future__ import annotations

import threading
import time
from typing import Any

from bmtick.errors import BmtickError
from bmtick.guard import manual
from bmtick.guard.alert import read_alert
from bmtick.guard.core import BY_WEB
from bmtick.guard.holds import HOLD, Journal
from bmtick.incident.programs import Programs
from bmtick.languages import _, _n


class JournalHoldControl:
    """Reads and writes the guard's journal, as the commands do; thread-safe.

    Args:
        path: of the journal, ``[guard] state``.
        helper: ``[guard] helper``.
        mode: ``[guard] mode``; in ``observe`` an alert's holds are only recorded.
        config_dir: Postfix's, or "".
    """

    def __init__(self, path: str, helper: str, mode: str = HOLD, config_dir: str = "") -> None:
        self._path, self._helper, self._mode = path, helper, mode
        self._config_dir = config_dir
        self._lock = threading.Lock()
        self._journal = Journal(path)

    def held(self) -> list[dict[str, Any]]:
        """Return the holds, oldest first; none if the journal cannot be read."""
        with self._lock:
            try:
                self._journal.poll()
            except (OSError, BmtickError):
                return []
            now = time.time()
            self._journal.holds.forget(now)
            held = sorted(self._journal.holds.held.values(), key=lambda hold: hold.since)
            return [hold.document(now) for hold in held]

    def _manual_holds(self) -> manual.ManualHolds:
        journal = manual.open_journal(self._path)
        return manual.ManualHolds(journal, Programs(self._config_dir), self._helper)

    def hold(self, who: str, seconds: float | None) -> str:
        """Hold a subject; return what was done."""
        manual_holds = self._manual_holds()
        until = None if seconds is None else time.time() + seconds
        subject = manual.find_subject(who, manual_holds.journal.holds)
        done = manual_holds.hold(subject, reason=_("by the page"), until=until, by=BY_WEB)
        return done.problem or _put_on_hold(done.messages)

    def release(self, who: str, allow: float) -> str:
        """Release a subject; return what was done."""
        manual_holds = self._manual_holds()
        done = manual_holds.release(
            manual.find_subject(who, manual_holds.journal.holds), allow=allow
        )
        return _n("{n} message given back", "{n} messages given back", done.messages)

    def hold_alerted(self, alert: bytes) -> str:
        """Hold the subjects of an alert, unless they are held or were released lately."""
        named, message = read_alert(alert)
        manual_holds = self._manual_holds()
        holds, now = manual_holds.journal.holds, time.time()
        results = []
        for who in named:
            known = holds.held.get(who)
            if holds.is_allowed(who, now):
                results.append(_("{who} was released and may send", who=who))
            elif known is not None and known.mode in (HOLD, self._mode) and known.active(now):
                results.append(_("{who} is held already", who=who))
            else:
                done = manual_holds.hold(
                    who, reason=message, until=None, by=BY_WEB, mode=self._mode
                )
                results.append(done.problem or f"{who}: {_put_on_hold(done.messages)}")
        return "; ".join(results) or _("nobody to hold")


def _put_on_hold(count: int) -> str:
    return _n("{n} queued message put on hold", "{n} queued messages put on hold", count)

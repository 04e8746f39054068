"""The page's brake: who is held by the journal of the guard; hold and release as by hand."""

from __future__ import annotations

import threading
import time
from typing import Any

from bmtick.errors import BmtickError
from bmtick.guard import by_hand
from bmtick.guard.alert import read_alert
from bmtick.guard.core import BY_WEB
from bmtick.guard.holds import HOLD, Journal
from bmtick.incident.programs import Programs
from bmtick.languages import _, _n


class JournalBrake:
    """Reads the guard's journal beside the guard, as the commands do; for any thread.

    Args:
        path: of the journal, ``[guard] state``.
        helper: ``[guard] helper``.
        mode: ``[guard] mode``; in ``observe`` an alert holds nobody, but is listed.
        config_dir: Postfix's, or "".
    """

    def __init__(self, path: str, helper: str, mode: str = HOLD, config_dir: str = "") -> None:
        self._path, self._helper, self._mode = path, helper, mode
        self._config_dir = config_dir
        self._lock = threading.Lock()
        self._journal = Journal(path)

    def held(self) -> list[dict[str, Any]]:
        """Return who is held, the first first; nobody where the journal cannot be read."""
        with self._lock:
            try:
                self._journal.poll()
            except (OSError, BmtickError):
                return []
            now = time.time()
            self._journal.holds.forget(now)
            held = sorted(self._journal.holds.held.values(), key=lambda hold: hold.since)
            return [hold.document(now) for hold in held]

    def _hand(self) -> by_hand.Hand:
        journal = by_hand.open_journal(self._path)
        return by_hand.Hand(journal, Programs(self._config_dir), self._helper)

    def hold(self, who: str, seconds: float | None) -> str:
        """Hold somebody; return what was done."""
        hand = self._hand()
        until = None if seconds is None else time.time() + seconds
        whom = by_hand.find_who(who, hand.journal.holds)
        done = hand.hold(whom, reason=_("by the page"), until=until, by=BY_WEB)
        return done.problem or _put_on_hold(done.messages)

    def release(self, who: str, allow: float) -> str:
        """Release somebody; return what was done."""
        hand = self._hand()
        done = hand.release(by_hand.find_who(who, hand.journal.holds), allow=allow)
        return _n("{n} message given back", "{n} messages given back", done.messages)

    def caught(self, alert: bytes) -> str:
        """Hold whom an alert names, but nobody who is held already or was released lately."""
        named, message = read_alert(alert)
        hand = self._hand()
        holds, now = hand.journal.holds, time.time()
        said = []
        for who in named:
            known = holds.held.get(who)
            if holds.is_allowed(who, now):
                said.append(_("{who} was released and may send", who=who))
            elif known is not None and known.mode in (HOLD, self._mode) and known.active(now):
                said.append(_("{who} is held already", who=who))
            else:
                done = hand.hold(who, reason=message, until=None, by=BY_WEB, mode=self._mode)
                said.append(done.problem or f"{who}: {_put_on_hold(done.messages)}")
        return "; ".join(said) or _("nobody to hold")


def _put_on_hold(count: int) -> str:
    return _n("{n} queued message put on hold", "{n} queued messages put on hold", count)

"""Queries DNS block lists about this server once an hour, in a thread, since a list may be slow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from bmtick.collect.emit import Row
from bmtick.errors import BmtickError
from bmtick.incident.audit.blocklists import LISTED, UNANSWERED, Listing
from bmtick.names import LISTED as MEASUREMENT

_EVERY = 3600.0  # seconds
_AGAIN = 300.0  # seconds after the lists could not be asked at all


def rows_of(found: Sequence[Listing], now: float) -> list[Row]:
    """Return a row for each list and address with a response; now: seconds since the epoch."""
    at = int(now) * 1_000_000_000
    return [
        (
            MEASUREMENT,
            # One alert for each of them.
            (one.address, one.list, f"{one.address}@{one.list}"),
            (int(one.state == LISTED),),
            at,
        )
        for one in found
        if one.state != UNANSWERED
    ]


class HourlyListings:
    """Queries the block lists.

    Args:
        look: queries all lists; may be slow.
        warn: receives one line for the administrator.
    """

    def __init__(self, look: Callable[[], list[Listing]], warn: Callable[[str], None]) -> None:
        self._look, self._warn = look, warn
        self._found: SimpleQueue[list[Listing]] = SimpleQueue()
        self._failed = ""  # set by the thread
        self._thread: threading.Thread | None = None
        self._due = 0.0

    def rows(self, now: float, time: float) -> list[Row]:
        """Return the responses since the last call, and start the next query when it is due.

        Args:
            now: seconds since the epoch.
            time: time of the rows, seconds since the epoch.
        """
        if now >= self._due and (self._thread is None or not self._thread.is_alive()):
            self._due = now + (_AGAIN if self._failed else _EVERY)
            self._thread = threading.Thread(target=self._ask, name="block lists", daemon=True)
            self._thread.start()
        rows: list[Row] = []
        while True:
            try:
                rows += rows_of(self._found.get_nowait(), time)
            except Empty:
                return rows

    def _ask(self) -> None:
        try:
            found = self._look()
        except BmtickError as error:
            if error.message != self._failed:
                self._warn(f"block lists: {error.message} ({error.remedy})")
            self._failed = error.message
            return
        self._failed = ""
        self._found.put(found)

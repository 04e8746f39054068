"""What becomes of an event before anybody is told: is it muted, and its line in the history."""

from __future__ import annotations

from bmtick.engine import AlertEvent
from bmtick.watch.history import History
from bmtick.watch.silences import Silences


class Recorder:
    """Judges and records events.

    Args:
        silences: what mutes events; None: nothing does.
        history: where events are recorded; None: nowhere.
    """

    def __init__(self, silences: Silences | None = None, history: History | None = None) -> None:
        self._silences, self._history = silences, history

    def refresh(self) -> None:
        """Look whether silences have been added or ended."""
        if self._silences:
            self._silences.refresh()

    def note(self, event: AlertEvent, now: int) -> str:
        """Record an event; return the id of the silence that mutes it, or ``""``.

        Args:
            event: as it came.
            now: nanoseconds since the epoch.
        """
        silence = self._silences.muting(event, now) if self._silences else None
        muted = silence.id if silence else ""
        if self._history:
            self._history.add(event, muted)
        return muted

    def take(self) -> tuple[list[int], bytes]:
        """Return the place of the history's next lines, and these lines."""
        return self._history.take() if self._history else ([0, 0], b"")

    def write(self, place: list[int], lines: bytes) -> None:
        """Write what ``take`` gave; doing it again changes nothing."""
        if self._history:
            self._history.append(place, lines)

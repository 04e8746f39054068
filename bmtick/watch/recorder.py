"""What becomes of an event before anybody is told: is it muted, and its line in the history."""

from __future__ import annotations

from collections.abc import Callable

from bmtick.engine import AlertEvent, Handler
from bmtick.watch.history import History
from bmtick.watch.silences import Silences


class Recorder:
    """Judges and records events.

    Args:
        silences: what mutes events; None: nothing does.
        history: where events are recorded; None: nowhere.
        more: handlers of an event beside those of its script, such as channels.
    """

    def __init__(
        self,
        silences: Silences | None = None,
        history: History | None = None,
        more: Callable[[AlertEvent], list[Handler]] = lambda _: [],
    ) -> None:
        self._silences, self._history, self._more = silences, history, more

    def refresh(self) -> None:
        """Look whether silences have been added or ended."""
        if self._silences:
            self._silences.refresh()

    def note(self, event: AlertEvent, now: int) -> str:
        """Add handlers to an event and record it; return the id of the silence that mutes it, or ``""``.

        Args:
            event: as it came.
            now: nanoseconds since the epoch.
        """
        event.handlers = [*event.handlers, *self._more(event)]
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

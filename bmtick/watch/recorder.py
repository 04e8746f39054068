"""Processes an event before notification: checks silences and records it in the history."""

from __future__ import annotations

from collections.abc import Callable

from bmtick.engine import AlertEvent, Handler
from bmtick.watch.history import History
from bmtick.watch.silences import Silences


class Recorder:
    """Checks silences and records events.

    Args:
        silences: the silences; None: there are none.
        history: where events are recorded; None: they are not recorded.
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
        """Reload added or ended silences."""
        if self._silences:
            self._silences.refresh()

    def note(self, event: AlertEvent, now: int) -> str:
        """Add handlers to an event and record it; return the applicable silence's id or ``""``.

        Args:
            event: as the task emitted it.
            now: nanoseconds since the epoch.
        """
        event.handlers = [*event.handlers, *self._more(event)]
        silence = self._silences.muting(event, now) if self._silences else None
        muted = silence.id if silence else ""
        if self._history:
            self._history.add(event, muted)
        return muted

    def take(self) -> tuple[list[int], bytes]:
        """Return the position of the history's next lines, and these lines."""
        return self._history.take() if self._history else ([0, 0], b"")

    def write(self, place: list[int], lines: bytes) -> None:
        """Write what ``take`` returned; a repetition has no effect."""
        if self._history:
            self._history.append(place, lines)

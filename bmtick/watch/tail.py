"""Points for the board only: a collector on the log, without a state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from bmtick.errors import BmtickError
from bmtick.points import Point
from bmtick.watch.source import Source

_EVERY: Final = 1.0  # seconds between two looks at the log


class Observed:
    """A source whose points also go to a board.

    Args:
        source: the source of points.
        board: has ``feed``, ``dump`` and ``restore``; its state is stored with the source.
    """

    def __init__(self, source: Source, board: Any) -> None:
        self._source, self._board = source, board

    def begin(self, *, from_start: bool, now: float) -> None:
        """Start without a state."""
        self._source.begin(from_start=from_start, now=now)

    def read(self, now: float) -> tuple[list[Point], bool]:
        """Return new points in order of time, and whether there are more."""
        points, more = self._source.read(now)
        self._board.feed(points)
        return points, more

    def time(self, now: float) -> float:
        """Return the current time of the points."""
        return self._source.time(now)

    def dump(self) -> Any:
        """Return the position of the source, and the board's data of the last day."""
        return {"source": self._source.dump(), "board": self._board.dump()}

    def committed(self) -> None:
        """Accept that the last dump is stored."""
        self._source.committed()

    def close(self) -> None:
        """Release open resources."""
        self._source.close()

    def restore(self, kept: Any) -> None:
        """Restore what ``dump`` of this or of the source returned."""
        if "board" in kept:
            self._board.restore(kept["board"])
            kept = kept["source"]
        self._source.restore(kept)


class Tail:
    """Passes a source's points to a callback, in a thread, until ``stop``."""

    def __init__(
        self, source: Source, feed: Callable[[Iterable[Point]], None], warn: Callable[[str], None]
    ) -> None:
        self._source, self._feed, self._warn = source, feed, warn
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)

    def start(self) -> None:
        """Start at the end of the log."""
        self._source.begin(from_start=False, now=time.time())
        self._thread.start()

    def stop(self) -> None:
        """Stop."""
        self._ended.set()
        if self._thread.ident:
            self._thread.join(2 * _EVERY)

    def _run(self) -> None:
        said = ""
        while not self._ended.wait(_EVERY):
            try:
                more = True
                while more:
                    points, more = self._source.read(time.time())
                    self._feed(points)
            except (BmtickError, OSError) as error:
                if str(error) != said:
                    self._warn(str(error))
                said = str(error)

"""Points for the board alone: the collector beside the log, without a state."""

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
    """A source whose points are shown to somebody as well.

    Args:
        source: gives the points.
        board: has ``feed``, ``dump`` and ``restore``; what it knows is kept with the source.
    """

    def __init__(self, source: Source, board: Any) -> None:
        self._source, self._board = source, board

    def begin(self, *, from_start: bool, now: float) -> None:
        """Begin without a state."""
        self._source.begin(from_start=from_start, now=now)

    def read(self, now: float) -> tuple[list[Point], bool]:
        """Return new points in order of time, and whether more is waiting."""
        points, more = self._source.read(now)
        self._board.feed(points)
        return points, more

    def time(self, now: float) -> float:
        """Return the time that the points have reached."""
        return self._source.time(now)

    def dump(self) -> Any:
        """Return where the source is, and what the board knows of the last day."""
        return {"source": self._source.dump(), "board": self._board.dump()}

    def committed(self) -> None:
        """Know that the last dump is kept."""
        self._source.committed()

    def close(self) -> None:
        """Let go of what is open."""
        self._source.close()

    def restore(self, kept: Any) -> None:
        """Take what ``dump`` gave, here or by the source alone."""
        if "board" in kept:
            self._board.restore(kept["board"])
            kept = kept["source"]
        self._source.restore(kept)


class Tail:
    """Feeds somebody with a source's points, in a thread, until ``stop``."""

    def __init__(
        self, source: Source, feed: Callable[[Iterable[Point]], None], warn: Callable[[str], None]
    ) -> None:
        self._source, self._feed, self._warn = source, feed, warn
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)

    def start(self) -> None:
        """Begin at the end of the log."""
        self._source.begin(from_start=False, now=time.time())
        self._thread.start()

    def stop(self) -> None:
        """End."""
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

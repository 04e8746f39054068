"""A server's log during a test: the only place where handlers report their failures.

Source: kapacitor ``services/diagnostic/api.go``: lines in logfmt, as logged.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bmtick.httpclient import HttpError, Stream

_STARTUP_WAIT = 0.2  # seconds until the server sends its log
_TIME = re.compile(r"\bts=\S+ ")


class LogTail:
    """Collects lines in the background; a context manager. Without a stream it stays empty.

    Args:
        opened: opens the stream; Kapacitor answers only with the first line.
    """

    def __init__(self, opened: Callable[[], Stream]) -> None:
        self._open = opened
        self._stream: Stream | None = None
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        time.sleep(_STARTUP_WAIT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def _read(self) -> None:
        # A closed connection or a silent server ends the tail normally.
        with contextlib.suppress(HttpError):
            self._stream = self._open()
            for line in self._stream.lines():
                self._lines.append(line.decode(errors="replace").rstrip("\n"))

    def lines_about(self, *words: str) -> list[str]:
        """Return the lines with one of these ``key=value`` words, without their times."""
        found = [line for line in self._lines if any(f"{word} " in f"{line} " for word in words)]
        return [_TIME.sub("", line) for line in found]

"""From log files to a finished pass: what ``suspects``, ``relays``, ``respond`` and ``report`` share."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bmtick.collect.blocked import Blocked
from bmtick.collect.clock import LogClock
from bmtick.collect.postfix import events
from bmtick.incident.logs import LogSet, find_logs, open_lines
from bmtick.incident.traffic import Observer, Traffic, Window

PAST = 35 * 86400  # seconds of own past: a month, so that a monthly mailing is no surprise


def telling(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Leave out, cheaply and before parsing, the half of a log that says nothing of interest.

    ``last message repeated`` is kept after a line that was kept, as it means that one.
    """
    kept = False
    for line in lines:
        if (
            b" status=" in line
            or b": removed" in line
            or b" (queue active)" in line
            or b": client=" in line
            or b" authentication failed" in line
            or b": uid=" in line
        ):
            kept = True
            yield line
        elif kept and b"message repeated" in line:
            yield line
        else:
            kept = False


@dataclass(frozen=True)
class Analysis:
    """A finished pass and what it was made of."""

    logs: LogSet
    traffic: Traffic


def analyse(
    paths: Sequence[str],
    *,
    since: int,
    past: int = PAST,
    blocked_patterns: Iterable[str] = (),
    observers: Callable[[Window], Iterable[Observer]] | None = None,
) -> Analysis:
    """Read the logs once.

    Args:
        paths: the logs; their rotated siblings are read too.
        since: seconds before the newest line that are judged.
        past: seconds before those that they are compared with.
        blocked_patterns: the settings' rules for refusals that call the sender a spammer.
        observers: makes observers for the window.

    Raises:
        BmtickError: a log is missing, unreadable, or holds no times.
    """
    logs = find_logs(paths, since=since + past)
    window = Window(logs.newest - since, logs.newest)
    watching = observers(window) if observers else ()
    traffic = Traffic(window, Blocked(blocked_patterns), watching)
    with _no_garbage():
        _read(logs, traffic)
    traffic.close()
    return Analysis(logs, traffic)


def _read(logs: LogSet, traffic: Traffic) -> None:
    for file in logs.files:
        # The first line's time is known by now, and with it the year of all that follow.
        clock = LogClock(logs.newest, file.first)
        with open_lines(file.path) as lines:
            traffic.feed(events(telling(lines), clock))


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Keep Python from looking for cycles, of which the pass makes none, in millions of objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

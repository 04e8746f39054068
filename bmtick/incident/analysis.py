"""From log files to a finished pass: what ``suspects``, ``relays``, ``respond`` and ``report`` share."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bmtick.collect.blocked import Blocked
from bmtick.collect.clock import LogClock
from bmtick.collect.postfix import events
from bmtick.incident.assessment import Assessment, assess
from bmtick.incident.logs import LogSet, find_logs, open_lines
from bmtick.incident.traffic import Observer, Traffic, Window
from bmtick.settings import Settings

# How Postfix's lines about connections begin; lines about messages begin with a queue id.
_IDLE = frozenset((b"connect ", b"disconne", b"lost con", b"timeout ", b"statisti", b"improper"))
_LONGEST_ID = 40
PAST = 35 * 86400  # seconds of own past: a month, so that a monthly mailing is no surprise


def telling(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Leave out, before parsing, the lines that by their first word say nothing of a message.

    They are half of a log. ``last message repeated`` after one of them goes with it.
    """
    kept = False
    for line in lines:
        start = line.find(b"]: ", 15) + 3
        end = line.find(b": ", start, start + _LONGEST_ID)
        if line[start : start + 8] in _IDLE or line[end : end + 13] == b": message-id=":
            kept = False
        elif kept or b" last message repeated " not in line:
            kept = True
            yield line


@dataclass(frozen=True)
class Analysis:
    """Finished logs.

    Attributes:
        logs: the files.
        traffic: who sent how much from where.
        assessments: by measurement and name, what the alerts' arithmetic makes of each.
        open_since: since when strangers together used this server as an open relay; 0: never.
    """

    logs: LogSet
    traffic: Traffic
    assessments: dict[str, dict[str, Assessment]]
    open_since: int


def analyse(
    paths: Sequence[str],
    *,
    since: int,
    past: int = PAST,
    settings: Settings | None = None,
    trusted: Iterable[str] = (),
    observers: Callable[[Window], Iterable[Observer]] | None = None,
) -> Analysis:
    """Read the logs.

    Args:
        paths: the logs; their rotated siblings are read too.
        since: seconds before the newest line that are judged.
        past: seconds before those that they are compared with.
        settings: of the alerts and of the collector.
        trusted: networks beside the settings' whose machines may relay.
        observers: makes observers for the window.

    Raises:
        BmtickError: a log is missing, unreadable, or holds no times.
    """
    logs = find_logs(paths, since=since + past)
    # A log that is younger than what was asked for: plots and texts speak of what there is.
    window = Window(max(logs.newest - since, logs.files[0].first), logs.newest)
    settings = settings or Settings()
    watching = observers(window) if observers else ()
    traffic = Traffic(window, Blocked(settings.collect.blocked_patterns), watching)
    with _no_garbage():
        _read(logs, traffic)
    assessor = assess(logs.names, settings, window.start, trusted)
    return Analysis(logs, traffic, assessor.close(), assessor.open_since)


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

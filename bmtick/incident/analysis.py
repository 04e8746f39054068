"""From log files to a finished pass: what ``suspects``, ``relays``, ``respond`` and ``report`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bmtick.collect.blocked import Blocked
from bmtick.collect.clock import LogClock
from bmtick.collect.postfix import events
from bmtick.incident.logs import LogSet, find_logs, open_lines
from bmtick.incident.traffic import Observer, Traffic, Window

PAST = 35 * 86400  # seconds of own past: a month, so that a monthly mailing is no surprise


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
    for file in logs.files:
        # The first line's time is known by now, and with it the year of all that follow.
        clock = LogClock(logs.newest, file.first)
        with open_lines(file.path) as lines:
            traffic.feed(events(lines, clock))
    traffic.close()
    return Analysis(logs, traffic)

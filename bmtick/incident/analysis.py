"""Read log files into an analysis, for ``suspects``, ``relays`` and ``report``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from bmtick.collect.batch import intervals_of_logs
from bmtick.collect.blocked import Blocked
from bmtick.collect.buckets import Buckets
from bmtick.collect.clock import LogClock
from bmtick.collect.counter import Counter
from bmtick.collect.known import KnownClients
from bmtick.collect.options import Options
from bmtick.incident.assessment import Assessment, Assessor, scales_of
from bmtick.incident.logs import LogSet, find_logs
from bmtick.incident.traffic import Observer, Reader, Traffic, Window
from bmtick.settings import Settings

PAST = 35 * 86400  # seconds of history: a month, so that a monthly mailing is known


@dataclass(frozen=True)
class Analysis:
    """The result of reading the logs.

    Attributes:
        logs: the files.
        traffic: addresses, failed logins and queued messages.
        assessments: the alerts' evaluation of each sender, by measurement and name.
        machine_senders: number of senders of each machine without a login, in the whole log.
        open_since: since when untrusted machines used the server as an open relay; 0: never.
    """

    logs: LogSet
    traffic: Traffic
    assessments: dict[str, dict[str, Assessment]]
    machine_senders: Mapping[str, int]
    open_since: int

    def count(self, measurement: str, name: str, field: str) -> int:
        """Return the sum of a field of an account or machine over the window."""
        one = self.assessments[measurement].get(name)
        return int(one.counts.get(field, 0)) if one else 0


def analyse(
    paths: Sequence[str],
    *,
    since: int,
    past: int = PAST,
    settings: Settings | None = None,
    trusted: Iterable[str] = (),
    observers: Callable[[Window], Iterable[Observer]] | None = None,
    progress: Callable[[LogSet], Callable[[str, int], None]] | None = None,
) -> Analysis:
    """Read the logs once, with the collector's reader.

    Args:
        paths: the logs; their rotated logs are read, too.
        since: seconds before the newest line that are evaluated.
        past: seconds of history before those.
        settings: of the alerts and of the collector.
        trusted: networks whose machines may relay, besides the settings' own.
        observers: creates observers for the window.
        progress: gets the files, returns a callback for each file's name and the bytes read.

    Raises:
        BmtickError: a log is missing, unreadable, or has no times.
    """
    logs = find_logs(paths, since=since + past)
    settings = settings or Settings()
    options = Options(
        known=[*settings.collect.known_clients, *trusted],
        blocked=settings.collect.blocked_patterns,
        max_series=1_000_000,  # no sender may be folded into a sum
    )
    # If the log is younger than the requested period, plots and texts cover the log only.
    window = Window(max(logs.newest - since, logs.files[0].first), logs.newest)
    traffic = Traffic(
        window,
        Blocked(options.blocked),
        KnownClients(options.known),
        observers(window) if observers else (),
    )
    assessor = Assessor(scales_of(settings), window.start - window.start % options.interval)
    on_progress = progress(logs) if progress else lambda _path, _size: None
    for rows in intervals_of_logs(
        logs.names, options, counter=traffic, scan=_reader, progress=on_progress
    ):
        assessor.take(rows)
    traffic.finish()
    assessments = assessor.close()
    return Analysis(logs, traffic, assessments, assessor.senders_of_machines(), assessor.open_since)


def _reader(counter: Counter, buckets: Buckets, clock: LogClock) -> Reader:
    return Reader(cast("Traffic", counter), buckets, clock)

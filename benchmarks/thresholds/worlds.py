"""Simulated logs as points: quiet weeks, and days with one outbreak."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.simulator.population import STYLES
from benchmarks.simulator.simulate import Options, simulate
from bmtick.collect.options import Options as Counting
from bmtick.collect.whole import points_of_logs
from bmtick.durations import SECOND
from bmtick.points import Point

_QMGR = re.compile(rb"postfix/qmgr\[811\]: (\w+): (removed|from=)")


@dataclass(frozen=True)
class World:
    """One simulated log as points in order of time, and its outbreak if it has one."""

    points: list[Point]
    days: float
    user: str = ""  # empty where a trusted machine is taken over
    style: str = ""
    first: float = 0.0
    last: float = 0.0
    recipients: int = 0


def world(options: Options) -> World:
    """Simulate, collect, and add the queue's length every 10 s."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "mail.log"
        truth = simulate(options, log)
        counting = Counting(now=float(str(truth["last"])))
        points = [*points_of_logs([str(log)], options=counting), *_queue(log, options)]
    points.sort(key=lambda p: p.time)
    outbreaks = truth["outbreaks"]
    if not isinstance(outbreaks, list) or not outbreaks:
        return World(points, options.days)
    (one,) = outbreaks
    names = ("user", "style", "first", "last")
    return World(points, options.days, *(one[n] for n in names), one["recipients_sent"])


def _queue(log: Path, options: Options) -> Iterator[Point]:
    """Yield how many messages were between their first active line and ``removed``."""
    waiting: set[bytes] = set()
    before = int(options.begin())
    with log.open("rb") as lines:
        for line in lines:
            match = _QMGR.search(line)
            if not match:
                continue
            now = _seconds(line, before)
            if now // 10 != before // 10:
                fields = {"length": len(waiting)}
                yield Point(
                    "postfix_queue", {"queue": "all"}, dict(fields), now // 10 * 10 * SECOND
                )
                before = now
            if match[2] == b"removed":
                waiting.discard(match[1])
            else:
                waiting.add(match[1])


def _seconds(line: bytes, before: int) -> int:
    """Return the time of a line in traditional form, from the one before: days only go up."""
    hour, minute, second = int(line[7:9]), int(line[10:12]), int(line[13:15])
    time = before - before % 86400 + hour * 3600 + minute * 60 + second
    return time if time >= before else time + 86400


def quiet(seeds: range, per_day: float, users: int) -> Iterator[World]:
    """Yield four weeks without an outbreak for each seed."""
    for seed in seeds:
        yield world(Options(seed=seed, days=28, per_day=per_day, users=users))


def abused(seeds: range, per_day: float, users: int) -> Iterator[World]:
    """Yield a day with one outbreak, for each style and seed."""
    for style in STYLES:
        for seed in seeds:
            options = Options(seed=seed, days=1, per_day=per_day, users=users, outbreaks=(style,))
            found = world(options)
            if found.recipients:
                yield found

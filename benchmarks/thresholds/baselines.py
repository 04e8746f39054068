"""What simple rules would have said of the same points, and the queue's length from a log."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator

from benchmarks.thresholds.server import DAY, Server
from bmtick.durations import SECOND
from bmtick.points import Point

Alarms = list[tuple[float, str]]  # time, whom
_WHO = {"postfix_sender": "user", "postfix_client": "client"}
_WINDOW = 600
_QMGR = re.compile(r"postfix/qmgr\[\d+\]: (\w+): (removed|from=)")


def _entities(points: list[Point], field: str) -> Iterator[tuple[str, float, int, int]]:
    """Yield who, time, what was counted within ten minutes, and on the whole day before."""
    windows: dict[str, deque[tuple[float, int]]] = defaultdict(deque)
    sums: dict[str, int] = defaultdict(int)
    days: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for point in points:
        tag = _WHO.get(point.name)
        if tag is None or point.tags[tag] == "_other":
            continue
        who, time, count = point.tags[tag], point.time / SECOND, int(point.fields[field])
        window = windows[who]
        window.append((time, count))
        sums[who] += count
        days[who][int(time // DAY)] += count
        while window[0][0] <= time - _WINDOW:
            sums[who] -= window.popleft()[1]
        yield who, time, sums[who], days[who][int(time // DAY) - 1]


def _over(points: list[Point], field: str, limit: int) -> Alarms:
    return _episodes(
        (who, time, value >= limit) for who, time, value, _ in _entities(points, field)
    )


def _ten_times(points: list[Point]) -> Alarms:
    """Ten times the hourly mean of the day before, and at least twenty, within ten minutes."""
    return _episodes(
        (who, time, before > 0 and value >= max(20, 10 * before / 144))
        for who, time, value, before in _entities(points, "recipients")
    )


def _queue_over(points: list[Point]) -> Alarms:
    return _episodes(
        ("", p.time / SECOND, int(p.fields["length"]) >= 200)
        for p in points
        if p.name == "postfix_queue"
    )


def _episodes(rows: Iterator[tuple[str, float, bool]]) -> Alarms:
    standing: dict[str, float] = {}
    found: Alarms = []
    for who, time, over in rows:
        if over and time - standing.get(who, -1e9) > _WINDOW:
            found.append((time + 10, who))
        if over:
            standing[who] = time
    return found


RULES: dict[str, Callable[[list[Point]], Alarms]] = {
    "200 recipients": lambda points: _over(points, "recipients", 200),
    "100 messages": lambda points: _over(points, "messages", 100),
    "10 x own day": _ten_times,
    "queue over 200": _queue_over,
}


def queue(server: Server) -> Iterator[Point]:
    """Yield the length of the queue, each minute in which it changed."""
    waiting: set[str] = set()
    lines = sorted(server.log.lines)
    minute = 0
    for time, _, text, _ in lines:
        match = _QMGR.search(text)
        if match is None:
            continue
        if int(time // 60) != minute:
            minute = int(time // 60)
            yield Point(
                "postfix_queue", {"queue": "active"}, {"length": len(waiting)}, minute * 60 * SECOND
            )
        if match[2] == "removed":
            waiting.discard(match[1])
        else:
            waiting.add(match[1])

"""The value that each alert compares with its threshold, over a whole log, in plain Python.

It is the catalogue's own arithmetic at its default parameters, so that many thresholds can be
tried in one pass. A test holds it against the scripts themselves.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bmtick.durations import SECOND
from bmtick.points import Point

WINDOW = 600  # seconds, every alert's default
Row = tuple[int, float]  # time in seconds, value
Series = dict[str, list[Row]]  # by group


@dataclass(frozen=True)
class Signal:
    """One alert: what it reads, how it is grouped, how its value comes about."""

    alert: str
    unit: str
    thresholds: tuple[float, ...]
    default: float
    measurement: str
    group: str
    value: Callable[[deque[Point]], float]
    keep: Callable[[Point], bool] = lambda _: True

    def series(self, points: Iterable[Point]) -> Series:
        """Return the value after each point, by group."""
        windows: dict[str, deque[Point]] = defaultdict(deque)
        found: Series = defaultdict(list)
        for point in points:
            if point.name != self.measurement or not self.keep(point):
                continue
            group = point.tags.get(self.group, "") if self.group else ""
            window = windows[group]
            window.append(point)
            while window[0].time <= point.time - WINDOW * SECOND:
                window.popleft()
            found[group].append((point.time // SECOND, self.value(window)))
        return found


def episodes(rows: list[Row], threshold: float, gap: int = WINDOW) -> Iterator[int]:
    """Yield the time of each alert: the value reaches the threshold after having been below."""
    standing, last = False, 0
    for time, value in rows:
        if time - last > gap:
            standing = False  # silence ends an alert
        last = time
        if value >= threshold and not standing:
            yield time
        standing = value >= threshold


def total(field: str) -> Callable[[deque[Point]], float]:
    """Return the sum of a field within the window."""
    return lambda window: sum(int(p.fields[field]) for p in window)


def last(field: str) -> Callable[[deque[Point]], float]:
    """Return a field of the newest point."""
    return lambda window: int(window[-1].fields[field])


def evidence(window: deque[Point]) -> float:
    """Return the evidence of ``sender_outbreak``, in percent, at its default parameters."""
    weight, excess = 0.0, 0.0
    for point in window:
        messages, recipients, clients, refused = (
            int(point.fields[k]) for k in ("messages", "recipients", "clients", "refused")
        )
        counted = min(recipients, 25 * messages)
        scattered = min(1.0, max(0.0, (clients - 2) / 18))
        weight += 100.0 * counted * (scattered / 40 + 1 / 1000)
        excess += refused - 0.08 * recipients
    return int(weight + 100.0 * max(0.0, excess) / 20)


def bounced_percent(window: deque[Point]) -> float:
    """Return the share of final deliveries that bounced; 0 below 50 of them."""
    final = [p for p in window if p.tags["status"] != "deferred"]
    count = sum(int(p.fields["count"]) for p in final)
    bad = sum(int(p.fields["count"]) for p in final if p.tags["status"] != "sent")
    return 100.0 * bad / count if count >= 50 else 0.0


SIGNALS = (
    Signal(
        "sender_recipients",
        "recipients",
        (50, 100, 200, 300, 500),
        200,
        "postfix_sender",
        "user",
        total("recipients"),
    ),
    Signal(
        "sender_messages",
        "messages",
        (30, 50, 100, 200, 300),
        100,
        "postfix_sender",
        "user",
        total("messages"),
    ),
    Signal(
        "sender_clients",
        "addresses",
        (3, 5, 8, 12, 20),
        5,
        "postfix_sender",
        "user",
        last("clients"),
    ),
    Signal(
        "sender_outbreak",
        "percent",
        (40, 60, 80, 100, 150, 200),
        100,
        "postfix_sender",
        "user",
        evidence,
    ),
    Signal(
        "relay_client",
        "messages",
        (10, 20, 50, 100, 200),
        20,
        "postfix_client",
        "client",
        total("messages"),
        lambda p: p.tags["known"] != "true",
    ),
    Signal(
        "auth_failures",
        "failures",
        (5, 10, 20, 50, 100),
        20,
        "postfix_auth",
        "client",
        total("failures"),
    ),
    Signal(
        "delivery_blocked",
        "refusals",
        (5, 10, 20, 50),
        10,
        "postfix_delivery",
        "",
        total("blocked"),
    ),
    Signal("bounce_rate", "percent", (10, 20, 30, 50), 30, "postfix_delivery", "", bounced_percent),
    Signal(
        "postfix_queue", "messages", (50, 100, 200, 400), 200, "postfix_queue", "", last("length")
    ),
)

"""The data of the plots, counted in one pass over the log, in slots of equal length."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bmtick.incident.grouping import plain_reason
from bmtick.incident.traffic import Window

_SLOTS = 720  # maximum points of a series: a screen shows no more
_LENGTHS = (10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
_MAX_REASONS = 5000
_MAX_SENDERS = 20_000  # every server that delivered here counts as one; only the largest are shown

SENT, DEFERRED, BOUNCED, BLOCKED = "sent", "deferred", "bounced", "blocked"
OUTCOMES = (SENT, DEFERRED, BOUNCED, BLOCKED)


def slot_length(seconds: int) -> int:
    """Return the length of one slot, in seconds, for a period."""
    return next((n for n in _LENGTHS if seconds / n <= _SLOTS), seconds // _SLOTS + 1)


@dataclass
class Timeline:
    """Counts by slot; implements :class:`bmtick.incident.traffic.Observer`.

    Attributes:
        queue: the largest length of the queue in each slot, as shown by the log.
        ends: its length at the end of each slot.
        senders: recipients by login (by client if there is none) and slot.
    """

    window: Window
    length: int = 0
    queue: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    outcomes: dict[str, Counter[int]] = field(
        default_factory=lambda: {name: Counter() for name in OUTCOMES}
    )
    failures: Counter[int] = field(default_factory=Counter)
    senders: dict[str, Counter[int]] = field(default_factory=dict)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_blocked: int = 0
    last_queued: int = 0

    def __post_init__(self) -> None:
        self.length = self.length or slot_length(self.window.end - self.window.start)

    def slot(self, time: int) -> int:
        """Return the start of the slot that contains a time."""
        return time - time % self.length

    def slots(self) -> list[int]:
        """Return the starts of all slots of the window in which there is data."""
        first = min(self.queue, default=self.slot(self.window.start))
        return list(range(first, self.window.end + 1, self.length))

    def queue_curve(self) -> list[int]:
        """Return the queue's length in each slot; a slot without events keeps the last length."""
        curve, last = [], 0
        for slot in self.slots():
            curve.append(max(last, self.queue[slot]) if slot in self.queue else last)
            last = self.ends.get(slot, last)
        return curve

    def message(self, time: int, name: str, recipients: int) -> None:
        """Count a message that became active."""
        counter = self.senders.get(name)
        if counter is None:
            if len(self.senders) >= _MAX_SENDERS:
                heavy = sorted(self.senders.items(), key=lambda item: item[1].total())
                self.senders = dict(heavy[_MAX_SENDERS // 2 :])
            counter = self.senders[name] = Counter()
        counter[self.slot(time)] += recipients

    def queued(self, time: int, count: int) -> None:
        """Record the queue's length."""
        slot = self.slot(time)
        self.queue[slot] = max(self.queue.get(slot, 0), count)
        self.ends[slot] = count
        self.last_queued = count

    def outcome(self, time: int, kind: str, count: int, reason: str = "") -> None:
        """Count the result for recipients, and the reason if it is a refusal."""
        self.outcomes.get(kind, self.outcomes[BOUNCED])[self.slot(time)] += count  # expired
        if kind == BLOCKED and not self.first_blocked:
            self.first_blocked = time
        if kind in (BLOCKED, BOUNCED):
            key = (kind, plain_reason(reason))
            if key in self.reasons or len(self.reasons) < _MAX_REASONS:
                self.reasons[key] += count

    def failed(self, time: int, count: int) -> None:
        """Count failed logins."""
        self.failures[self.slot(time)] += count

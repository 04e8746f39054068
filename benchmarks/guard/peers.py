"""How postfwd and policyd-rate-limit count, on a clock of the log's.

The programs themselves look at the machine's clock, so weeks cannot be replayed through them; how they
count was read in their sources (Debian 12): the limits are those of postfwd's manual page (500
recipients of an account within an hour) and of policyd-rate-limit's own settings file.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Peer(Protocol):
    """Counts what accounts send; neither knows machines that need no login."""

    def refused(self, user: str, recipients: int, time: float) -> int:
        """Return how many recipients of a message are refused."""


class Postfwd:
    """``rcpt(sasl_username/500/3600/REJECT)`` at the end of a message: windows from the first one on."""

    name = "postfwd"
    _MOST, _SECONDS = 500, 3600.0

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def refused(self, user: str, recipients: int, time: float) -> int:
        """Return how many recipients of a message are refused."""
        begin, count = self._windows.get(user, (time, 0))
        if time - begin > self._SECONDS:
            begin, count = time, 0
        count += recipients
        self._windows[user] = begin, count
        return recipients if count > self._MOST else 0


class PolicydRateLimit:
    """``limits: [[10, 60], [150, 86400]]`` at each recipient; what is refused does not count."""

    name = "policyd-rate-limit"
    _LIMITS = ((10, 60.0), (150, 86_400.0))

    def __init__(self) -> None:
        self._accepted: dict[str, deque[float]] = {}

    def refused(self, user: str, recipients: int, time: float) -> int:
        """Return how many recipients of a message are refused."""
        accepted = self._accepted.setdefault(user, deque())
        while accepted and time - accepted[0] > self._LIMITS[-1][1]:
            accepted.popleft()
        minute = 0
        for sent in reversed(accepted):
            if time - sent > self._LIMITS[0][1]:
                break
            minute += 1
        free = min(self._LIMITS[0][0] - minute, self._LIMITS[1][0] - len(accepted))
        taken = max(0, min(free, recipients))
        accepted.extend([time] * taken)
        return recipients - taken


PEERS = (Postfwd, PolicydRateLimit)

"""What the last minutes alone say: one login from many networks at once.

The alerts look back ten minutes and more, and the collector tells them every ten seconds; a botnet
sends hundreds of messages in that time. No person, telephone or shared account sends from eight
addresses within three minutes, so this needs no history; networks that the user is known to
send from do not count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from bmtick.languages import _, number

WINDOW: Final = 180.0  # seconds
ADDRESSES: Final = 8  # within WINDOW; fewer are a telephone under way, a family, a helpdesk
RECIPIENTS: Final = 16  # within WINDOW: eight devices that fetch up at once send one mail each
_MOST = 64  # messages of one login that are remembered: more decide nothing
_PER_MESSAGE = 25  # recipients of one message that count: a list is one message


class Bursts:
    """The last minutes of each login.

    Args:
        is_foreign: whether an address is one that this user was never seen at; private addresses
            never are.
    """

    def __init__(self, is_foreign: Callable[[str, str], bool]) -> None:
        self._is_foreign = is_foreign
        self._recent: dict[str, deque[tuple[float, str, int]]] = {}  # the longest silent first

    def add(self, user: str, client: str, recipients: int, now: float) -> None:
        """Take a message."""
        recent = self._recent.pop(user, None)
        if recent is None:
            recent = deque(maxlen=_MOST)
        if self._is_foreign(user, client):
            recent.append((now, client, min(recipients, _PER_MESSAGE)))
        if recent:
            self._recent[user] = recent
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Forget the two longest silent, where they are: so none is kept for long."""
        for _place in range(2):
            user = next(iter(self._recent), None)
            if user is None or now - self._recent[user][-1][0] < WINDOW:
                return
            del self._recent[user]

    def reason(self, user: str, now: float) -> str:
        """Return why the last minutes are those of a botnet; "" where they are not."""
        recent = self._recent.get(user)
        if recent is None:
            return ""
        while recent and not 0 <= now - recent[0][0] < WINDOW:
            recent.popleft()
        addresses = {client for _at, client, _count in recent}
        if len(addresses) < ADDRESSES:
            return ""
        recipients = sum(count for _at, _client, count in recent)
        if recipients < RECIPIENTS:
            return ""
        return _(
            "{recipients} recipients from {addresses} unfamiliar addresses within {minutes} minutes",
            recipients=number(recipients),
            addresses=number(len(addresses)),
            minutes=number(WINDOW / 60),
        )

    def released(self, user: str) -> None:
        """Begin anew with somebody who was released."""
        self._recent.pop(user, None)

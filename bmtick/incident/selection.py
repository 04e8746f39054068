"""Which queued messages are an account's: a pure decision per message, with its reason.

The login that the log or the queue file records decides. The envelope sender is only asked where
nobody logged in: spam often forges it, and mail with a forged sender is not the account's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bmtick.collect.postqueue import QueueEntry
from bmtick.incident.account import Account
from bmtick.incident.origin import Origin

BY_LOG = "login (log)"
BY_FILE = "login (queue file)"
BY_SENDER = "sender"
FORGED = "sender forged: another login"
OUTSIDE = "sender forged: from outside, no login"


@dataclass(frozen=True, slots=True)
class Match:
    """A queued message that is the account's, and why."""

    entry: QueueEntry
    reason: str
    origin: Origin | None


@dataclass(frozen=True)
class Selection:
    """The account's messages, and those that only look like its.

    Attributes:
        matches: what the steps of a response act on.
        spared: queue id and reason of messages that bear the account's address but are not its.
        examined: how many queued messages were looked at.
    """

    matches: tuple[Match, ...]
    spared: tuple[tuple[str, str], ...] = ()
    examined: int = 0

    @property
    def ids(self) -> list[str]:
        """The queue ids."""
        return [m.entry.queue_id for m in self.matches]

    @property
    def held(self) -> list[Match]:
        """Those on hold."""
        return [m for m in self.matches if m.entry.queue_name == "hold"]

    @property
    def moving(self) -> list[Match]:
        """Those that Postfix would still deliver."""
        return [m for m in self.matches if m.entry.queue_name != "hold"]

    def reasons(self) -> dict[str, int]:
        """How many were matched for which reason."""
        return dict(Counter(m.reason for m in self.matches).most_common())


@dataclass(frozen=True)
class Rules:
    """How a selection is made.

    Args:
        account: whose mail.
        trusted: tells whether a client address may send without a login.
        by_sender: also take mail without any login whose envelope sender is the account's.
    """

    account: Account
    trusted: Callable[[str], bool] = field(default=lambda client: client.startswith("127."))
    by_sender: bool = True

    def judge(self, entry: QueueEntry, origin: Origin | None) -> tuple[str, bool] | None:
        """Return the reason and whether the message is the account's; None: nothing to do with it.

        A message without a login is the account's by its sender only if it came from this machine
        or a trusted client (webmail submits like that), or if nothing is known about its client.
        """
        if origin and origin.user:
            if self.account.is_login(origin.user):
                return (BY_FILE if origin.source == "queue file" else BY_LOG), True
            return (FORGED, False) if self.account.is_address(entry.sender) else None
        if not self.account.is_address(entry.sender):
            return None
        if origin and origin.client and not self.trusted(origin.client):
            return OUTSIDE, False
        return BY_SENDER, self.by_sender


def select(entries: Iterable[QueueEntry], origins: Mapping[str, Origin], rules: Rules) -> Selection:
    """Pick the account's messages out of the queue."""
    matches: list[Match] = []
    spared: list[tuple[str, str]] = []
    examined = 0
    for entry in entries:
        examined += 1
        origin = origins.get(entry.queue_id)
        verdict = rules.judge(entry, origin)
        if verdict is None:
            continue
        reason, taken = verdict
        if taken:
            matches.append(Match(entry, reason, origin))
        else:
            spared.append((entry.queue_id, reason))
    return Selection(tuple(matches), tuple(spared), examined)

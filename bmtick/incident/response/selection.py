"""Which queued messages a response means: a pure decision per message, with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bmtick.collect.postqueue import QueueEntry
from bmtick.incident.origin import Origin
from bmtick.incident.response.target import Target, Trusted


@dataclass(frozen=True, slots=True)
class Match:
    """A queued message that is meant, and why."""

    entry: QueueEntry
    reason: str
    origin: Origin | None


@dataclass(frozen=True)
class Selection:
    """The messages that are meant, and those that only look like it.

    Attributes:
        matches: what the steps of a response act on.
        spared: queue id and reason of messages that bear the name but are somebody else's.
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


def select(
    entries: Iterable[QueueEntry],
    origins: Mapping[str, Origin],
    target: Target,
    trusted: Trusted = lambda client: client.startswith("127."),
) -> Selection:
    """Pick the target's messages out of the queue."""
    matches: list[Match] = []
    spared: list[tuple[str, str]] = []
    examined = 0
    for entry in entries:
        examined += 1
        origin = origins.get(entry.queue_id)
        verdict = target.classify(entry, origin, trusted)
        if verdict is None:
            continue
        reason, taken = verdict
        if taken:
            matches.append(Match(entry, reason, origin))
        else:
            spared.append((entry.queue_id, reason))
    return Selection(tuple(matches), tuple(spared), examined)

"""Select the queued messages of a response: a pure decision per message, with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bmtick.collect.postqueue import QueueEntry
from bmtick.incident.origin import Origin
from bmtick.incident.response.target import Target, Trusted


@dataclass(frozen=True, slots=True)
class Match:
    """A selected message, and the reason."""

    entry: QueueEntry
    reason: str
    origin: Origin | None


@dataclass(frozen=True)
class Selection:
    """The selected messages, and those that only look similar.

    Attributes:
        matches: the messages that the steps apply to.
        spared: queue id and reason of messages with the same name that belong to others.
        examined: number of queued messages that were examined.
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
        """Number of matches by reason."""
        return dict(Counter(m.reason for m in self.matches).most_common())


def select(
    entries: Iterable[QueueEntry],
    origins: Mapping[str, Origin],
    target: Target,
    trusted: Trusted = lambda client: client.startswith("127."),
) -> Selection:
    """Select the target's messages from the queue."""
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

"""Filter and group the queue by sender, login, client, destination and reason of delay."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from bmtick.collect.postqueue import QueueEntry
from bmtick.incident.account import normal
from bmtick.incident.networks import TrustedNetworks
from bmtick.incident.origin import Origin

KINDS = ("sender", "user", "client", "domain", "reason")
UNKNOWN = "(unknown)"
NO_LOGIN = "(no login)"
LOCAL = "(this machine)"
NULL_SENDER = "<>"

# Varies between deferrals of one cause: hosts, addresses, times, ids.
_NOISE = re.compile(
    r"(?P<HOST>\b(?:host|to|with) [^\s\[]+\[[0-9a-fA-F.:]+\](?::\d+)?)"
    r"|<(?P<ADDRESS>[^>]*)>"
    r"|(?P<IP>\[[0-9a-fA-F.:]+\]|\b\d{1,3}(?:\.\d{1,3}){3}\b)"
    r"|(?P<URL>https?://\S+)"
    r"|(?P<MAILBOX>[^\s<>@]+@[^\s<>@]+)"
    r"|(?P<ID>\b(?=\w*\d)(?=\w*[A-Za-z])\w{8,}\b|\b\d{5,}\b)"
)


@lru_cache(maxsize=16384)
def plain_reason(text: str) -> str:
    """Return a reason of delay without the parts that are specific to one message."""
    text = _NOISE.sub(lambda m: m.lastgroup or "", text)
    return " ".join(text.split())


@dataclass(frozen=True)
class Filter:
    """Selects messages; criteria that are not set do not restrict.

    Args:
        sender: exact envelope sender; ``<>`` for the empty one.
        user: exact login.
        clients: networks that contain the client address.
        older_than: arrived before this time, seconds since the epoch.
        reason: part of the reason of delay, case-insensitive.
        domain: exact domain of a recipient.
        queue: name of the queue: ``active``, ``deferred``, ``hold``, ``incoming``.
    """

    sender: str | None = None
    user: str | None = None
    clients: TrustedNetworks | None = None
    older_than: int | None = None
    reason: str | None = None
    domain: str | None = None
    queue: str | None = None

    @property
    def needs_origins(self) -> bool:
        """Whether the filter needs origins from the log."""
        return self.user is not None or self.clients is not None

    def takes(self, entry: QueueEntry, origin: Origin | None) -> bool:
        """Whether a message is selected."""
        if self.sender is not None and normal(shown_sender(entry)) != normal(self.sender):
            return False
        if self.user is not None and (origin is None or normal(origin.user) != normal(self.user)):
            return False
        if self.clients is not None and (origin is None or origin.client not in self.clients):
            return False
        if self.older_than is not None and entry.arrival_time > self.older_than:
            return False
        if self.queue is not None and entry.queue_name != self.queue:
            return False
        if self.domain is not None and self.domain.lower() not in _domains(entry):
            return False
        wanted = self.reason
        return wanted is None or any(
            wanted.lower() in r.delay_reason.lower() for r in entry.recipients if r.delay_reason
        )


@dataclass
class Group:
    """Messages with a common property."""

    name: str
    messages: int = 0
    recipients: int = 0
    size: int = 0
    oldest: int = 0

    def add(self, entry: QueueEntry, recipients: int) -> None:
        """Count one message."""
        self.messages += 1
        self.recipients += recipients
        self.size += entry.size
        self.oldest = min(self.oldest or entry.arrival_time, entry.arrival_time)


@dataclass
class Grouping:
    """All groups of the selected messages."""

    total: Group = field(default_factory=lambda: Group("all"))
    groups: dict[str, dict[str, Group]] = field(default_factory=dict)

    def top(self, kind: str, count: int) -> list[Group]:
        """Return the largest groups of one kind."""
        found = self.groups.get(kind, {}).values()
        return sorted(found, key=lambda g: (-g.messages, -g.recipients, g.name))[:count]


def choose(
    entries: Iterable[QueueEntry], wanted: Filter, origins: Mapping[str, Origin]
) -> Iterator[QueueEntry]:
    """Yield the messages that a filter selects."""
    return (e for e in entries if wanted.takes(e, origins.get(e.queue_id)))


def group(
    entries: Iterable[QueueEntry], origins: Mapping[str, Origin], kinds: Iterable[str] = KINDS
) -> Grouping:
    """Group messages by each kind; a message may be in several groups of a kind."""
    found = Grouping(groups={kind: {} for kind in kinds})
    keys = {kind: _KEYS[kind] for kind in found.groups}
    for entry in entries:
        found.total.add(entry, len(entry.recipients))
        origin = origins.get(entry.queue_id)
        for kind, table in found.groups.items():
            for name, recipients in keys[kind](entry, origin).items():
                one = table.get(name)
                if one is None:
                    one = table[name] = Group(name)
                one.add(entry, recipients)
    return found


def shown_sender(entry: QueueEntry) -> str:
    """Return the sender; ``postqueue`` calls the empty one MAILER-DAEMON."""
    return NULL_SENDER if entry.sender == "MAILER-DAEMON" else entry.sender


def _domains(entry: QueueEntry) -> dict[str, int]:
    found: dict[str, int] = {}
    for recipient in entry.recipients:
        domain = recipient.address.rpartition("@")[2].lower()
        found[domain] = found.get(domain, 0) + 1
    return found


def _reasons(entry: QueueEntry, origin: Origin | None) -> dict[str, int]:
    del origin
    found: dict[str, int] = {}
    for recipient in entry.recipients:
        reason = plain_reason(recipient.delay_reason) if recipient.delay_reason else "(not delayed)"
        found[reason] = found.get(reason, 0) + 1
    return found


_KEYS: dict[str, Callable[[QueueEntry, Origin | None], dict[str, int]]] = {
    "sender": lambda e, _: {shown_sender(e): len(e.recipients)},
    "user": lambda e, o: {(o.user or NO_LOGIN) if o else UNKNOWN: len(e.recipients)},
    "client": lambda e, o: {(o.client or LOCAL) if o else UNKNOWN: len(e.recipients)},
    "domain": lambda e, _: _domains(e),
    "reason": _reasons,
}

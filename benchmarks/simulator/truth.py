"""The ground truth of a simulated log: counted as events are drawn, not read from the log."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict

from benchmarks.simulator import replies
from benchmarks.simulator.model import SENT, Failure, Message, Outbreak


class Truth:
    """Counts what a perfect reader of the log would count."""

    def __init__(self) -> None:
        self.users: dict[str, Counter[str]] = defaultdict(Counter)
        self.clients: dict[str, Counter[str]] = defaultdict(Counter)
        self.user_clients: dict[str, set[str]] = defaultdict(set)
        self.deliveries: Counter[str] = Counter()
        self.blocked: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.failed_names: dict[str, set[str]] = defaultdict(set)
        self.kinds: Counter[str] = Counter()
        self.filtered = 0

    def message(self, message: Message) -> None:
        """Count one message that became active, and what became of its recipients."""
        self.kinds[message.kind] += 1
        own: Counter[str] = Counter()
        if message.user:
            own = self.users[message.user]
            self.user_clients[message.user].add(message.client)
        elif message.client:
            own = self.clients[message.client]
        own["messages"] += 1
        own["recipients"] += len(message.recipients)
        own["bytes"] += message.size
        self.deliveries["sent"] += len(message.recipients) - len(message.outcomes)
        for outcome in message.outcomes.values():
            self._outcome(own, *outcome)

    def _outcome(self, own: Counter[str], final: str, text: int, attempts: tuple) -> None:
        tried = len(attempts) + (final == "expired")
        if tried:
            self.deliveries["deferred"] += tried
            if replies.DEFERRALS[text].blocked:
                self.blocked["deferred"] += tried
        if final != "expired":
            self.deliveries[final] += 1
        # A recipient is refused once, however often it was tried.
        own["refused"] += final == "bounced" or bool(tried and replies.DEFERRALS[text].blocked)
        if final == "bounced":
            own["bounced"] += 1
            self.blocked["bounced"] += replies.BOUNCES[text].blocked

    def handed_over(self, recipients: int) -> None:
        """Count the deliveries to a content filter: Postfix logs them like all others."""
        self.deliveries[SENT.final] += recipients
        self.filtered += 1

    def expired(self) -> None:
        """Count one queue file given up."""
        self.deliveries["expired"] += 1

    def notice(self) -> None:
        """Count the delivery of one bounce message that Postfix itself wrote."""
        self.kinds["notice"] += 1
        self.deliveries[SENT.final] += 1

    def failure(self, failure: Failure) -> None:
        """Count one failed login with its repetitions."""
        self.failures[failure.client] += 1 + failure.repeats
        if failure.named:
            self.failed_names[failure.client].add(failure.user)

    def to_json(self, outbreaks: list[Outbreak], **facts: object) -> dict[str, object]:
        """Return all of it, sorted, for ``truth.json``."""
        return {
            **facts,
            "messages": sum(self.kinds.values()),
            "filtered": self.filtered,
            "kinds": dict(sorted(self.kinds.items())),
            "users": {
                user: {**_filled(count), "clients": len(self.user_clients[user])}
                for user, count in sorted(self.users.items())
            },
            "clients": {client: _filled(count) for client, count in sorted(self.clients.items())},
            "deliveries": {
                status: {"count": count, "blocked": self.blocked[status]}
                for status, count in sorted(self.deliveries.items())
            },
            "auth": {
                client: {"failures": count, "users": len(self.failed_names[client])}
                for client, count in sorted(self.failures.items())
            },
            "outbreaks": [
                {**asdict(o), "addresses": len(o.addresses)} for o in outbreaks if o.messages_sent
            ],
        }


def _filled(count: Counter[str]) -> dict[str, int]:
    return {key: count[key] for key in ("messages", "recipients", "bytes", "refused", "bounced")}

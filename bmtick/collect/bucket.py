"""What is kept of a mail log: where messages come from, and the sums of one interval."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any


class Origin:
    """Where messages come from: the user, empty without SASL, and the client's address.

    ``injected``: a content filter handed the message back; ``orig_queue_id`` is what it was before.
    """

    __slots__ = ("client", "injected", "orig_queue_id", "user")

    def __init__(
        self, user: str, client: str, orig_queue_id: bytes = b":", *, injected: bool = False
    ) -> None:
        self.user = user
        self.client = client
        self.orig_queue_id = orig_queue_id
        self.injected = injected


class Bucket:
    """The sums of one interval."""

    __slots__ = (
        "auth",
        "bytes",
        "clients",
        "delivery",
        "lines",
        "names",
        "origins",
        "senders",
        "unparsed",
    )

    def __init__(self) -> None:
        self.senders: dict[str, list[int]] = {}  # messages, recipients, bytes, refused
        self.origins: set[Origin] = set()  # of the senders' messages
        self.clients: dict[str, list[int]] = {}  # messages, recipients, bytes
        self.auth: dict[str, int] = {}
        self.names: dict[str, set[str]] = {}  # tried by each client
        self.delivery: dict[str, list[int]] = {}  # count, blocked
        self.lines = self.bytes = self.unparsed = 0

    def dump(self) -> list[Any]:
        """Return the sums as JSON-able data."""
        return [
            self.lines,
            self.bytes,
            self.unparsed,
            self.senders,
            sorted({(origin.user, origin.client) for origin in self.origins}),
            self.clients,
            self.auth,
            {client: sorted(found) for client, found in self.names.items()},
            self.delivery,
        ]

    @classmethod
    def restored(cls, kept: list[Any]) -> Bucket:
        """Return what ``dump`` gave."""
        self = cls()
        self.lines, self.bytes, self.unparsed, self.senders, origins = kept[:5]
        self.clients, self.auth, names, self.delivery = kept[5:]
        self.origins = {Origin(user, client) for user, client in origins}
        self.names = {client: set(found) for client, found in names.items()}
        return self

    def add(self, other: Bucket) -> None:
        """Add the sums of another bucket."""
        self.lines += other.lines
        self.bytes += other.bytes
        self.unparsed += other.unparsed
        for mine, theirs in (
            (self.senders, other.senders),
            (self.clients, other.clients),
            (self.delivery, other.delivery),
        ):
            for key, values in theirs.items():
                before = mine.get(key, [0] * len(values))
                mine[key] = [a + b for a, b in zip(before, values, strict=True)]
        for key, failures in other.auth.items():
            self.auth[key] = self.auth.get(key, 0) + failures
        self.origins |= other.origins
        for client, found in other.names.items():
            self.names.setdefault(client, set()).update(found)

    def size(self) -> int:
        """Return how many series and names the bucket holds, to bound memory."""
        size = len(self.senders) + len(self.clients) + len(self.auth) + len(self.origins)
        return size + sum(map(len, self.names.values())) if self.names else size

"""What is kept of a mail log: where messages come from, and the sums of one interval."""

from __future__ import annotations

from bmtick.collect import compiled
from bmtick.collect.raw import network
from bmtick.names import CLIENT, LOCAL, SENDER

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    Entity: TypeAlias = str
    """An account or a machine: its measurement and the values of its tags, newlines between."""

# Places in the sums of an interval.
MESSAGES, RECIPIENTS, BYTES, RELAYED, OURS, REFUSED, BLOCKED, UNKNOWN, THROTTLED = range(9)
WIDTH = 9
NOTHING = (0,) * WIDTH

MAX_SEEN = 1000  # recipients, or envelope senders, of one entity that an interval keeps


class Origin:
    """Where messages come from.

    Attributes:
        user: the login; empty without SASL.
        client: the address as the points bear it; empty for mail of this machine's ``sendmail``.
        trusted: whether the client may relay without a login.
        injected: a content filter handed the message back.
        orig_queue_id: what an injected message was before.
        entity: whom it counts for; empty where that is not known.
        relays: whether it is a machine that may relay: it is listed, or in a private network, as
            Postfix lets it.
    """

    __slots__ = ("client", "entity", "injected", "orig_queue_id", "relays", "trusted", "user")

    def __init__(
        self,
        user: str,
        client: str,
        orig_queue_id: bytes = b":",
        *,
        trusted: bool = False,
        injected: bool = False,
    ) -> None:
        self.user = user
        self.client = client
        self.trusted = trusted
        self.orig_queue_id = orig_queue_id
        self.injected = injected
        self.entity: Entity = ""
        if user:
            self.entity = f"{SENDER}\n{user}"
        elif client:
            self.entity = f"{CLIENT}\n{client}\n{'true' if trusted else 'false'}"
        is_machine = self.entity.startswith(CLIENT)
        self.relays = is_machine and (trusted or (client != "unknown" and not network(client)))

    @classmethod
    def local(cls, sender: str, uid: int) -> Origin:
        """Return the origin of mail by ``sendmail``."""
        self = cls("", "")
        self.entity = f"{LOCAL}\n{sender}\n{uid}"
        return self

    def dump(self) -> list[Any]:
        """Return it as JSON-able data."""
        return [self.user, self.client, int(self.trusted), self.entity]

    @classmethod
    def restored(cls, kept: list[Any]) -> Origin:
        """Return what ``dump`` gave; two texts are those of an older state."""
        self = cls(kept[0], kept[1], trusted=bool(kept[2:] and kept[2]))
        if len(kept) > 3:
            self.entity = kept[3]
        return self


class Message:
    """A message in the queue.

    Attributes:
        origin: where it comes from.
        sender: the envelope sender as logged.
        size: bytes.
        waiting: what was counted of the recipients that are tried again, by checksum.
        outward: those for whom it was counted as a message that goes outward.
    """

    __slots__ = ("origin", "outward", "sender", "size", "waiting")

    def __init__(self, origin: Origin, sender: bytes = b"", size: int = 0) -> None:
        self.origin = origin
        self.sender = sender
        self.size = size
        self.waiting: dict[int, int] | None = None
        self.outward: set[Entity] | None = None


def _sums(values: Iterable[int] = NOTHING) -> list[int]:
    return list(values)


_share: Callable[[Bucket, Entity, list[int]], None] | None = None
_size: Callable[[Bucket], int] | None = None
if not TYPE_CHECKING and compiled.bucket is not None:
    Origin, Message, _sums = compiled.bucket.Origin, compiled.bucket.Message, compiled.bucket.Sums
    _share, _size = compiled.bucket.share, compiled.bucket.size

NOBODY = Origin("", "")  # of bounces, of forwarded copies, of what began before the log


class Bucket:
    """The sums of one interval."""

    __slots__ = (
        "bytes",
        "core",
        "delivery",
        "entities",
        "envelopes",
        "failures",
        "lines",
        "origins",
        "recipients",
        "unparsed",
    )

    def __init__(self) -> None:
        self.entities: dict[Entity, list[int]] = {}  # in the places above
        self.origins: set[Origin] = set()  # of the users' messages
        self.recipients: dict[Entity, set[int]] = {}  # checksums, of users
        self.envelopes: dict[Entity, set[bytes]] = {}  # senders, of users' and of outward mail
        self.failures: dict[str, dict[str, int]] = {}  # logins: names tried by each client
        self.core: dict[str, dict[str, int]] = {}  # the same of BlueMind, by client and origin
        self.delivery: dict[str, list[int]] = {}  # count, blocked
        self.lines = self.bytes = self.unparsed = 0

    def sums(self, entity: Entity) -> list[int]:
        """Return the sums of an entity, to add to; who does may add to the sets beside them."""
        found = self.entities.get(entity)
        if found is None:
            found = self.entities[entity] = _sums()
        elif _share is not None:
            _share(self, entity, found)
        return found

    def share(self) -> None:
        """See that the sets hold what was seen: the compiled reader keeps a single one elsewhere."""
        if _share is not None:
            for entity, sums in self.entities.items():
                _share(self, entity, sums)

    def dump(self) -> list[Any]:
        """Return the sums as JSON-able data."""
        self.share()
        return [
            self.lines,
            self.bytes,
            self.unparsed,
            {entity: list(sums) for entity, sums in self.entities.items()},
            sorted({(o.user, o.client) for o in self.origins}),
            {entity: sorted(seen) for entity, seen in self.recipients.items()},
            {
                entity: [sender.decode("latin-1") for sender in sorted(seen)]
                for entity, seen in self.envelopes.items()
            },
            self.failures,
            self.core,
            self.delivery,
        ]

    @classmethod
    def restored(cls, kept: list[Any]) -> Bucket:
        """Return what ``dump`` gave."""
        self = cls()
        self.lines, self.bytes, self.unparsed, entities, origins = kept[:5]
        self.entities = {entity: _sums(sums) for entity, sums in entities.items()}
        recipients, envelopes, self.failures, self.core, self.delivery = kept[5:]
        self.origins = {Origin(user, client) for user, client in origins}
        self.recipients = {entity: set(seen) for entity, seen in recipients.items()}
        self.envelopes = {
            entity: {sender.encode("latin-1") for sender in seen}
            for entity, seen in envelopes.items()
        }
        return self

    def add(self, other: Bucket) -> None:
        """Add the sums of another bucket."""
        other.share()
        self.lines += other.lines
        self.bytes += other.bytes
        self.unparsed += other.unparsed
        for entity, values in other.entities.items():
            _add(self.sums(entity), values)
        for status, values in other.delivery.items():
            _add(self.delivery.setdefault(status, [0, 0]), values)
        self.origins |= other.origins
        for entity, hashes in other.recipients.items():
            self.recipients.setdefault(entity, set()).update(hashes)
        for entity, senders in other.envelopes.items():
            self.envelopes.setdefault(entity, set()).update(senders)
        for mine, theirs in ((self.failures, other.failures), (self.core, other.core)):
            for client, names in theirs.items():
                kept = mine.setdefault(client, {})
                for name, count in names.items():
                    kept[name] = kept.get(name, 0) + count

    def size(self) -> int:
        """Return how many series and names the bucket holds, to bound memory."""
        if _size is not None:
            return _size(self)
        size = len(self.entities) + len(self.origins) + len(self.failures) + len(self.core)
        for tables in (self.recipients, self.envelopes, self.failures, self.core):
            if tables:
                size += sum(map(len, tables.values()))
        return size


def _add(mine: list[int], values: list[int]) -> None:
    for place, value in enumerate(values):
        mine[place] += value

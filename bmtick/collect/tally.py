"""What is counted: open messages with their owners, and one bucket of sums per interval.

A message counts once, when the queue manager first makes it active: a session may die after its
``client=`` line, and a deferred message becomes active again at each retry. It belongs to the
SASL user of its ``client=`` line, else to that client. Mail without a network client (sendmail's
pickup, bounces, forwarded copies) has neither and shows in the deliveries and the queue alone.
"""

from __future__ import annotations

import re

from bmtick.collect import patterns as p
from bmtick.collect.blocked import Blocked
from bmtick.collect.raw import UNAVAILABLE, address, username

MAX_OPEN = 50_000  # queue ids whose origin is remembered
MAX_NAMES_TRIED = 50_000  # per interval
MAX_ADDRESSES = 20_000  # per user and interval
_MAX_LOGINS = 5_000  # parsed logins that are remembered

_LOGIN = re.compile(p.PEER_AND_LOGIN, re.DOTALL)
_STATUSES = {
    b"sent": "sent",
    b"deferred": "deferred",
    b"SOFTBOUNCE": "deferred",  # soft_bounce = yes: the message stays
    b"bounced": "bounced",
    b"expired": "expired",
}


class Origin:
    """Where messages come from: the user, empty without SASL, and the client's address."""

    __slots__ = ("client", "orig_queue_id", "user")

    def __init__(self, user: str, client: str, orig_queue_id: bytes = b"") -> None:
        self.user = user
        self.client = client
        self.orig_queue_id = orig_queue_id


class Bucket:
    """The sums of one interval."""

    __slots__ = (
        "addresses",
        "auth",
        "bytes",
        "clients",
        "delivery",
        "lines",
        "names",
        "senders",
        "unparsed",
    )

    def __init__(self) -> None:
        self.senders: dict[str, list[int]] = {}  # messages, recipients, bytes, refused
        self.addresses: dict[str, set[str]] = {}  # of each user
        self.clients: dict[str, list[int]] = {}  # messages, recipients, bytes
        self.auth: dict[str, int] = {}
        self.names: dict[str, set[str]] = {}  # tried by each client
        self.delivery: dict[str, list[int]] = {}  # count, blocked
        self.lines = self.bytes = self.unparsed = 0

    def size(self) -> int:
        """Return how many series and names the bucket holds, to bound memory."""
        return (
            len(self.senders)
            + len(self.clients)
            + len(self.auth)
            + sum(map(len, self.addresses.values()))
            + sum(map(len, self.names.values()))
        )


class Tally:
    """Counts facts; ``bucket`` is the one that the facts of now go into.

    Queue ids are keys as the log writes them, with their colon.

    Args:
        blocked: tells from DSN and reply whether a refusal calls the sender a spammer.
    """

    def __init__(self, blocked: Blocked) -> None:
        self.blocked = blocked
        self.waiting: dict[bytes, Origin] = {}  # not active yet
        self.counted: dict[bytes, Origin] = {}  # active at least once
        self.bucket = Bucket()
        self._logins: dict[bytes, Origin] = {}

    def client(self, queue_id: bytes, login: bytes) -> None:
        """``smtpd`` accepted a first recipient; login is what follows ``client=``."""
        origin = self._origin(login)
        self.counted.pop(queue_id, None)  # the id is used again
        before = origin.orig_queue_id
        if before in self.counted:
            self.counted[queue_id] = self.counted[before]  # re-injected by a content filter
        else:
            self.waiting[queue_id] = self.waiting.pop(before, origin)

    def _origin(self, login: bytes) -> Origin:
        origin = self._logins.get(login)
        if origin is None:
            match = _LOGIN.match(login)
            if match is None:
                raise ValueError(login)
            client = address(match["orig_address"] or match["address"])
            user = username(match["username"] or b"")
            origin = Origin(user, client, (match["orig_queue_id"] or b"") + b":")
            if len(self._logins) >= _MAX_LOGINS:
                self._logins.clear()
            self._logins[login] = origin
        return origin

    def requeued(self, queue_id: bytes, before: bytes) -> None:
        """``pickup``: a message of this machine, or (before) one that was requeued."""
        self.waiting.pop(queue_id, None)
        self.counted.pop(queue_id, None)
        if before in self.counted:
            self.counted[queue_id] = self.counted.pop(before)
        elif before in self.waiting:
            self.waiting[queue_id] = self.waiting.pop(before)

    def active(self, queue_id: bytes, size: int, nrcpt: int) -> None:
        """``qmgr`` made a message active: the first time, it counts."""
        origin = self.waiting.pop(queue_id, None)
        if origin is None:
            return
        self.counted[queue_id] = origin
        bucket = self.bucket
        if origin.user:
            sums = bucket.senders.get(origin.user)
            if sums is None:
                sums = bucket.senders[origin.user] = [0, 0, 0, 0]
            addresses = bucket.addresses.setdefault(origin.user, set())
            if len(addresses) < MAX_ADDRESSES:
                addresses.add(origin.client)
        else:
            sums = bucket.clients.get(origin.client)
            if sums is None:
                sums = bucket.clients[origin.client] = [0, 0, 0]
        sums[0] += 1
        sums[1] += nrcpt
        sums[2] += size

    def sent(self, count: int) -> None:
        """So many deliveries succeeded."""
        self.bucket.delivery.setdefault("sent", [0, 0])[0] += count

    def delivery(
        self, queue_id: bytes, status: bytes, dsn: bytes, reply: bytes, times: int = 1
    ) -> None:
        """A delivery agent is done with one recipient for now."""
        name = _STATUSES.get(status)
        if name is None:
            return  # an address probe: deliverable, undeliverable
        blocked = name != "sent" and self.blocked(dsn, reply)
        sums = self.bucket.delivery.setdefault(name, [0, 0])
        sums[0] += times
        sums[1] += times * blocked
        if blocked or name == "bounced":
            origin = self.counted.get(queue_id)
            if origin is not None and origin.user:
                sender = self.bucket.senders.setdefault(origin.user, [0, 0, 0, 0])
                sender[3] += times

    def failure(self, client: bytes, name: bytes | None, times: int = 1) -> None:
        """A login failed."""
        host = address(client)
        self.bucket.auth[host] = self.bucket.auth.get(host, 0) + times
        if name and name != UNAVAILABLE:
            names = self.bucket.names.setdefault(host, set())
            if len(names) < MAX_NAMES_TRIED:
                names.add(username(name))

    def removed(self, queue_id: bytes) -> None:
        """A message is gone; its id may come again."""
        self.counted.pop(queue_id, None)
        self.waiting.pop(queue_id, None)

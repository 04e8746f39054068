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
from bmtick.collect.bucket import Bucket, Origin
from bmtick.collect.lazy import lazy
from bmtick.collect.raw import UNAVAILABLE, address, username

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

MAX_OPEN = 20_000  # queue ids, of each kind, whose origin is remembered
MAX_GONE = 2_000  # removed messages that are remembered
WAITING_AGE = 86_400  # seconds
COUNTED_AGE = 7 * 86_400  # seconds
MAX_NAMES_TRIED = 50_000  # per interval
_MAX_LOGINS = 10_000  # parsed logins that are remembered

_LOGIN = lazy(p.PEER_AND_LOGIN, re.DOTALL)
_STATUSES = {
    b"sent": "sent",
    b"deferred": "deferred",
    b"SOFTBOUNCE": "deferred",  # soft_bounce = yes: the message stays
    b"bounced": "bounced",
    b"expired": "expired",
}


def _plain(login: bytes) -> Origin | None:
    """Take the usual forms apart, ten times as fast as the pattern; None: it is another one."""
    name, _, rest = login.partition(b"[")
    client, found, tail = rest.partition(b"]")
    if not found or name.find(b" ") >= 0 or client.find(b" ") >= 0:  # "in" costs thrice as much
        return None
    if not tail:
        return Origin("", address(client))
    if tail.find(b", sasl_sender=") >= 0 or tail.find(b", orig_") >= 0:
        return None
    method, found, user = tail.partition(b", sasl_username=")
    if not found or not method.startswith(b", sasl_method=") or method.find(b" ", 2) >= 0:
        return None
    return Origin(username(user), address(client))


def _parsed(login: bytes) -> Origin:
    match = _LOGIN.match(login)
    if match is None:
        return Origin("", address(login.partition(b"[")[2].partition(b"]")[0]))
    client = address(match["orig_address"] or match["address"])
    before = match["orig_queue_id"]
    injected = before is not None or match["orig_address"] is not None
    user = username(match["username"] or b"")
    return Origin(user, client, (before or b"") + b":", injected=injected)


class Tally:
    """Counts facts; ``bucket`` is the one that the facts of now go into.

    Queue ids are keys as the log writes them, with their colon. Servers use the same short ids: in
    a log of several, those of all hosts but the first stand behind the name of their host.

    Args:
        blocked: tells from DSN and reply whether a refusal calls the sender a spammer.
    """

    def __init__(self, blocked: Blocked) -> None:
        self.blocked = blocked
        self.home = b""  # the first host that was seen
        self.waiting: dict[bytes, Origin] = {}  # not active yet
        self.counted: dict[bytes, Origin] = {}  # active at least once
        self.bucket = Bucket()
        self.gone: dict[bytes, Origin] = {}  # counted and removed; a slow filter may come back
        self.logins: dict[bytes, Origin] = {}
        self._proxied: dict[str, Origin] = {}  # of each client of a filter before the queue
        # When a queue id was first seen so at the end of a run; an id that is used again is young.
        self._born: dict[str, dict[bytes, int]] = {"waiting": {}, "counted": {}}

    def before(self, host: bytes) -> bytes:
        """Return what stands before the queue ids of a host in the keys; nothing for the first."""
        if not self.home:
            self.home = host
        return b"" if host == self.home else host + b"/"

    def client(self, queue_id: bytes, login: bytes) -> None:
        """``smtpd`` accepted a first recipient; login is what follows ``client=``."""
        origin = self.logins.get(login) or self._origin(login)
        if queue_id in self.counted:
            del self.counted[queue_id]  # the id is used again
        if queue_id in self.gone:
            del self.gone[queue_id]
        if origin.injected:
            self._injected(queue_id, origin)
        else:
            self.waiting[queue_id] = origin

    def _injected(self, queue_id: bytes, origin: Origin) -> None:
        """A content filter hands a message back: it counts once, under its first origin."""
        before = origin.orig_queue_id
        if (own := queue_id.rpartition(b"/")[0]) and before != b":":
            of_host = own + b"/" + before
            if any(of_host in kept for _, kept in self._kept()):
                before = of_host
        known = self.counted.get(before) or self.gone.get(before)
        if known is not None:
            self.counted[queue_id] = known
            self.waiting.pop(queue_id, None)
        elif before in self.waiting:
            self.waiting[queue_id] = self.waiting.pop(before)
        else:
            self.waiting[queue_id] = self._proxied.pop(origin.client, origin)

    def proxied(self, login: bytes) -> None:
        """``NOQUEUE: client=``: a filter before the queue has the message; it comes back alone."""
        origin = self.logins.get(login) or self._origin(login)
        if len(self._proxied) >= _MAX_LOGINS:
            self._proxied.clear()
        self._proxied[origin.client] = origin

    def _origin(self, login: bytes) -> Origin:
        origin = _plain(login) or _parsed(login)
        if len(self.logins) >= _MAX_LOGINS:
            self.logins.clear()
        self.logins[login] = origin
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
        if origin is not None:
            self.count(queue_id, origin, size, nrcpt)

    def count(self, queue_id: bytes, origin: Origin, size: int, nrcpt: int) -> None:
        """Count a message."""
        self.counted[queue_id] = origin
        bucket = self.bucket
        if origin.user:
            sums = bucket.senders.get(origin.user)
            if sums is None:
                sums = bucket.senders[origin.user] = [0, 0, 0, 0]
            bucket.origins.add(origin)
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
        origin = self.counted.pop(queue_id, None)
        if origin is None:
            self.waiting.pop(queue_id, None)
        else:
            self.gone[queue_id] = origin

    def forget_gone(self) -> None:
        """Keep the last of the removed messages only; after each block."""
        if len(self.gone) > 2 * MAX_GONE:
            for queue_id in list(self.gone)[:-MAX_GONE]:
                del self.gone[queue_id]

    def trim(self, time: int) -> None:
        """Forget what can no longer matter: time is that of the newest line.

        A session that died after ``client=`` leaves no word; Postfix gives a queued message up
        after five days by default.
        """
        for name, opened, age in (
            ("waiting", self.waiting, WAITING_AGE),
            ("counted", self.counted, COUNTED_AGE),
        ):
            born = self._born[name]
            stale = [q for q in opened if time - born.setdefault(q, time) > age]
            stale += list(opened)[: max(0, len(opened) - len(stale) - MAX_OPEN)]
            for queue_id in stale:
                opened.pop(queue_id, None)
            self._born[name] = {q: t for q, t in born.items() if q in opened}

    def _kept(self) -> tuple[tuple[str, dict[bytes, Origin]], ...]:
        return ("waiting", self.waiting), ("counted", self.counted), ("gone", self.gone)

    def dump(self) -> dict[str, Any]:
        """Return the open messages as JSON-able data; each origin stands there once.

        A state has thousands of messages, and each run of Telegraf's ``exec`` reads and writes it.
        """
        origins: dict[tuple[str, str], int] = {}
        kept: dict[str, Any] = {}
        for name, opened in self._kept():
            of = [origins.setdefault((o.user, o.client), len(origins)) for o in opened.values()]
            times = self._born.get(name)
            born = [times.get(queue_id, 0) for queue_id in opened] if times is not None else []
            kept[name] = [b" ".join(opened).decode("latin-1"), of, born]
        kept["home"] = self.home.decode("latin-1")
        kept["origins"] = list(origins)
        kept["proxied"] = [[client, o.user] for client, o in self._proxied.items()]
        return kept

    def restore(self, kept: dict[str, Any]) -> None:
        """Take what ``dump`` gave."""
        self.home = kept.get("home", "").encode("latin-1")
        origins = [Origin(user, client) for user, client in kept["origins"]]
        for name, opened in self._kept():
            text, of, born = kept[name]
            queue_ids = text.encode("latin-1").split(b" ") if text else []
            opened.update(zip(queue_ids, [origins[number] for number in of], strict=True))
            if born:
                times = zip(queue_ids, born, strict=True)
                self._born[name] = {queue_id: time for queue_id, time in times if time}
        self._proxied = {client: Origin(user, client) for client, user in kept["proxied"]}

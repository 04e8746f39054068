"""What is counted: open messages with their owners, and one bucket of sums per interval.

A message counts once, when the queue manager first makes it active: a session may die after its
``client=`` line, and a deferred message becomes active again at each retry. It belongs to the
SASL user of its ``client=`` line, else to that client, else to the user of this machine whose
``sendmail`` gave it. Bounces, and copies that an alias forwards, belong to nobody.

A recipient counts once: as relayed at the first attempt to hand it to another server, whatever
comes of it; as local at the first attempt to put it into a mailbox; as refused when it first is.
"""

from __future__ import annotations

from binascii import crc32

from bmtick.collect import blocked as verdicts
from bmtick.collect import patterns as p
from bmtick.collect.blocked import Blocked
from bmtick.collect.bucket import (
    BLOCKED,
    BYTES,
    MAX_SEEN,
    MESSAGES,
    NOBODY,
    OURS,
    RECIPIENTS,
    REFUSED,
    RELAYED,
    THROTTLED,
    UNKNOWN,
    Bucket,
    Message,
    Origin,
)
from bmtick.collect.known import KnownClients
from bmtick.collect.lazy import DOTALL, lazy
from bmtick.collect.raw import (
    MAX_NAME,
    UNAVAILABLE,
    address,
    client,
    mailbox,
    username,
)
from bmtick.names import FORWARD, FROM, SENDER

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from bmtick.collect.bucket import Entity

MAX_OPEN = 20_000  # queue ids, of each kind, whose origin is remembered
MAX_GONE = 2_000  # removed messages that are remembered
WAITING_AGE = 86_400  # seconds
COUNTED_AGE = 7 * 86_400  # seconds
MAX_NAMES_TRIED = 50_000  # per client and interval
_MAX_LOGINS = 10_000  # parsed logins that are remembered
_MAX_RETRIED = 5_000  # recipients of one message that are tried again
_MAX_DOMAINS = 2_000  # whose mailboxes are here
_MAX_OUTWARD = 100  # entities of one message
_MAX_PACKS = 64  # of removed messages: a run leaves one more

_LOGIN = lazy(p.PEER_AND_LOGIN, DOTALL)
_LETTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHORTEST_ID = 5
_STATUSES = {
    b"sent": "sent",
    b"deferred": "deferred",
    b"SOFTBOUNCE": "deferred",  # soft_bounce = yes: the message stays
    b"bounced": "bounced",
    b"expired": "expired",
}
_OUTWARD, _HOME, _SUSPENDED = 1, 2, 3
_AGENTS = {
    b"smtp": _OUTWARD,
    b"relay": _OUTWARD,
    b"lmtp": _HOME,
    b"local": _HOME,
    b"virtual": _HOME,
    b"pipe": _HOME,
    b"error": _SUSPENDED,  # the queue manager spares a server that does not answer
    b"retry": _SUSPENDED,
}
# What was counted of a recipient that is tried again.
_PLACED, _REFUSED, _THROTTLED = 1, 2, 4


def _plain(login: bytes) -> tuple[bytes, bytes] | None:
    """Take the usual forms apart, ten times as fast as the pattern; None: it is another one.

    Returns:
        user, client
    """
    name, _, rest = login.partition(b"[")
    peer, found, tail = rest.partition(b"]")
    if not found or name.find(b" ") >= 0 or peer.find(b" ") >= 0:  # "in" costs thrice as much
        return None
    if not tail:
        return b"", peer
    if tail.find(b", sasl_sender=") >= 0 or tail.find(b", orig_") >= 0:
        return None
    method, found, user = tail.partition(b", sasl_username=")
    if not found or not method.startswith(b", sasl_method=") or method.find(b" ", 2) >= 0:
        return None
    return user, peer


def _queued_as(reply: bytes) -> bytes:
    """Return the queue id that a reply says a message has elsewhere; nothing where it says none."""
    at = reply.find(b"queued as ")
    while at >= 0:
        rest = reply[at + 10 :]
        length = len(rest) - len(rest.lstrip(_LETTERS))
        if length >= _SHORTEST_ID:
            return rest[:length]
        at = reply.find(b"queued as ", at + 1)
    return b""


class Counter:
    """Counts facts; ``bucket`` is the one that the facts of now go into.

    Queue ids are keys as the log writes them, with their colon. Servers use the same short ids: in
    a log of several, those of all hosts but the first stand behind the name of their host.

    Args:
        blocked: tells from DSN and reply what a refusal says.
        known: clients that may relay without a login.

    Attributes:
        trace: takes origin, sender, bytes and recipients of each message that counts, in their
            order, for who reads more than sums; None: nobody does.
        max_open: queue ids, of each kind, whose origin is remembered.
    """

    max_open = MAX_OPEN

    def __init__(self, blocked: Blocked, known: KnownClients | None = None) -> None:
        self.trace: list[tuple[Origin, bytes, int, int]] | None = None
        self.blocked = blocked
        self.known = known or KnownClients(())
        self.home = b""  # the first host that was seen
        self.waiting: dict[bytes, Origin] = {}  # not active yet
        self.counted: dict[bytes, Message] = {}  # active at least once
        self.bucket = Bucket()
        # Counted and removed; a slow filter may come back. None: it lies packed in a state's text.
        self.gone: dict[bytes, Message | None] = {}
        self._packed: list[list[Any]] = []
        self.logins: dict[bytes, Origin] = {}
        self.domains: dict[bytes, None] = {}  # whose mailboxes are here
        self._locals: dict[tuple[str, int], Origin] = {}
        self._proxied: dict[str, Origin] = {}  # of each client of a filter before the queue
        # When a queue id was first seen so at the end of a run; an id that is used again is young.
        self._born: dict[str, dict[bytes, int]] = {"waiting": {}, "counted": {}}

    def host_prefix(self, host: bytes) -> bytes:
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
        previous = origin.orig_queue_id
        if (own := queue_id.rpartition(b"/")[0]) and previous != b":":
            of_host = own + b"/" + previous
            if of_host in self.waiting or of_host in self.counted or of_host in self.gone:
                previous = of_host
        known = self.counted.get(previous) or self.gone_message(previous)
        if known is not None:
            self.counted[queue_id] = Message(known.origin, known.sender, known.size)
            self.waiting.pop(queue_id, None)
        elif previous in self.waiting:
            self.waiting[queue_id] = self.waiting.pop(previous)
        else:
            self.waiting[queue_id] = self._proxied.pop(origin.client, origin)

    def proxied(self, login: bytes) -> None:
        """``NOQUEUE: client=``: a filter before the queue has the message; it comes back alone."""
        origin = self.logins.get(login) or self._origin(login)
        if len(self._proxied) >= _MAX_LOGINS:
            self._proxied.clear()
        self._proxied[origin.client] = origin

    def _origin(self, login: bytes) -> Origin:
        plain = _plain(login)
        previous, injected = b"", False
        if plain is not None:
            user, peer = plain
        elif match := _LOGIN.match(login):
            user, peer = match["username"] or b"", match["orig_address"] or match["address"]
            previous = match["orig_queue_id"] or b""
            injected = match["orig_queue_id"] is not None or match["orig_address"] is not None
        else:
            user, peer = b"", login.partition(b"[")[2].partition(b"]")[0]
        origin = Origin(
            username(user),
            client(peer),
            previous + b":",
            trusted=address(peer) in self.known,
            injected=injected,
        )
        if len(self.logins) >= _MAX_LOGINS:
            self.logins.clear()
        self.logins[login] = origin
        return origin

    def picked_up(self, queue_id: bytes, uid: int, sender: bytes, previous: bytes) -> None:
        """``pickup``: a message of this machine, or one that was requeued (previous)."""
        self.waiting.pop(queue_id, None)
        self.counted.pop(queue_id, None)
        if previous in self.counted:
            self.counted[queue_id] = self.counted.pop(previous)
        elif previous in self.waiting:
            self.waiting[queue_id] = self.waiting.pop(previous)
        elif previous == b":":
            key = mailbox(sender), uid
            origin = self._locals.get(key)
            if origin is None:
                if len(self._locals) >= _MAX_LOGINS:
                    self._locals.clear()
                origin = self._locals[key] = Origin.local(*key)
            self.waiting[queue_id] = origin

    def active(self, queue_id: bytes, sender: bytes, size: int, nrcpt: int) -> None:
        """``qmgr`` made a message active: the first time, it counts."""
        origin = self.waiting.pop(queue_id, None)
        if origin is None:
            if queue_id not in self.counted:
                self.counted[queue_id] = Message(NOBODY, sender, size)
            return
        self.counted[queue_id] = Message(origin, sender, size)
        bucket = self.bucket
        sums = bucket.sums(origin.entity)
        sums[MESSAGES] += 1
        sums[RECIPIENTS] += nrcpt
        sums[BYTES] += size
        if origin.user:
            bucket.origins.add(origin)
            self._envelope(origin.entity, sender)
        if self.trace is not None:
            self.trace.append((origin, sender, size, nrcpt))

    def _envelope(self, entity: Entity, sender: bytes) -> None:
        seen = self.bucket.envelopes.setdefault(entity, set())
        if len(seen) < MAX_SEEN:
            seen.add(sender)

    def attempt(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 -- one line, all that it says
        self,
        queue_id: bytes,
        recipient: bytes,
        orig_to: bytes,
        daemon: bytes,
        relay: bytes,
        status: bytes,
        dsn: bytes,
        reply: bytes,
        times: int = 1,
    ) -> None:
        """A delivery agent is done with one recipient for now.

        Args:
            queue_id: as a key.
            recipient: the address without brackets.
            orig_to: what it was before an alias, or nothing.
            daemon: the delivery agent's.
            relay: to whom it was handed, as logged.
            status: Postfix's word.
            dsn: like ``5.7.1``.
            reply: the text in parentheses.
            times: how often the line was said.
        """
        name = _STATUSES.get(status)
        if name is None:
            return  # an address probe: deliverable, undeliverable
        verdict = 0 if name == "sent" else self.blocked.verdict(dsn, reply)
        sums = self.bucket.delivery.setdefault(name, [0, 0])
        sums[0] += times
        sums[1] += times * (verdict == verdicts.BLOCKED)
        message = self.counted.get(queue_id)
        if message is None:
            message = self.gone_message(queue_id) or self._stray(queue_id)
        place = self._place(queue_id, message, recipient, daemon, relay, name, reply)
        refused = verdict == verdicts.BLOCKED or name == "bounced"
        throttled = verdict == verdicts.THROTTLED and name == "deferred"
        if place == 0 and not refused and not throttled:
            return
        entity = message.origin.entity
        forwarded = orig_to and place == _OUTWARD and orig_to.lower() != recipient.lower()
        if forwarded:
            entity = f"{FORWARD}\n{mailbox(orig_to)}"
        if not entity:
            return
        checksum = crc32(recipient.lower())
        before = message.waiting.pop(checksum, 0) if message.waiting else 0
        counted = before
        own = self.bucket.sums(entity)
        trusted = None
        if place == _OUTWARD and not forwarded and message.origin.relays:
            trusted = self.trusted_sums(message)
        if place and not before & _PLACED:
            counted |= _PLACED
            own[RELAYED if place == _OUTWARD else OURS] += 1
            if place == _OUTWARD:
                self.went_outward(message, entity, own, forwarded=bool(forwarded))
                if trusted:
                    trusted[RELAYED] += 1
                    trusted[RECIPIENTS] += 1
            if not forwarded and entity.startswith(SENDER):
                seen = self.bucket.recipients.setdefault(entity, set())
                if len(seen) < MAX_SEEN:
                    seen.add(checksum)
        for each in (own, trusted):
            if each is None:
                continue
            if refused and not before & _REFUSED:
                counted |= _REFUSED
                each[REFUSED] += 1
                each[BLOCKED] += verdict == verdicts.BLOCKED
                each[UNKNOWN] += verdict == verdicts.UNKNOWN
            if throttled and not before & _THROTTLED:
                counted |= _THROTTLED
                each[THROTTLED] += 1
        if name == "deferred":
            message.waiting = message.waiting or {}
            if len(message.waiting) < _MAX_RETRIED:
                message.waiting[checksum] = counted

    def _stray(self, queue_id: bytes) -> Message:
        """Open a message that began before the log."""
        message = self.counted[queue_id] = Message(NOBODY)
        return message

    def trusted_sums(self, message: Message) -> list[int]:
        """Return the sums of a machine that may relay and of who its message is by."""
        sender = mailbox(message.sender)
        return self.bucket.sums(f"{FROM}\n{message.origin.client}\n{sender}")

    def went_outward(
        self, message: Message, entity: Entity, sums: list[int], *, forwarded: bool
    ) -> None:
        """A recipient of a message is handed to another server for the first time."""
        if forwarded:
            sums[RECIPIENTS] += 1
        elif message.origin.user:
            return
        if message.outward is None:
            message.outward = set()
        elif entity in message.outward or len(message.outward) >= _MAX_OUTWARD:
            return
        message.outward.add(entity)
        if forwarded:
            sums[MESSAGES] += 1
        elif message.origin.relays:
            trusted = self.trusted_sums(message)
            trusted[MESSAGES] += 1
            trusted[BYTES] += message.size
        self._envelope(entity, message.sender)

    def _place(
        self,
        queue_id: bytes,
        message: Message,
        recipient: bytes,
        daemon: bytes,
        relay: bytes,
        status: str,
        reply: bytes,
    ) -> int:
        """Return where a recipient was handed to: outward, home, or (0) to a filter, nowhere."""
        place = _AGENTS.get(daemon, 0)
        if place == _SUSPENDED:
            domain = recipient.rpartition(b"@")[2].lower()
            return _HOME if domain in self.domains else _OUTWARD
        handed_on = status == "sent" and reply.find(b"queued as ") >= 0
        if handed_on and self._given_back(queue_id, message, reply):
            return 0
        if place == _OUTWARD and relay.find(b"[") >= 0:
            peer = relay.partition(b"[")[2]
            return 0 if peer.startswith((b"127.", b"::1]")) else place
        if place == _HOME and status == "sent":
            if daemon == b"local" and reply.startswith(b"forwarded as "):
                return 0  # it goes on as a message of its own
            if len(self.domains) < _MAX_DOMAINS:
                self.domains[recipient.rpartition(b"@")[2].lower()] = None
        return place

    def _given_back(self, queue_id: bytes, message: Message, reply: bytes) -> bool:
        """Whether a filter took the message and gave it back as one of ours, which gets its origin."""
        second_id = _queued_as(reply)
        if not second_id:
            return False
        key = queue_id[: queue_id.rfind(b"/") + 1] + second_id + b":"
        if key == queue_id:
            return False
        second = self.counted.get(key) or self.gone_message(key)
        if second is not None:
            if not second.origin.user:
                second.origin = message.origin
            return True
        if key not in self.waiting:
            return False
        if message.origin is not NOBODY and not self.waiting[key].user:
            del self.waiting[key]
            self.counted[key] = Message(message.origin, message.sender, message.size)
        return True

    def sent(self, count: int) -> None:
        """So many deliveries succeeded."""
        self.bucket.delivery.setdefault("sent", [0, 0])[0] += count

    def expired(self, times: int = 1) -> None:
        """``qmgr`` gives a message up, which nobody refused: the server elsewhere was away."""
        self.bucket.delivery.setdefault("expired", [0, 0])[0] += times

    def failure(self, peer: bytes, name: bytes | None, times: int = 1) -> None:
        """A login failed."""
        host = client(peer)
        names = self.bucket.failures.setdefault(host, {})
        tried = username(name) if name and name != UNAVAILABLE else ""
        if tried not in names and len(names) >= MAX_NAMES_TRIED:
            tried = ""
        names[tried] = names.get(tried, 0) + times

    def core_failure(self, peer: str, origin: str, name: str) -> None:
        """BlueMind refused a login."""
        names = self.bucket.core.setdefault(f"{peer}\n{origin[:MAX_NAME]}", {})
        if name not in names and len(names) >= MAX_NAMES_TRIED:
            name = ""
        names[name] = names.get(name, 0) + 1

    def removed(self, queue_id: bytes) -> None:
        """A message is gone; its id may come again."""
        message = self.counted.pop(queue_id, None)
        if message is None:
            self.waiting.pop(queue_id, None)
        elif message.origin is not NOBODY:
            self.gone[queue_id] = message

    def gone_message(self, queue_id: bytes) -> Message | None:
        """Return a message that was removed not long ago."""
        message = self.gone.get(queue_id)
        if message is None and queue_id in self.gone:
            self._unpack()
            message = self.gone[queue_id]
        return message

    def _unpack(self) -> None:
        for pack in self._packed:
            for queue_id, message in _unpacked(pack):
                if queue_id in self.gone and self.gone[queue_id] is None:
                    self.gone[queue_id] = message
        self._packed = []

    def _gone_packs(self) -> list[list[Any]]:
        """Return the removed messages as JSON-able data: what nobody asked for as it came."""
        if list(self.gone.values()).count(None) != sum(
            pack[0].count(" ") + 1 for pack in self._packed
        ):
            self._unpack()  # some of them are not removed any more, or forgotten
        if len(self._packed) >= _MAX_PACKS:
            self._unpack()
        new = {queue_id: message for queue_id, message in self.gone.items() if message is not None}
        return [*self._packed, _pack(new)] if new else self._packed

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
        self._trim("waiting", self.waiting, time, WAITING_AGE)
        self._trim("counted", self.counted, time, COUNTED_AGE)

    def _trim(self, name: str, opened: dict[bytes, Any], time: int, age: int) -> None:
        born = self._born[name]
        stale = [q for q in opened if time - born.setdefault(q, time) > age]
        stale += list(opened)[: max(0, len(opened) - len(stale) - self.max_open)]
        for queue_id in stale:
            opened.pop(queue_id, None)
        self._born[name] = {q: t for q, t in born.items() if q in opened}

    def dump(self) -> dict[str, Any]:
        """Return the open messages as JSON-able data; each origin stands there once.

        A state has thousands of messages, and each run of Telegraf's ``exec`` reads and writes it.
        """
        numbers: dict[Origin, int] = {}
        kept: dict[str, Any] = {}
        of = [numbers.setdefault(origin, len(numbers)) for origin in self.waiting.values()]
        kept["waiting"] = [_ids(self.waiting), of, self._times("waiting", self.waiting)]
        messages = self.counted.values()
        kept["counted"] = [
            _ids(self.counted),
            [numbers.setdefault(message.origin, len(numbers)) for message in messages],
            self._times("counted", self.counted),
            _senders(messages),
            [message.size for message in messages],
            _retried(messages),
        ]
        kept["gone"] = self._gone_packs()
        kept["home"] = self.home.decode("latin-1")
        kept["origins"] = [origin.dump() for origin in numbers]
        kept["proxied"] = [[peer, *o.dump()] for peer, o in self._proxied.items()]
        kept["domains"] = b" ".join(self.domains).decode("latin-1")
        return kept

    def _times(self, name: str, opened: dict[bytes, Any]) -> list[int]:
        born = self._born[name]
        return [born.get(queue_id, 0) for queue_id in opened]

    def restore(self, kept: dict[str, Any]) -> None:
        """Take what ``dump`` gave, or what that of an older version did."""
        self.home = kept.get("home", "").encode("latin-1")
        origins = [Origin.restored(origin) for origin in kept["origins"]]
        names, gone = ["waiting", "counted"], kept["gone"]
        if gone and isinstance(gone[0], str):  # of before they were packed
            names.append("gone")
        else:
            self._packed = gone
        for name in names:
            text, of, born, *more = kept[name]
            queue_ids = text.encode("latin-1").split(b" ") if text else []
            if len(queue_ids) != len(of):
                raise ValueError(name)
            if born:
                times = zip(queue_ids, born, strict=True)
                self._born[name] = {queue_id: time for queue_id, time in times if time}
            if name == "waiting":
                self.waiting.update(zip(queue_ids, [origins[number] for number in of], strict=True))
                continue
            messages = [Message(origins[number]) for number in of]
            if more and messages:
                _fill(messages, *more)
            opened: dict[bytes, Any] = self.counted if name == "counted" else self.gone
            opened.update(zip(queue_ids, messages, strict=True))
        for pack in self._packed:
            self.gone.update(dict.fromkeys(pack[0].encode("latin-1").split(b" ")))
        for peer, *origin in kept["proxied"]:
            self._proxied[peer] = Origin.restored(origin if len(origin) > 1 else [*origin, peer])
        domains = kept.get("domains", "")
        self.domains = dict.fromkeys(domains.encode("latin-1").split(b" ") if domains else [])


def _ids(opened: dict[bytes, Any]) -> str:
    return b" ".join(opened).decode("latin-1")


def _senders(messages: Collection[Message]) -> str:
    return b"\n".join([message.sender for message in messages]).decode("latin-1")


def _retried(messages: Collection[Message]) -> dict[int, list[Any]]:
    return {
        place: [list((message.waiting or {}).items()), sorted(message.outward or ())]
        for place, message in enumerate(messages)
        if message.waiting or message.outward
    }


def _pack(gone: dict[bytes, Message]) -> list[Any]:
    """Return removed messages as a few long texts, which cost little to keep and to read again."""
    messages = gone.values()
    origins = [message.origin.dump() for message in messages]
    return [
        _ids(gone),
        _senders(messages),
        " ".join([str(message.size) for message in messages]),
        _retried(messages),
        "\n".join([user for user, *_ in origins]),
        "\n".join([peer for _, peer, *_ in origins]),
        "".join([str(trusted) for _, _, trusted, _ in origins]),
        {  # of whom neither is known
            place: entity
            for place, (user, peer, _, entity) in enumerate(origins)
            if entity and not user and not peer
        },
    ]


def _unpacked(pack: list[Any]) -> Iterator[tuple[bytes, Message]]:
    """Yield what ``_pack`` took."""
    ids, senders, sizes, retried, users, peers, trusted, entities = pack
    known: dict[tuple[str, str, str], Origin] = {}
    messages = []
    for place, key in enumerate(zip(users.split("\n"), peers.split("\n"), trusted, strict=True)):
        origin = known.get(key)
        if origin is None:
            user, peer, is_trusted = key
            origin = Origin(user, peer, trusted=is_trusted == "1")
            if user or peer:
                known[key] = origin
            else:
                origin.entity = entities.get(str(place), "")
        messages.append(Message(origin))
    _fill(messages, senders, [int(size) for size in sizes.split(" ")], retried)
    yield from zip(ids.encode("latin-1").split(b" "), messages, strict=True)


def _fill(
    messages: list[Message], senders: str, sizes: list[int], retried: dict[str, list[Any]]
) -> None:
    for message, sender, size in zip(
        messages, senders.encode("latin-1").split(b"\n"), sizes, strict=True
    ):
        message.sender, message.size = sender, size
    for place, (waiting, outward) in retried.items():
        message = messages[int(place)]
        message.waiting = {int(key): int(flags) for key, flags in waiting} or None
        message.outward = set(outward) or None

"""One pass over the logs: the collector's counts, and details that only the answers need.

``Traffic`` extends the collector's counter and uses the collector's reader, so ``suspects``,
``relays`` and ``report`` count each message as the alerts do. Sums over accounts and machines are
in the rows (:mod:`bmtick.incident.assessment`). This module keeps addresses, host names, sender
domains, failed logins, what is still queued, and the data of plots. Times are those of a line's
interval of ten seconds. Memory does not grow with the number of lines.
"""

from __future__ import annotations

import re
from binascii import crc32
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bmtick.collect import blocked as verdicts
from bmtick.collect.blocked import Blocked
from bmtick.collect.bucket import RELAYED, Origin
from bmtick.collect.counter import Counter
from bmtick.collect.known import KnownClients
from bmtick.collect.raw import client, network, text
from bmtick.collect.scan import Scanner
from bmtick.incident.queue_length import Arrivals

_K = TypeVar("_K")
_T = TypeVar("_T")
_MAX_OPEN = 200_000  # messages of each kind without an end in the log
_MAX_CLIENTS = 100_000
_MAX_NAMES = 100_000  # host names
_MAX_TRIED = 100_000
_MAX_SEEN = 100_000  # logins with their addresses that are remembered from the history
_MAX_DOMAINS = 200_000  # sender domains of each client
_MAX_ADDRESSES = 20_000  # of one account; more are counted, but not distinguished
_MAX_OTHERS = 200  # of one failing client or name
_OUTWARD = (b"smtp", b"relay")
_LOOPBACK = b"[127."
_QUEUED_AS = re.compile(rb"queued as ([0-9A-Za-z]{5,})")


class Observer(Protocol):
    """Receives what happens in the window, e.g. for a plot; times in seconds since the epoch."""

    def message(self, time: int, name: str, recipients: int) -> None:
        """A login, or a client without login, sent a message."""

    def queued(self, time: int, count: int) -> None:
        """The queue holds so many messages now."""

    def outcome(self, time: int, kind: str, count: int, reason: str = "") -> None:
        """So many recipients were sent, deferred, bounced or blocked."""

    def failed(self, time: int, count: int) -> None:
        """So many logins failed."""


@dataclass(slots=True)
class Failures:
    """Failed logins from one client, or for one name."""

    count: int = 0
    first: int = 0
    last: int = 0
    others: set[str] = field(default_factory=set)  # names of a client, clients of a name

    def add(self, time: int, other: str, count: int) -> None:
        """Add failed logins."""
        self.first = self.first or time
        self.last = time
        self.count += count
        if other and len(self.others) < _MAX_OTHERS:
            self.others.add(other)


class Sight:
    """One client address of an account, in the window.

    Attributes:
        new: whether its network is new in the window.
        failures: failed logins from it before its first success.
    """

    __slots__ = ("failures", "first", "messages", "new", "recipients")

    def __init__(self, time: int, *, new: bool, failures: int) -> None:
        self.first, self.new, self.failures = time, new, failures
        self.messages = self.recipients = 0


class Account:
    """One login: the time of its first message in the window, and its client addresses."""

    __slots__ = ("addresses", "first", "networks")

    def __init__(self) -> None:
        self.first = 0
        self.networks: set[int] = set()  # before the window
        self.addresses: dict[str, Sight] = {}  # of the window


@dataclass(frozen=True)
class Window:
    """The evaluated period in seconds since the epoch; earlier data is history."""

    start: int
    end: int


class Traffic(Counter):
    """Counts as the collector does, and keeps the details.

    Args:
        window: the evaluated period; earlier data is the history to compare with.
        blocked: recognises refusals that call the sender a spammer.
        known: clients that may relay without a login.
        observers: receive what happens in the window.
    """

    max_open = _MAX_OPEN

    def __init__(
        self,
        window: Window,
        blocked: Blocked,
        known: KnownClients | None = None,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(blocked, known)
        self.window = window
        self.users: dict[str, Account] = {}
        self.names: dict[str, str] = {}  # of clients, as Postfix resolved them
        self.tried: dict[str, Failures] = {}  # by name
        self.attackers: dict[str, Failures] = {}  # by client
        self.senders: dict[tuple[str, bytes], int] = {}  # messages by client and sender's domain
        self.past_senders: set[tuple[str, bytes]] = set()
        self.unsent: dict[str, int] = {}  # outside recipients without delivery, by client
        self.trace = []
        self.arrivals = Arrivals()
        self._observers = list(observers)
        self._time = 0
        self._inside = False
        self._seen: set[Origin] = set()  # in the history
        self._sights: dict[Origin, Sight] = {}

    @property
    def is_observed(self) -> bool:
        """Whether there is an observer of the window."""
        return bool(self._observers)

    # Called by the reader

    def turn(self, time: int | None) -> None:
        """Begin the lines of another ten seconds; None: lines without a time."""
        self.settle()
        if time is not None:
            self._time = time
            self._inside = time >= self.window.start
        self._observe_queue()

    def finish(self) -> None:
        """Process the last lines."""
        self.settle()
        self._observe_queue()

    def _observe_queue(self) -> None:
        if self._inside and self._observers:
            count = self.arrivals.count(self.waiting) + len(self.counted)
            for observer in self._observers:
                observer.queued(self._time, count)

    def settle(self) -> None:  # noqa: C901, PLR0912 -- one loop over all messages, unrolled
        """Process the messages that were traced."""
        trace = self.trace
        if not trace:
            return
        if not self._inside:
            for origin, sender, _, _ in trace:
                if origin.user:
                    if origin not in self._seen:
                        self._before(origin)
                elif origin.client and len(self.past_senders) < _MAX_DOMAINS:
                    self.past_senders.add((origin.client, _domain(sender)))
        else:
            sights, senders = self._sights, self.senders
            for origin, sender, _, recipients in trace:
                if origin.user:
                    sight = sights.get(origin) or self._sight(origin)
                    sight.messages += 1
                    sight.recipients += recipients
                elif origin.client:
                    key = origin.client, _domain(sender)
                    if key not in senders and len(senders) >= _MAX_DOMAINS:
                        _halve(senders, lambda count: count)
                    senders[key] = senders.get(key, 0) + 1
            for observer in self._observers:
                for origin, _, _, recipients in trace:
                    if name := origin.user or origin.client:
                        observer.message(self._time, name, recipients)
        trace.clear()

    def _user(self, name: str) -> Account:
        account = self.users.get(name)
        if account is None:
            account = self.users[name] = Account()
        return account

    def _before(self, origin: Origin) -> None:
        if len(self._seen) >= _MAX_SEEN:
            self._seen.clear()
        self._seen.add(origin)
        networks = self._user(origin.user).networks
        if len(networks) < _MAX_ADDRESSES:
            networks.add(network(origin.client))

    def _sight(self, origin: Origin) -> Sight:
        account = self._user(origin.user)
        account.first = account.first or self._time
        sight = account.addresses.get(origin.client)
        if sight is None:
            number = network(origin.client)
            before = self.attackers.get(origin.client)
            sight = Sight(
                self._time,
                new=bool(number) and number not in account.networks,
                failures=before.count if before else 0,
            )
            if len(account.addresses) < _MAX_ADDRESSES:
                account.addresses[origin.client] = sight
        if len(self._sights) >= _MAX_SEEN:
            self._sights.clear()
        self._sights[origin] = sight
        return sight

    def _origin(self, login: bytes) -> Origin:
        origin = super()._origin(login)
        if origin.client not in self.names and len(self.names) < _MAX_NAMES:
            self.names[origin.client] = text(login.partition(b"[")[0])
        return origin

    def attempt(  # noqa: PLR0913, PLR0917 -- all values of one line
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
        """Count a delivery attempt for one recipient; see ``Counter.attempt``."""
        message = self.counted.get(queue_id)
        origin = message.origin if message is not None else None
        waited, before = False, 0
        if origin is not None and origin.client and not origin.user:
            waiting = message.waiting if message is not None else None
            waited = bool(waiting) and crc32(recipient.lower()) in (waiting or ())
            sums = self.bucket.entities.get(origin.entity)
            before = sums[RELAYED] if sums else 0
        super().attempt(queue_id, recipient, orig_to, daemon, relay, status, dsn, reply, times)
        if not self._inside:
            return
        if origin is not None and origin.client and not origin.user:
            sums = self.bucket.entities.get(origin.entity)
            if sums is not None and sums[RELAYED] > before:
                if status != b"sent":
                    self.unsent[origin.client] = self.unsent.get(origin.client, 0) + 1
            # Delivered at last, or passed to a local next hop, which the points leave out.
            elif (
                status == b"sent"
                and daemon in _OUTWARD
                and not orig_to
                and (waited or (_LOOPBACK in relay and not self._is_ours(queue_id, reply)))
            ):
                self.unsent[origin.client] = self.unsent.get(origin.client, 0) - 1
        if self._observers:
            self._observe(status, dsn, reply, times)

    def _is_ours(self, queue_id: bytes, reply: bytes) -> bool:
        """Whether a filter took a message and returned it as another message of this log."""
        match = _QUEUED_AS.search(reply)
        if match is None:
            return False
        key = queue_id[: queue_id.rfind(b"/") + 1] + match[1] + b":"
        return key in self.counted or key in self.waiting or key in self.gone

    def _observe(self, status: bytes, dsn: bytes, reply: bytes, times: int) -> None:
        kind = "deferred" if status == b"SOFTBOUNCE" else status.decode("ascii", "replace")
        if kind not in ("sent", "deferred", "bounced", "expired"):
            return
        if kind != "sent" and self.blocked.verdict(dsn, reply) == verdicts.BLOCKED:
            kind = "blocked"
        for observer in self._observers:
            observer.outcome(self._time, kind, times, text(reply))

    def sent(self, count: int) -> None:
        """Count successful deliveries."""
        super().sent(count)
        if self._inside:
            for observer in self._observers:
                observer.outcome(self._time, "sent", count)

    def failure(self, peer: bytes, name: bytes | None, times: int = 1) -> None:
        """Count a failed login."""
        super().failure(peer, name, times)
        self._failed(client(peer), text(name).lower(), times)

    def core_failure(self, peer: str, origin: str, name: str) -> None:
        """Count a login that BlueMind refused."""
        super().core_failure(peer, origin, name)
        self._failed(peer, name, 1)

    def _failed(self, peer: str, name: str, times: int) -> None:
        self.settle()  # failures count only before the first success
        _failures(self.attackers, peer, _MAX_CLIENTS).add(self._time, name, times)
        if name:
            _failures(self.tried, name, _MAX_TRIED).add(self._time, peer, times)
        if self._inside:
            for observer in self._observers:
                observer.failed(self._time, times)

    # Results

    @property
    def own_domains(self) -> set[str]:
        """Domains of logins, and of people whose mail is delivered here."""
        own = {text(domain) for domain in self.domains}
        return own | {user.rpartition("@")[2] for user in self.users if "@" in user}

    def queue_ids(self, user: str) -> list[str]:
        """Return the queue ids of a login whose end is not in the log."""
        found = [key for key, message in self.counted.items() if message.origin.user == user]
        found += [key for key, origin in self.waiting.items() if origin.user == user]
        return [text(key).rpartition("/")[2].removesuffix(":") for key in found]

    def waiting_outward(self) -> dict[str, int]:
        """Count, by client, messages without a login that wait for outside servers."""
        found: dict[str, int] = {}
        for message in self.counted.values():
            origin = message.origin
            if message.waiting and message.outward and origin.entity in message.outward:
                found[origin.client] = found.get(origin.client, 0) + 1
        found.pop("", None)
        return found

    def domains_of(self, address: str) -> dict[str, int]:
        """Return the sender domains of a client without login, with messages in the window."""
        return {text(d): count for (c, d), count in self.senders.items() if c == address}

    def past_domains_of(self, address: str) -> set[str]:
        """Return the sender domains of a client before the window."""
        return {text(domain) for peer, domain in self.past_senders if peer == address}


class Reader(Scanner):
    """The collector's reader; tells ``Traffic`` when another ten seconds begin."""

    counter: Traffic

    def feed(self, block: bytes) -> None:
        """Count complete lines."""
        if self.counter.is_observed:
            self.counter.arrivals.read(block, self.counter.waiting)
        super().feed(block)

    def enter(self, head: bytes | None) -> bool:
        """Open the bucket of a run of lines; return whether its time is known."""
        known = super().enter(head)
        self.counter.turn(self.clock.last)
        return known


def _domain(sender: bytes) -> bytes:
    return sender[sender.rfind(b"@") + 1 :].lower()


def _failures(table: dict[str, Failures], key: str, limit: int) -> Failures:
    found = table.get(key)
    if found is None:
        if len(table) >= limit:
            _halve(table, lambda f: f.count)
        found = table[key] = Failures()
    return found


def _halve(table: dict[_K, _T], weight: Callable[[_T], int]) -> None:
    """Drop the lighter half: only the heaviest matter, and memory stays bounded."""
    heavy = sorted(table.items(), key=lambda item: weight(item[1]))[len(table) // 2 :]
    table.clear()
    table.update(heavy)

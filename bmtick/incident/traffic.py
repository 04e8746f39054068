"""One pass over the logs: who sent how much from where, what became of it, who failed to log in.

Everything that ``suspects``, ``relays``, ``respond`` and ``report`` know from the logs is gathered
here, in memory that does not grow with the number of lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from bmtick.collect import events as ev
from bmtick.collect.blocked import Blocked
from bmtick.incident.ledger import Ledger, Message
from bmtick.incident.profile import Profile

_T = TypeVar("_T")
_MAX_CLIENTS = 100_000
_MAX_TRIED = 100_000
_MAX_DOMAINS = 10_000
_MAILBOXES = {"lmtp", "local", "virtual"}  # agents that deliver to people here
_MAX_NAMES = 200  # of one client


class Observer(Protocol):
    """Watches the window for a purpose of its own, such as a plot; times in seconds."""

    def message(self, time: int, message: Message, recipients: int, queued: int) -> None:
        """A message entered the active queue for the first time; ``queued`` are there now."""

    def removed(self, time: int, queued: int) -> None:
        """A message left the queue; ``queued`` are still there."""

    def delivery(self, time: int, event: ev.Delivery, *, blocked: bool) -> None:
        """One recipient was dealt with."""

    def failure(self, time: int, client: str) -> None:
        """A login failed."""


@dataclass(slots=True)
class Failures:
    """Failed logins from one client, or for one name."""

    count: int = 0
    first: int = 0
    last: int = 0
    others: set[str] = field(default_factory=set)  # names of a client, clients of a name

    def add(self, time: int, other: str) -> None:
        """Count one."""
        self.first = self.first or time
        self.last = time
        self.count += 1
        if other and len(self.others) < _MAX_NAMES:
            self.others.add(other)


@dataclass(slots=True)
class ClientProfile:
    """A client without a login.

    Attributes:
        relayed: recipients elsewhere that this server passed its mail on to, in the window.
        past_relayed: the same before it.
        local: recipients served here.
        forwarded: recipients elsewhere by an alias of a local address.
    """

    profile: Profile = field(default_factory=Profile)
    name: str = ""
    relayed: int = 0
    local: int = 0
    forwarded: int = 0
    past_relayed: int = 0


@dataclass(frozen=True)
class Window:
    """The stretch of time that is looked at, in seconds since the epoch; before it is the past."""

    start: int
    end: int


class Traffic:
    """Takes events in the order of the log.

    Args:
        window: what is judged; earlier events are the past that it is compared with.
        blocked: tells the refusals that call the sender a spammer.
        observers: watch events of the window.
    """

    def __init__(
        self, window: Window, blocked: Blocked, observers: Iterable[Observer] = ()
    ) -> None:
        self.window = window
        self.blocked = blocked
        self.ledger = Ledger()
        self.users: dict[str, Profile] = {}
        self.clients: dict[str, ClientProfile] = {}
        self.tried: dict[str, Failures] = {}  # by name
        self.attackers: dict[str, Failures] = {}  # by client
        self.own_domains: set[str] = set()  # of logins, and of people who get their mail here
        self.events = 0
        self._observers = list(observers)
        self._handlers: dict[type, Callable[[int, Any], None]] = {
            ev.Client: self._client,
            ev.Pickup: self._pickup,
            ev.Active: self._active,
            ev.Delivery: self._delivery,
            ev.Expired: self._expired,
            ev.Removed: self._removed,
            ev.AuthFailure: self._failure,
        }

    def feed(self, stream: Iterable[tuple[int, ev.Event]]) -> None:
        """Take events with their times (seconds since the epoch)."""
        handlers = self._handlers
        count = 0
        for time, event in stream:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(time, event)
                count += 1
        self.events += count

    def _client(self, time: int, event: ev.Client) -> None:
        self.ledger.client(time, event)

    def _pickup(self, time: int, event: ev.Pickup) -> None:
        self.ledger.pickup(time, event)

    def _active(self, time: int, event: ev.Active) -> None:
        message = self.ledger.active(time, event)
        if message is None or message.again:
            return
        if message.user:
            profile = self.users.get(message.user)
            if profile is None:
                profile = self.users[message.user] = Profile()
                self._own_domain(message.user)
        elif message.client:
            profile = self._client_profile(message).profile
        else:
            profile = None
        inside = time >= self.window.start
        if profile is not None:
            domain = event.sender.rpartition("@")[2].lower()
            if not inside:
                profile.before(message.client, domain)
            else:
                sight = profile.within(time, event.nrcpt, event.size, message.client, domain)
                if sight.messages == 1:
                    sight.name = message.name
                    before = self.attackers.get(message.client)
                    sight.failures = before.count if before else 0
        if inside:
            for observer in self._observers:
                observer.message(time, message, event.nrcpt, len(self.ledger.open))

    def _client_profile(self, message: Message) -> ClientProfile:
        client = self.clients.get(message.client)
        if client is None:
            if len(self.clients) >= _MAX_CLIENTS:
                _halve(self.clients, lambda c: c.profile.window.recipients + c.past_relayed)
            client = self.clients[message.client] = ClientProfile(name=message.name)
        return client

    def _delivery(self, time: int, event: ev.Delivery) -> None:
        message, handed_on = self.ledger.delivery(event)
        status = event.status
        blocked = status != "sent" and self.blocked(event.dsn.encode(), event.text.encode())
        inside = time >= self.window.start
        if inside:
            for observer in self._observers:
                observer.delivery(time, event, blocked=blocked)
        if message is None:
            return
        if status == "sent" and event.agent in _MAILBOXES and not handed_on:
            self._own_domain(event.recipient)
        if message.user:
            profile = self.users.get(message.user)
        else:
            client = self.clients.get(message.client)
            profile = client.profile if client else None
            if client and status == "sent" and not handed_on:
                _count_relayed(client, event, inside=inside)
            elif status == "deferred" and inside and event.agent == "smtp":
                message.waits = not event.orig_to or event.orig_to == event.recipient
        if inside and profile is not None and status != "sent":
            window = profile.window
            window.refused += blocked or status in ("bounced", "expired")
            window.blocked += blocked

    def _own_domain(self, address: str) -> None:
        _, at, domain = address.rpartition("@")
        if at and len(self.own_domains) < _MAX_DOMAINS:
            self.own_domains.add(domain.lower())

    def _expired(self, time: int, event: ev.Expired) -> None:
        message = self.ledger.open.get(event.queue_id)
        profile = self.users.get(message.user) if message else None
        if profile is not None and time >= self.window.start:
            profile.window.refused += 1

    def _removed(self, time: int, event: ev.Removed) -> None:
        self.ledger.removed(event.queue_id)
        if time >= self.window.start:
            for observer in self._observers:
                observer.removed(time, len(self.ledger.open))

    def _failure(self, time: int, event: ev.AuthFailure) -> None:
        _failures(self.attackers, event.client, _MAX_CLIENTS).add(time, event.username)
        if event.username:
            _failures(self.tried, event.username, _MAX_TRIED).add(time, event.client)
        if time >= self.window.start:
            for observer in self._observers:
                observer.failure(time, event.client)


def _count_relayed(client: ClientProfile, event: ev.Delivery, *, inside: bool) -> None:
    """Tell mail passed on elsewhere from mail for people here: by the agent that delivered it."""
    if event.agent != "smtp":
        client.local += inside
    elif event.orig_to and event.orig_to != event.recipient:
        client.forwarded += inside
    elif inside:
        client.relayed += 1
    else:
        client.past_relayed += 1


def _failures(table: dict[str, Failures], key: str, limit: int) -> Failures:
    found = table.get(key)
    if found is None:
        if len(table) >= limit:
            _halve(table, lambda f: f.count)
        found = table[key] = Failures()
    return found


def _halve(table: dict[str, _T], weight: Callable[[_T], int]) -> None:
    """Drop the lighter half: the heaviest are what is looked for, and memory stays bounded."""
    heavy = sorted(table.items(), key=lambda item: weight(item[1]))[len(table) // 2 :]
    table.clear()
    table.update(heavy)

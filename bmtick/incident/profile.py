"""What one sender did in the window, in numbers, and the networks and domains it used before."""

from __future__ import annotations

from bmtick.incident.networks import neighbourhood

_MAX_ADDRESSES = 20_000  # of one sender; more are counted but not told apart
_MAX_DOMAINS = 1000


class Sight:
    """One client address of a sender.

    Attributes:
        new: whether its network was not seen before the window.
        failures: failed logins from it before its first success.
    """

    __slots__ = ("failures", "first", "messages", "name", "new", "recipients")

    def __init__(self, time: int, *, new: bool) -> None:
        self.first = time
        self.name = ""
        self.messages = self.recipients = self.failures = 0
        self.new = new


class Totals:
    """Sums over the window."""

    __slots__ = ("blocked", "messages", "recipients", "refused", "size")

    def __init__(self) -> None:
        self.messages = self.recipients = self.size = self.refused = self.blocked = 0


class Profile:
    """One sender: a login, or a client without one."""

    __slots__ = ("addresses", "domains", "first", "past_domains", "past_networks", "window")

    def __init__(self) -> None:
        self.first = 0  # time of the first message of the window
        self.window = Totals()
        self.past_networks: set[str] = set()
        self.past_domains: set[str] = set()
        self.addresses: dict[str, Sight] = {}  # of the window
        self.domains: dict[str, int] = {}  # of envelope senders in the window: messages

    def before(self, client: str, domain: str) -> None:
        """Take a message that came before the window."""
        if len(self.past_networks) < _MAX_ADDRESSES:
            self.past_networks.add(neighbourhood(client))
        if len(self.past_domains) < _MAX_DOMAINS:
            self.past_domains.add(domain)

    def within(self, time: int, recipients: int, size: int, client: str, domain: str) -> Sight:
        """Count a message of the window; return what is known of its address."""
        self.first = self.first or time
        self.window.messages += 1
        self.window.recipients += recipients
        self.window.size += size
        sight = self.addresses.get(client)
        if sight is None:
            sight = Sight(time, new=neighbourhood(client) not in self.past_networks)
            if len(self.addresses) < _MAX_ADDRESSES:
                self.addresses[client] = sight
        sight.messages += 1
        sight.recipients += recipients
        if domain in self.domains or len(self.domains) < _MAX_DOMAINS:
            self.domains[domain] = self.domains.get(domain, 0) + 1
        return sight

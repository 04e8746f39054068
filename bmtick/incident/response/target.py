"""The target of a response: an account, a machine, or a filter of the queue. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_network

from bmtick.collect.postqueue import QueueEntry
from bmtick.errors import BmtickError
from bmtick.incident.account import Account, normal
from bmtick.incident.grouping import Filter
from bmtick.incident.networks import Network, parse_address
from bmtick.incident.origin import Origin

BY_LOG = "login (log)"
BY_FILE = "login (queue file)"
BY_SENDER = "sender"
BY_CLIENT = "client without a login"
BY_FILTER = "filter"
FORGED = "sender forged: another login"
OUTSIDE = "sender forged: from outside, no login"
LOGGED_IN = "from this client, with a login"

Trusted = Callable[[str], bool]


@dataclass(frozen=True)
class Target:
    """What a response acts on.

    An account's mail is what its login submitted. The envelope sender is only considered without a
    login: spam often forges it, and mail with a forged sender is not the account's. A machine's
        mail
    is what it submitted without a login: a NAT or a webmail has many accounts behind one address.

    Args:
        account: the account, or None.
        client: the machine: one address, or an IPv6 /64; or None.
        filter: restricts that further, or is the only criterion.
        text: the filter as text, for the journal.
        by_sender: also include mail without login whose envelope sender is the account's.
    """

    account: Account | None = None
    client: Network | None = None
    filter: Filter = field(default_factory=Filter)
    text: str = ""
    by_sender: bool = True

    @property
    def name(self) -> str:
        """The target for people."""
        if self.account:
            return self.account.name
        return client_name(self.client) if self.client else self.text

    @property
    def key(self) -> str:
        """The target's key in the journal: one per account, its address if known."""
        if self.account:
            names = (self.account.name, *self.account.aliases)
            return f"user {normal(next((n for n in names if '@' in n), names[0]))}"
        return f"client {self.name}" if self.client else f"filter {self.text}"

    def classify(
        self, entry: QueueEntry, origin: Origin | None, trusted: Trusted
    ) -> tuple[str, bool] | None:
        """Return the reason and whether a message is the target's; None: unrelated.

        Args:
            entry: the message.
            origin: its origin, if known.
            trusted: whether a client address may send without a login. Mail without a login is an
                account's by its sender only if it came from such a client (as webmail submits it)
                or if its client is unknown.
        """
        if not self.filter.takes(entry, origin):
            return None
        if self.account:
            return self._of_account(self.account, entry, origin, trusted)
        if self.client:
            return self._of_client(self.client, origin)
        return BY_FILTER, True

    def _of_account(
        self, account: Account, entry: QueueEntry, origin: Origin | None, trusted: Trusted
    ) -> tuple[str, bool] | None:
        if origin and origin.user:
            if account.is_login(origin.user):
                return (BY_FILE if origin.source == "queue file" else BY_LOG), True
            return (FORGED, False) if account.is_address(entry.sender) else None
        if not account.is_address(entry.sender):
            return None
        if origin and origin.client and not trusted(origin.client):
            return OUTSIDE, False
        return BY_SENDER, self.by_sender

    @staticmethod
    def _of_client(client: Network, origin: Origin | None) -> tuple[str, bool] | None:
        address = parse_address(origin.client) if origin else None
        if origin is None or address is None or address not in client:
            return None
        return (LOGGED_IN, False) if origin.user else (BY_CLIENT, True)

    def contradicts(self, login: str) -> bool:
        """Whether the login in a queue file shows that the message is another account's."""
        if not login:
            return False
        return not self.account.is_login(login) if self.account else self.client is not None


def client_network(text: str) -> Network:
    """Return the network of one client: an IPv4 address, or the /64 of an IPv6 address.

    Raises:
        BmtickError: the text is neither an address nor an IPv6 /64.
    """
    address = parse_address(text.removesuffix("/64").strip("[]"))
    if address is None or (text.endswith("/64") and not isinstance(address, IPv6Address)):
        raise BmtickError(
            f"'{text}' is not the address of a machine",
            remedy="write it like 192.0.2.7 or 2001:db8::7, as 'bmtick relays' shows it",
        )
    length = 64 if isinstance(address, IPv6Address) else 32
    return ip_network((address, length), strict=False)


def client_name(network: Network) -> str:
    """Format a machine's network for people: an IPv4 address without ``/32``."""
    return str(network.network_address) if network.max_prefixlen == 32 else str(network)

"""The evidence against an account or machine, at the moment of a message."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from bmtick.guard.burst import Bursts
from bmtick.guard.message import Message
from bmtick.guard.who import USER, Who

# As in the collector: these are machines of ours, or shared by many, and say nothing.
_INNER = tuple(
    ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10"),
    )
)


def is_inner(client: str) -> bool:
    """Whether an address is private or loopback, or none at all."""
    try:
        address = ip_address(client.partition("/")[0])
    except ValueError:
        return True
    return any(address in network for network in _INNER)


class BurstJudge:
    """Knows the last minutes alone."""

    def __init__(self) -> None:
        self._bursts = Bursts(lambda _, client: not is_inner(client))

    def message(self, message: Message, now: float) -> None:
        """Take a message."""
        if message.who.kind == USER:
            self._bursts.add(message.who.name, message.client, message.recipients, now)

    def verdict(self, who: Who, now: float) -> str:
        """Return the reason to hold somebody's mail, or ""."""
        return self._bursts.reason(who.name, now) if who.kind == USER else ""

    def released(self, who: Who, now: float) -> None:
        """Begin anew with somebody who was released."""
        del now
        self._bursts.released(who.name)

"""Addresses and networks: which clients are trusted, and which addresses are neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from bmtick.errors import BmtickError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_SEPARATORS = re.compile(r"[,\s]+")


@lru_cache(maxsize=65536)
def parse_address(text: str) -> Address | None:
    """Return the address (IPv4 for IPv4-mapped IPv6); None if the text is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def neighbourhood(text: str) -> str:
    """Return the network that a provider assigns to one site: IPv4 /24, IPv6 /48."""
    return _within(text, 24, 48)


def region(text: str) -> str:
    """Return the wide network that contains a line's changing addresses: /16, /32."""
    return _within(text, 16, 32)


@lru_cache(maxsize=65536)
def _within(text: str, v4: int, v6: int) -> str:
    address = parse_address(text)
    if address is None:
        return text
    length = v4 if isinstance(address, IPv4Address) else v6
    return str(ip_network((address, length), strict=False))


@dataclass(frozen=True)
class TrustedNetworks:
    """A list of networks as in Postfix's ``mynetworks`` or in the settings.

    Attributes:
        networks: networks that could be parsed, in order; ``!`` entries are in ``excluded``.
        tables: files and lookup tables, which only Postfix can read.
    """

    networks: tuple[Network, ...]
    excluded: tuple[Network, ...] = ()
    tables: tuple[str, ...] = ()

    def __contains__(self, client: object) -> bool:
        return self.which(str(client)) is not None

    def which(self, client: str) -> Network | None:
        """Return the network that trusts this client, or None."""
        address = parse_address(client)
        if address is None or any(address in n for n in self.excluded):
            return None
        return next((n for n in self.networks if address in n), None)

    @property
    def open_to_all(self) -> tuple[Network, ...]:
        """Networks wider than IPv4 /8 or IPv6 /16, which contain foreign machines."""
        return tuple(
            n for n in self.networks if n.prefixlen < (8 if isinstance(n, IPv4Network) else 16)
        )


def parse_networks(text: str | Iterable[str], *, strict: bool = False) -> TrustedNetworks:
    """Parse networks: ``127.0.0.0/8 [::1]/128 !10.0.0.5 hash:/etc/postfix/network_table``.

    Args:
        text: one string as in main.cf, or a list as in the settings.
        strict: reject entries that are no network, instead of treating them as tables.

    Raises:
        BmtickError: an entry is no network, if ``strict``.
    """
    items = text if not isinstance(text, str) else _SEPARATORS.split(text)
    networks: list[Network] = []
    excluded: list[Network] = []
    tables: list[str] = []
    for item in items:
        if not item:
            continue
        plain = item.lstrip("!").replace("[", "").replace("]", "")
        try:
            network = ip_network(plain, strict=False)
        except ValueError:
            if strict:
                raise BmtickError(
                    f"'{item}' in known_clients is not a network",
                    remedy="write addresses or networks, like 192.0.2.7 or 10.0.0.0/8",
                ) from None
            tables.append(item)
            continue
        network = _unmapped(network)
        (excluded if item.startswith("!") else networks).append(network)
    return TrustedNetworks(tuple(networks), tuple(excluded), tuple(tables))


def _unmapped(network: Network) -> Network:
    """Turn ``::ffff:127.0.0.0/104`` into ``127.0.0.0/8``."""
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network

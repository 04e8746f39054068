"""Which client addresses are known: the machines that may relay without SASL."""

from __future__ import annotations

import _socket  # the C module: ipaddress and socket cost 2 and 4 ms at each start
from collections.abc import Iterable

from bmtick.errors import BmtickError

_MAPPED = bytes(10) + b"\xff\xff"  # an IPv4 address written as IPv6


class KnownClients:
    """A set of networks, asked for addresses as Postfix logs them.

    Args:
        networks: addresses and networks, ``192.0.2.7``, ``10.0.0.0/8``, ``::1``, ``fd00::/8``.

    Raises:
        BmtickError: one of them is neither.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [_network(text) for text in networks]
        self._cache: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        found = self._cache.get(address)
        if found is None:
            if len(self._cache) > 10_000:
                self._cache.clear()  # a million clients must not cost memory
            number = _number(address)
            found = self._cache[address] = number is not None and any(
                number[0] == bits and number[1] >> shift == prefix
                for bits, shift, prefix in self._networks
            )
        return found


def _network(text: str) -> tuple[int, int, int]:
    address, _, length = text.strip().partition("/")
    number = _number(address)
    if number is None or (length and not length.isdigit()) or int(length or 0) > number[0]:
        raise BmtickError(
            f"'{text}' is not an address or a network",
            remedy="write known clients like 192.0.2.7, 10.0.0.0/8, ::1 or fd00::/8",
        )
    shift = number[0] - int(length) if length else 0
    return number[0], shift, number[1] >> shift


def _number(address: str) -> tuple[int, int] | None:
    """Return an address as (bits, number); an IPv4-mapped IPv6 address counts as IPv4."""
    parts = address.split(".")
    if len(parts) == 4 and all(p.isascii() and p.isdigit() and int(p) < 256 for p in parts):
        a, b, c, d = map(int, parts)
        return 32, a << 24 | b << 16 | c << 8 | d
    if ":" not in address:
        return None
    try:
        raw = _socket.inet_pton(_socket.AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):
        return None
    if raw.startswith(_MAPPED):
        return 32, int.from_bytes(raw[12:], "big")
    return 128, int.from_bytes(raw, "big")

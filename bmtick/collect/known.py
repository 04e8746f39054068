"""Which client addresses are known: the machines that may relay without SASL."""

from __future__ import annotations

from bmtick.collect.raw import packed_address
from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Iterable


class KnownClients:
    """A set of networks, asked for addresses as Postfix logs them.

    Args:
        networks: addresses and networks, ``192.0.2.7``, ``10.0.0.0/8``, ``::1``, ``fd00::/8``.

    Attributes:
        networks: bits of an address, bits behind the prefix, and prefix of each.

    Raises:
        BmtickError: one of them is neither.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self.networks = [_network(text) for text in networks]
        self._cache: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        found = self._cache.get(address)
        if found is None:
            if len(self._cache) > 10_000:
                self._cache.clear()  # a million clients must not cost memory
            number = _number(address)
            found = self._cache[address] = number is not None and any(
                number[0] == bits and number[1] >> shift == prefix
                for bits, shift, prefix in self.networks
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
    packed = packed_address(address)
    return None if packed is None else (8 * len(packed), int.from_bytes(packed, "big"))

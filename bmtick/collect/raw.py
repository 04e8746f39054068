"""From the bytes of a log to text and numbers: user names, addresses, networks, bounded numbers."""

from __future__ import annotations

UNAVAILABLE = b"(unavailable)"  # what Postfix writes where the mechanism gave no user name
MAX_NAME = 255  # characters of a user name that are kept; Postfix itself cuts at 100

# What a number in a log may be at most. A larger one is no number that Postfix wrote: the line is
# skipped and counted as unparsed.
MAX_SIZE = 1 << 40  # bytes of a message
MAX_RECIPIENTS = 1_000_000  # of a message
MAX_REPEATED = 1_000_000  # times that a line was said
MAX_UID = (1 << 32) - 1
MAX_DELAY = 12  # digits, with the point
_MAX_DIGITS = 18

_MAPPED = bytes(10) + b"\xff\xff"  # an IPv4 address written as IPv6
_LOOPBACK = bytes(15) + b"\x01"


def text(raw: bytes | None) -> str:
    """Decode a piece of a log line, invalid UTF-8 as U+FFFD; None is the empty text."""
    return raw.decode("utf-8", "replace") if raw else ""


def address(raw: bytes) -> str:
    """Return an address as Postfix logs it, without the ``IPv6:`` of the mail protocol."""
    return text(raw.removeprefix(b"IPv6:"))[:MAX_NAME]


def client(raw: bytes) -> str:
    """Return an address as the points bear it.

    IPv6 is the /64 that one customer has at least, IPv4-mapped IPv6 is IPv4. Where a broken line
    has none, it is ``unknown``, as Postfix writes of a peer whose address it could not find out.
    """
    plain = address(raw) or "unknown"
    if ":" not in plain:
        return plain
    packed = packed_address(plain)
    if packed is None or packed == _LOOPBACK:
        return "::1" if packed else plain
    if len(packed) == 4:
        return ".".join(map(str, packed))
    import _socket  # the C module: ipaddress and socket cost 2 and 4 ms at each start

    return _socket.inet_ntop(_socket.AF_INET6, packed[:8] + bytes(8)) + "/64"


def packed_address(plain: str) -> bytes | None:
    """Return the 4 or 16 bytes of an address, 4 of a mapped one; None: it is none."""
    parts = plain.split(".")
    if len(parts) == 4 and all(p.isascii() and p.isdigit() and len(p) < 4 for p in parts):
        numbers = [int(p) for p in parts]
        return bytes(numbers) if max(numbers) < 256 else None
    if ":" not in plain:
        return None
    import _socket

    try:
        packed = _socket.inet_pton(_socket.AF_INET6, plain.partition("%")[0])
    except (OSError, ValueError):
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed


def network(name: str) -> int:
    """Return a number for the wide network of a client: IPv4 /16, IPv6 /32.

    An ordinary line stays in it when its address changes.

    Returns:
        0 for what is no stranger's: private, loopback, or no address at all.
    """
    packed = packed_address(name.removesuffix("/64"))
    if packed is None:
        return 0
    first, second = packed[0], packed[1]
    if len(packed) == 4:
        private = (
            first in (0, 10, 127)
            or (first == 192 and second == 168)
            or (first == 172 and 16 <= second < 32)
            or (first == 100 and 64 <= second < 128)
            or (first == 169 and second == 254)
        )
        return 0 if private else first << 8 | second
    if first & 0xFE == 0xFC or (first == 0xFE and second & 0xC0 == 0x80) or packed == _LOOPBACK:
        return 0
    return 1 << 32 | int.from_bytes(packed[:4], "big")


def username(raw: bytes) -> str:
    """Return a user name of bounded length in lower case: logins are not case-sensitive."""
    return text(raw[: 4 * MAX_NAME])[:MAX_NAME].lower()


def mailbox(raw: bytes) -> str:
    """Return an envelope address of bounded length in lower case."""
    return text(raw[: 4 * MAX_NAME])[:MAX_NAME].lower()


def number(digits: bytes, most: int) -> int | None:
    """Return a number of a log; None: it is none, or larger than such a number can be."""
    if not 0 < len(digits) <= _MAX_DIGITS or not digits.isdigit():
        return None
    value = int(digits)
    return value if value <= most else None

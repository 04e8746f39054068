"""From the bytes of a log to text: user names, addresses."""

from __future__ import annotations

UNAVAILABLE = b"(unavailable)"  # what Postfix writes where the mechanism gave no user name
MAX_NAME = 255  # characters of a user name that are kept; Postfix itself cuts at 100


def text(raw: bytes | None) -> str:
    """Decode a piece of a log line, invalid UTF-8 as U+FFFD; None is the empty text."""
    return raw.decode("utf-8", "replace") if raw else ""


def address(raw: bytes) -> str:
    """Return an address as the points bear it: without the ``IPv6:`` of the mail protocol."""
    return text(raw.removeprefix(b"IPv6:"))[:MAX_NAME]


def username(raw: bytes) -> str:
    """Return a user name of bounded length."""
    return text(raw[: 4 * MAX_NAME])[:MAX_NAME]

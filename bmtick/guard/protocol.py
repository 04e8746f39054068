"""Postfix's policy delegation protocol: lines ``name=value``, an empty line ends a request.

Source: SMTPD_POLICY_README of Postfix 3.7. The guard answers only ``DUNNO`` and ``HOLD``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

MAX_REQUEST: Final = 1 << 14  # bytes; Postfix's own are below 4 kB
DUNNO: Final = b"action=DUNNO\n\n"
_MAX_TEXT = 200  # characters of the text behind HOLD, which Postfix logs

# States before the end of a message. Any other word, or none, may be the end of a message.
_STATES_BEFORE_END = frozenset(
    ("CONNECT", "HELO", "EHLO", "MAIL", "RCPT", "DATA", "VRFY", "ETRN", "AUTH", "STARTTLS")
)
_READ = (
    *("request", "protocol_state", "client_address", "client_name", "sender", "recipient"),
    *("recipient_count", "queue_id", "instance", "size", "sasl_username"),
)
_ATTRIBUTES = re.compile(f"^({'|'.join(_READ)})=(.*)", re.MULTILINE).findall
# All attributes in Postfix's order: three times as fast, reads each line once.
_USUAL = re.compile(
    "".join(f"(?:(?!{name}=).*\n)*+{name}=(?P<{name}>.*)(?:\n|$)" for name in _READ)
).match


class ProtocolError(ValueError):
    """The input is not a request; the connection is closed."""


class Requests:
    """Splits the input of one connection into requests; buffers at most one incomplete request."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[dict[str, str]]:
        """Return the requests that are complete now, in order.

        Raises:
            ProtocolError: a request is too long or empty.
        """
        data = self._buffer + data
        *whole, self._buffer = data.split(b"\n\n")
        if len(self._buffer) > MAX_REQUEST or any(len(block) > MAX_REQUEST for block in whole):
            self._buffer = b""
            raise ProtocolError("a request is too long")
        if self._buffer.startswith(b"\n") or b"" in whole:
            raise ProtocolError("a request is empty")
        return [parse(block) for block in whole]

    @property
    def pending(self) -> int:
        """Bytes of the incomplete request."""
        return len(self._buffer)


def parse(block: bytes) -> dict[str, str]:
    """Return the attributes of a request that the guard reads; the first of equal names counts."""
    text = block.decode("utf-8", "surrogateescape")
    if usual := _USUAL(text):
        return usual.groupdict()
    found = _ATTRIBUTES(text)
    found.reverse()
    return dict(found)


def ends_message(request: Mapping[str, str]) -> bool:
    """Whether a request is for a complete message that Postfix is about to queue."""
    return (
        request.get("request", "smtpd_access_policy") == "smtpd_access_policy"
        and request.get("protocol_state", "") not in _STATES_BEFORE_END
    )


def hold(text: str) -> bytes:
    """Return the answer that puts the message on hold; Postfix logs its text."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in text)[:_MAX_TEXT]
    return b"action=HOLD " + shown.strip().encode() + b"\n\n"

"""The mail filter protocol ("milter"), as far as mail by ``sendmail`` needs it.

Postfix asks no policy service about mail by ``sendmail`` and pickup, but shows it to
``non_smtpd_milters`` before it is queued. The guard requests only the envelope and the end of the
message, and answers "continue" or "quarantine", which Postfix treats as HOLD.

Source: ``src/milter/milter8.c`` and MILTER_README of Postfix 3.7; ``mfdef.h`` of Sendmail 8.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from bmtick.guard.protocol import ProtocolError

_MAX_PACKET: Final = 1 << 17  # bytes; Postfix's own are below 64 kB
_MAX_RECIPIENTS: Final = 1000  # of one message that are kept; more change nothing
_MAX_ADDRESS: Final = 320
_MAX_ID: Final = 64
_MAX_TEXT: Final = 100  # characters of a reason that Postfix accepts
_VERSION: Final = 6
_QUARANTINE: Final = 1 << 5
# No connect, HELO, body, headers, end of headers, unknown, DATA; no answer at MAIL and RCPT.
_SKIPPED: Final = 1 | 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9
_UNANSWERED: Final = 1 << 14 | 1 << 15
_CONTINUE: Final = b"\0\0\0\1c"


class LocalMessage(NamedTuple):
    """A message by ``sendmail`` that Postfix is about to queue."""

    queue_id: str
    sender: str
    recipients: tuple[str, ...]


def starts(data: bytes) -> bool:
    """Whether the first bytes of a connection are a milter packet, not a policy request."""
    return data.startswith(b"\0")


def accept() -> bytes:
    """Return the answer that accepts a message."""
    return _CONTINUE


def quarantine(text: str) -> bytes:
    """Return the answer that puts a message on hold; Postfix logs its text."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in text)[:_MAX_TEXT]
    return _packet(b"q" + shown.strip().encode() + b"\0") + _CONTINUE


def _packet(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class Milter:
    """One milter connection from Postfix.

    Args:
        decide: returns the answer to a complete message, or nothing and later calls its second
            argument with the answer.
    """

    __slots__ = ("_buffer", "_decide", "_queue_id", "_recipients", "_send", "_sender")

    def __init__(
        self,
        decide: Callable[[LocalMessage, Callable[[bytes], None]], bytes],
        send: Callable[[bytes], None],
    ) -> None:
        self._decide, self._send = decide, send
        self._buffer = b""
        self._queue_id = ""
        self._forget()

    def _forget(self) -> None:
        self._sender = ""
        self._recipients: list[str] = []

    def feed(self, data: bytes) -> bytes:
        """Process input; return the answers.

        Raises:
            ProtocolError: it is not the milter protocol, or the connection must be closed.
        """
        data = self._buffer + data
        answers, at = [], 0
        while len(data) - at >= 5:
            (length,) = struct.unpack_from(">I", data, at)
            if not 0 < length <= _MAX_PACKET:
                raise ProtocolError("a milter's packet is too long or empty")
            if len(data) - at < 4 + length:
                break
            answers.append(self._command(data[at + 4 : at + 5], data[at + 5 : at + 4 + length]))
            at += 4 + length
        self._buffer = data[at:]
        return b"".join(answers)

    def _command(self, command: bytes, data: bytes) -> bytes:
        if command == b"O":
            return _negotiate(data)
        if command == b"D":
            self._macros(data)
        elif command == b"M":
            self._forget()
            self._sender = _address(data)
        elif command == b"R":
            if len(self._recipients) < _MAX_RECIPIENTS:
                self._recipients.append(_address(data))
        elif command == b"E":
            message = LocalMessage(self._queue_id, self._sender, tuple(self._recipients))
            self._forget()
            return self._decide(message, self._send)
        elif command in (b"A", b"K"):
            self._forget()
        elif command == b"Q":
            raise EndOfMilterError
        else:
            return _CONTINUE  # commands that were not requested get an answer, too
        return b""

    def _macros(self, data: bytes) -> None:
        names = data[1:].split(b"\0")
        for name, value in zip(names[::2], names[1::2], strict=False):
            if name in (b"i", b"{i}"):
                self._queue_id = value.decode("ascii", "replace")[:_MAX_ID]


class EndOfMilterError(ProtocolError):
    """Postfix ended the connection."""


def _negotiate(data: bytes) -> bytes:
    if len(data) < 12:
        raise ProtocolError("a milter's negotiation is cut off")
    version, actions, events = struct.unpack_from(">III", data)
    if not actions & _QUARANTINE:
        raise ProtocolError("this milter's other side cannot put mail on hold")
    wanted = (_SKIPPED | _UNANSWERED) & events
    if wanted & _UNANSWERED != _UNANSWERED:
        raise ProtocolError("this milter's other side speaks a version below 6")
    return _packet(b"O" + struct.pack(">III", min(version, _VERSION), _QUARANTINE, wanted))


def _address(data: bytes) -> str:
    text = data.partition(b"\0")[0].decode("utf-8", "surrogateescape")[: _MAX_ADDRESS + 2]
    return text.removeprefix("<").removesuffix(">").lower()

"""Connections that end: one deadline and one size for all that a peer sends.

A timeout of a socket starts over with each byte, so a peer that sends a byte each half second holds
a program for ever, and one that never stops takes all memory. Here both are limits of the whole
conversation, kept by the socket itself, so that ``http.client``, ``smtplib`` and TLS keep them too.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import Any, Final

from bmtick.errors import BmtickError

_NO_TIME: Final = 0.001  # seconds; a timeout of 0 would mean: do not wait at all


class TooLongError(OSError):
    """The peer has sent more than it may."""


class Limits:
    """What one conversation may take.

    Args:
        seconds: from now on until its end.
        size: bytes that the peer may send.
        progress: bytes after which the time starts over, for long answers; 0: never.
    """

    def __init__(self, seconds: float, size: int, progress: int = 0) -> None:
        self.seconds, self.size, self._progress = seconds, size, progress
        self._left, self._arrived = size, 0
        self._deadline = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no whole answer within {self.seconds:g} s")
        return max(left, _NO_TIME)

    def over(self) -> bool:
        """Tell whether the time is over."""
        return time.monotonic() >= self._deadline

    def took(self, count: int) -> None:
        """Count bytes that came.

        Raises:
            TooLongError: they are too many.
        """
        self._left -= count
        if self._left < 0:
            raise TooLongError(f"the answer is longer than {self.size:,} bytes")
        self._arrived += count
        if self._progress and self._arrived >= self._progress:
            self._arrived = 0
            self._deadline = time.monotonic() + self.seconds


class BoundedSocket(socket.socket):
    """A socket that keeps to limits."""

    limits: Limits | None = None

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive as a socket does, within the limits."""
        if self.limits is None:
            return super().recv_into(buffer, nbytes, flags)
        self.settimeout(self.limits.left())
        count = super().recv_into(buffer, nbytes, flags)
        self.limits.took(count)
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send as a socket does, within the time."""
        if self.limits is not None:
            self.settimeout(self.limits.left())
        super().sendall(data, flags)


class BoundedSSLSocket(ssl.SSLSocket):
    """A TLS connection that keeps to limits; handshakes keep to the timeout at their begin."""

    limits: Limits | None = None

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive as a socket does, within the limits."""
        if self.limits is None:
            return super().recv_into(buffer, nbytes, flags)
        self.settimeout(self.limits.left())
        count = super().recv_into(buffer, nbytes, flags)
        self.limits.took(count)
        return count

    def send(self, data: Any, flags: int = 0) -> int:
        """Send as a socket does, within the time; ``sendall`` is made of it."""
        if self.limits is not None:
            self.settimeout(self.limits.left())
        return super().send(data, flags)


def connect(host: str, port: int, limits: Limits, source: str = "") -> BoundedSocket:
    """Open a TCP connection that keeps to the limits.

    Args:
        host: name or address.
        port: of the server.
        limits: for all that follows.
        source: an address of this machine to connect from.

    Raises:
        OSError: there is no such host, or none of its addresses answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = OSError(f"{host} has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(found):
        there = BoundedSocket(family, kind, protocol)
        try:
            # an address that does not answer leaves time for the others
            there.settimeout(limits.left() / (len(found) - tried))
            if source:
                there.bind((source, 0))
            there.connect(address)
        except OSError as error:
            there.close()
            failure = error
            continue
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        there.limits = limits
        return there
    raise failure


def secured(there: BoundedSocket, context: ssl.SSLContext, host: str) -> BoundedSSLSocket:
    """Begin TLS on a connection, within its limits."""
    limits = there.limits
    if limits is not None:
        there.settimeout(limits.left())
    wrapped = context.wrap_socket(there, server_hostname=host)
    assert isinstance(wrapped, BoundedSSLSocket)  # noqa: S101 -- tls_context() sees to it
    wrapped.limits = limits
    return wrapped


def tls_context(
    ca_file: str = "", *, verify: bool = True, client_cert: str = "", client_key: str = ""
) -> ssl.SSLContext:
    """Return the one rule of TLS: the machine's CAs, or a private one, unless told not to verify.

    Raises:
        BmtickError: a file that is named cannot be read.
    """
    for path in (ca_file, client_cert, client_key):
        if path and not os.access(path, os.R_OK):
            raise BmtickError(
                f"cannot read '{path}'",
                remedy="see ca_file, client_cert, client_key in bmtick.toml",
            )
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        if client_cert:
            context.load_cert_chain(client_cert, client_key or client_cert)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        named = ", ".join(path for path in (ca_file, client_cert, client_key) if path)
        raise BmtickError(f"no usable certificate or key in {named}: {reason}") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.sslsocket_class = BoundedSSLSocket
    return context


def reason_of(error: BaseException, limits: Limits | None = None) -> str:
    """Return what went wrong with a connection, in few words."""
    if isinstance(error, TimeoutError):
        seconds = f" within {limits.seconds:g} s" if limits else ""
        return f"no whole answer{seconds}"
    if isinstance(error, ssl.SSLError):
        verification = getattr(error, "verify_message", "")
        return f"TLS: {verification or error.reason or error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__

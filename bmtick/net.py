"""Connections with one deadline and one size limit for everything that a peer sends.

A socket's timeout restarts with each byte, so a peer that sends a byte every half second could
block a program forever, and one that never stops could use all memory. Here both limits apply to
the whole conversation. The socket itself enforces them, so they also apply to ``http.client``,
``smtplib`` and TLS.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import Any, Final

from bmtick.errors import BmtickError

_NO_TIME: Final = 0.001  # seconds; a timeout of 0 would mean non-blocking


class TooLongError(OSError):
    """The peer has sent too much."""


class Limits:
    """Limits of one conversation.

    Args:
        seconds: from now until its end.
        size: bytes that the peer may send.
        progress: bytes after which the time restarts, for long answers; 0: never.
    """

    def __init__(self, seconds: float, size: int, progress: int = 0) -> None:
        self.seconds = seconds
        self._deadline = time.monotonic() + seconds
        self.allow(size, progress)

    def allow(self, size: int, progress: int) -> None:
        """Let another part follow, with limits of its own; the time goes on."""
        self.size, self._progress = size, progress
        self._left, self._arrived = size, 0

    def remaining(self) -> float:
        """Return the remaining seconds.

        Raises:
            TimeoutError: there are none.
        """
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError(f"no whole answer within {self.seconds:g} s")
        return max(remaining, _NO_TIME)

    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._deadline

    def count_received(self, count: int) -> None:
        """Count received bytes.

        Raises:
            TooLongError: there are too many.
        """
        self._left -= count
        if self._left < 0:
            raise TooLongError(f"the answer is longer than {self.size:,} bytes")
        self._arrived += count
        if self._progress and self._arrived >= self._progress:
            self._arrived = 0
            self._deadline = time.monotonic() + self.seconds


class BoundedSocket(socket.socket):
    """A socket with limits."""

    limits: Limits | None = None

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive within the limits."""
        if self.limits is None:
            return super().recv_into(buffer, nbytes, flags)
        self.settimeout(self.limits.remaining())
        count = super().recv_into(buffer, nbytes, flags)
        self.limits.count_received(count)
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send within the time."""
        if self.limits is not None:
            self.settimeout(self.limits.remaining())
        super().sendall(data, flags)


class BoundedSSLSocket(ssl.SSLSocket):
    """A TLS connection with limits; a handshake uses the timeout at its start."""

    limits: Limits | None = None

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive within the limits."""
        if self.limits is None:
            return super().recv_into(buffer, nbytes, flags)
        self.settimeout(self.limits.remaining())
        count = super().recv_into(buffer, nbytes, flags)
        self.limits.count_received(count)
        return count

    def send(self, data: Any, flags: int = 0) -> int:
        """Send within the time; ``sendall`` uses it."""
        if self.limits is not None:
            self.settimeout(self.limits.remaining())
        return super().send(data, flags)


def connect(host: str, port: int, limits: Limits, source: str = "") -> BoundedSocket:
    """Open a TCP connection with limits.

    Args:
        host: name or address.
        port: of the server.
        limits: for the whole conversation.
        source: a local address to connect from.

    Raises:
        OSError: the host does not exist, or none of its addresses answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = OSError(f"{host} has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(found):
        sock = BoundedSocket(family, kind, protocol)
        try:
            # a silent address leaves time for the others
            sock.settimeout(limits.remaining() / (len(found) - tried))
            if source:
                sock.bind((source, 0))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.limits = limits
        return sock
    raise failure


def secured(sock: BoundedSocket, context: ssl.SSLContext, host: str) -> BoundedSSLSocket:
    """Start TLS on a connection, within its limits."""
    limits = sock.limits
    if limits is not None:
        sock.settimeout(limits.remaining())
    wrapped = context.wrap_socket(sock, server_hostname=host)
    assert isinstance(wrapped, BoundedSSLSocket)  # noqa: S101 -- tls_context() guarantees it
    wrapped.limits = limits
    return wrapped


def tls_context(
    ca_file: str = "", *, verify: bool = True, client_cert: str = "", client_key: str = ""
) -> ssl.SSLContext:
    """Return the TLS context: the machine's CAs or a private one; verified unless disabled.

    Raises:
        BmtickError: a file cannot be read.
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

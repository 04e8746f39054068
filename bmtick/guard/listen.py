"""Where Postfix asks: one socket, many connections, each with requests one after the other."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from bmtick.errors import BmtickError
from bmtick.guard.protocol import ProtocolError, Requests

_MAX_CONNECTIONS = 4000  # Postfix has one for each smtpd process at most
_BACKLOG = 1024
_INET = re.compile(r"inet:(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")


def parse_listen(text: str) -> tuple[str, int] | str:
    """Return host and port, or the path of a socket.

    Raises:
        BmtickError: it is neither.
    """
    if match := _INET.fullmatch(text):
        port = int(match["port"])
        if port < 65536:
            return match["six"] or match["host"], port
    path = text.removeprefix("unix:")
    if path != text and path.startswith("/"):
        return path
    raise BmtickError(
        f"'{text[:100]}' is no place to listen on",
        remedy="write inet:127.0.0.1:10040 or unix:/PATH",
    )


def open_socket(listen: str, mode: int = 0o666) -> socket.socket:
    """Return a socket that listens.

    Args:
        listen: inet:HOST:PORT or unix:PATH.
        mode: of the file at PATH; user postfix connects, and the folder says who may.

    Raises:
        BmtickError: it cannot; says whether somebody else listens there.
    """
    where = parse_listen(listen)
    try:
        if isinstance(where, str):
            return _unix(where, mode)
        found = socket.getaddrinfo(*where, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(_BACKLOG)
        except BaseException:
            sock.close()
            raise
        return sock
    except OSError as error:
        raise BmtickError(
            f"cannot listen on {listen}: {error.strerror or error}",
            remedy="does another guard run there? name another place with --listen",
        ) from None


def _unix(path: str, mode: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_stale(path):
            Path(path).unlink()
        sock.bind(path)
        Path(path).chmod(mode)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_stale(path: str) -> bool:
    """Whether a socket lies there that nobody listens on."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        return False


class Connection(asyncio.Protocol):
    """One connection of Postfix's.

    Args:
        answer: takes the attributes of a request, returns the answer.
        open_connections: all that are open, the longest idle first.
        warn: takes one line for the administrator.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, str]], bytes],
        open_connections: dict[Connection, None],
        warn: Callable[[str], None],
    ) -> None:
        self._answer, self._open, self._warn = answer, open_connections, warn
        self._requests = Requests()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection; of too many the longest idle is closed."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- a stream, by create_server
        self._transport = transport
        if len(self._open) >= _MAX_CONNECTIONS:
            next(iter(self._open)).close()
        self._open[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        del exc
        self._open.pop(self, None)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole; close the connection where it is none."""
        self._open[self] = self._open.pop(self, None)
        transport = self._transport
        if transport is None:
            return
        try:
            requests = self._requests.feed(data)
        except ProtocolError as error:
            self._warn(f"{error}: connection closed")
            self.close()
            return
        if requests:
            transport.write(b"".join(map(self._answer, requests)))

    def pause_writing(self) -> None:
        """Read no more of who does not read the answers."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Close the connection after what was written."""
        self._open.pop(self, None)
        if self._transport is not None:
            self._transport.close()

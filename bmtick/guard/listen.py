"""The socket that Postfix connects to; each connection sends policy requests or milter packets.

It uses an epoll loop: asyncio takes twice the time for each answer, and 4 MiB.
"""

from __future__ import annotations

import errno
import os
import re
import select
import socket
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from bmtick.errors import BmtickError
from bmtick.guard.milter import EndOfMilterError, LocalMessage, Milter, starts
from bmtick.guard.protocol import ProtocolError, Requests

_MAX_CONNECTIONS: Final = 4000  # Postfix has at most one for each smtpd process
_BACKLOG: Final = 1024
_CHUNK: Final = 1 << 16  # bytes that are read from one connection before the next one
_MAX_ACCEPTS: Final = 100  # connections that are accepted between two rounds of requests
_INET = re.compile(r"inet:(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")


def parse_listen(text: str) -> tuple[str, int] | str:
    """Return host and port, or the path of a socket.

    Raises:
        BmtickError: the text is neither.
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
    """Return a listening socket.

    Args:
        listen: inet:HOST:PORT or unix:PATH.
        mode: of the file at PATH; user postfix connects, and the folder limits access.

    Raises:
        BmtickError: it cannot listen; says whether another process listens there.
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
    """Whether a path is a socket on which no process listens."""
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


class _Connection:
    """One connection from Postfix: its parser, and answers that Postfix has not read yet."""

    __slots__ = ("milter", "requests", "sock", "unsent")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.requests: Requests | None = None  # the first bytes select the parser
        self.milter: Milter | None = None
        self.unsent = b""


class PolicyServer:
    """Answers requests on a listening socket, all in the thread that calls ``serve``.

    Args:
        sock: the listening socket.
        answer: returns the answer to a request's attributes.
        local: returns the answer to a message by ``sendmail``, or nothing and later calls its
            second argument with the answer.
        warn: takes one line for the administrator.
    """

    def __init__(
        self,
        sock: socket.socket,
        answer: Callable[[Mapping[str, str]], bytes],
        local: Callable[[LocalMessage, Callable[[bytes], None]], bytes],
        warn: Callable[[str], None],
    ) -> None:
        self._sock, self._answer, self._local, self._warn = sock, answer, local, warn
        sock.setblocking(False)
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._open: dict[int, _Connection] = {}  # by descriptor, idle longest first
        self._epoll = select.epoll()
        for end in (sock, self._woken):
            self._epoll.register(end.fileno(), select.EPOLLIN)

    @property
    def wakeup_fd(self) -> int:
        """Descriptor; a byte written to it ends the wait of ``serve`` (signals, threads)."""
        return self._waker.fileno()

    def wake(self) -> None:
        """Make ``serve`` return soon; callable from any thread."""
        with suppress(BlockingIOError):  # it is already awake
            self._waker.send(b"\0")

    def serve(self, wait: float) -> None:
        """Answer pending requests; if there are none, wait up to so many seconds for one."""
        for fd, event in self._epoll.poll(max(0.0, wait)):
            if fd == self._sock.fileno():
                self._accept()
            elif fd == self._woken.fileno():
                with suppress(BlockingIOError):
                    self._woken.recv(_CHUNK)
            elif (connection := self._open.get(fd)) is not None:
                try:
                    self._serve(fd, connection, event)
                except OSError:
                    self._close(fd)  # Postfix closed it

    def _accept(self) -> None:
        for _ in range(_MAX_ACCEPTS):
            try:
                sock, _ = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._warn(f"a connection of Postfix's could not be taken: {error.strerror}")
                    self._close_idle()
                return
            sock.setblocking(False)
            if len(self._open) >= _MAX_CONNECTIONS:
                self._close_idle()
            self._open[sock.fileno()] = _Connection(sock)
            self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _serve(self, fd: int, connection: _Connection, event: int) -> None:
        if connection.unsent:
            if not event & select.EPOLLOUT:  # the peer reads no answers, so it gets no more
                self._close(fd)
                return
            connection.unsent = connection.unsent[connection.sock.send(connection.unsent) :]
            if not connection.unsent:
                self._epoll.modify(fd, select.EPOLLIN)
            return
        data = connection.sock.recv(_CHUNK)
        if not data:
            self._close(fd)
            return
        self._open[fd] = self._open.pop(fd)
        try:
            answers = self._answers(fd, connection, data)
        except EndOfMilterError:
            self._close(fd)
            return
        except ProtocolError as error:
            self._warn(f"{error}: connection closed")
            self._close(fd)
            return
        if answers:
            self._send(fd, connection, answers)

    def _answers(self, fd: int, connection: _Connection, data: bytes) -> bytes:
        if connection.requests is None and connection.milter is None:  # the first bytes
            if starts(data):
                connection.milter = Milter(
                    self._local, lambda a: self._send_later(fd, connection, a)
                )
            else:
                connection.requests = Requests()
        if connection.requests is not None:
            return b"".join(map(self._answer, connection.requests.feed(data)))
        return b"" if connection.milter is None else connection.milter.feed(data)

    def _send(self, fd: int, connection: _Connection, answers: bytes) -> None:
        try:
            sent = connection.sock.send(answers)
        except BlockingIOError:
            sent = 0
        if sent < len(answers):
            connection.unsent = answers[sent:]
            self._epoll.modify(fd, select.EPOLLOUT)

    def _send_later(self, fd: int, connection: _Connection, answer: bytes) -> None:
        if self._open.get(fd) is connection:
            try:
                self._send(fd, connection, answer)
            except OSError:
                self._close(fd)

    def _close(self, fd: int) -> None:
        self._epoll.unregister(fd)
        self._open.pop(fd).sock.close()

    def _close_idle(self) -> None:
        for fd in self._open:
            self._close(fd)
            return

    def close(self) -> None:
        """Close the socket and all connections."""
        self._epoll.close()
        for connection in self._open.values():
            connection.sock.close()
        for sock in (self._sock, self._woken, self._waker):
            sock.close()

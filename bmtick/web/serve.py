"""The HTTP server in a background thread; only this module imports uvicorn."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bmtick.errors import BmtickError

_MIN_TOKEN: Final = 16  # minimum characters of a token
_REQUEST_TIMEOUT: Final = 10.0  # seconds from the start of a request to its end
_SHUTDOWN_TIMEOUT: Final = 3.0  # seconds for open requests at shutdown


class Server:
    """A server that runs until ``stop``.

    Args:
        listen: HOST:PORT.
        app: the ASGI application.

    Raises:
        BmtickError: the address cannot be used.
    """

    def __init__(self, listen: str, app: Any) -> None:
        import uvicorn  # noqa: PLC0415 -- optional

        self._socket = _bound(listen)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            log_level="error",  # invalid requests must not fill a log
            http=_timed_protocol(),
            ws="none",
            limit_concurrency=64,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Stop; open requests get a few seconds."""
        self._server.should_exit = True
        self._thread.join(_SHUTDOWN_TIMEOUT)
        self._socket.close()


def _timed_protocol() -> type[Any]:
    """Return uvicorn's HTTP protocol with a timeout for incomplete requests.

    Otherwise clients that never finish a request could use up all connections.
    """
    import h11  # noqa: PLC0415 -- optional, as uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415

    class TimedProtocol(H11Protocol):
        _timer: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._start_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
                self._start_timer()
            else:
                self._stop_timer()

        def _start_timer(self) -> None:
            if self._timer is None:
                self._timer = self.loop.call_later(_REQUEST_TIMEOUT, self.transport.abort)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return TimedProtocol


def split(listen: str) -> tuple[str, int]:
    """Return host and port.

    Raises:
        BmtickError: the text is not HOST:PORT.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise BmtickError(
            f"[web] listen: '{listen}' is not HOST:PORT", remedy="write it like 127.0.0.1:8089"
        )
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(token_file: str, environment: Mapping[str, str], read: Callable[[Path], str]) -> str:
    """Return the token of BMTICK_WEB_TOKEN or of the file, or "".

    Raises:
        BmtickError: the file cannot be read, or the token is too short.
    """
    token = environment.get("BMTICK_WEB_TOKEN") or (read(Path(token_file)) if token_file else "")
    if token and len(token) < _MIN_TOKEN:
        raise BmtickError(
            f"the token of [web] has fewer than {_MIN_TOKEN} characters",
            remedy=f"openssl rand -hex 32 > {token_file or 'FILE'}",
        )
    return token


def _bound(listen: str) -> socket.socket:
    host, port = split(listen)
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, proto)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen()
    except OSError as error:
        raise BmtickError(
            f"[web] cannot listen on {listen}: {error.strerror or error}",
            remedy="choose another address or port",
        ) from None
    os.set_inheritable(made.fileno(), False)
    return made

"""The HTTP client: a deadline and a size limit for each answer; safe requests are retried.

It is used for Kapacitor, InfluxDB and all HTTP targets of alerts. The timeout is that of the whole
exchange, retries included. Proxy variables and netrc are ignored: credentials go only where the
settings say. No message contains a secret.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json as json_module
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from bmtick.credentials import Credentials, split_url
from bmtick.errors import BmtickError
from bmtick.net import (
    BoundedSocket,
    BoundedSSLSocket,
    Limits,
    TooLongError,
    connect,
    reason_of,
    secured,
    tls_context,
)

LIMIT: Final = 8 << 20  # bytes of an answer
_STREAM_LIMIT: Final = 16 << 30  # bytes of a streamed answer
_LINE_LIMIT: Final = 16 << 20  # bytes of one line of it
_PROGRESS: Final = 1 << 16  # bytes that must arrive within the timeout, or the answer has stalled
_PIECE: Final = 1 << 18
_TRIES: Final = 4
_IDEMPOTENT: Final = frozenset({"GET", "DELETE", "HEAD"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 3
_MAX_CAUSE: Final = 400  # characters of a server's answer shown in a message
_TOO_MANY: Final = 429
_BUSY: Final = frozenset({0, _TOO_MANY, 502, 503, 504})  # a query that fails with 500 fails again

Answer = TypeVar("Answer", bound=msgspec.Struct)


class HttpError(BmtickError):
    """A request that failed.

    ``status`` is the HTTP status, 0 without an answer. ``uncertain``: the server may have acted
    anyway, since the answer was lost or is a 5xx.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        remedy: str = "",
        server_message: str = "",
        permanent: bool = False,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.server_message = server_message  # the reason from the server's answer
        self.permanent = permanent  # a retry would not help

    @property
    def uncertain(self) -> bool:
        """Whether the server's state must be read before a retry."""
        return self.status == 0 or self.status >= 500


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header, or ""."""
        wanted = name.lower()
        return next((v for n, v in self.headers.items() if n.lower() == wanted), "")


class Stream:
    """An answer that is read in pieces; a context manager."""

    def __init__(
        self, reply: http.client.HTTPResponse, sock: BoundedSocket | BoundedSSLSocket, title: str
    ) -> None:
        self._reply, self._sock, self._title = reply, sock, title

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, also while another thread waits for a piece."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(2)
        self._reply.close()
        self._sock.close()

    def lines(self) -> Iterator[bytes]:
        """Yield lines as they arrive, with their line ends.

        Raises:
            HttpError: the answer is cut off, stalls, or a line is too long.
        """
        parts: list[bytes] = []  # the pieces of an incomplete line
        try:
            while piece := self._reply.read1(_PIECE):
                *whole, rest = piece.split(b"\n")
                for line in whole:
                    yield b"".join((*parts, line, b"\n"))
                    parts.clear()
                parts.append(rest)
                if sum(map(len, parts)) > _LINE_LIMIT:
                    raise TooLongError(f"a line is longer than {_LINE_LIMIT:,} bytes")
            _require_complete(self._reply)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise HttpError(
                f"{self._title}: the answer broke off: {reason_of(error, self._sock.limits)}"
            ) from None
        if last := b"".join(parts):
            yield last


class HttpClient:
    """Requests to one server under one base path.

    Args:
        url: without credentials; may hold a base path.
        name: the server's name in messages.
        credentials: Basic or a token; None: none.
        token_scheme: the word before the token.
        context: for TLS; None: the machine's CAs.
        timeout: seconds for a whole exchange.
        limit: bytes of an answer.
        tries: maximum number of attempts of an idempotent request.
        refused_again: whether it is retried after a refused connection.
        sleep: waits between attempts; tests inject their own.
        remedy: for a server that cannot be reached.
    """

    def __init__(  # noqa: PLR0913 -- each is one property of a connection
        self,
        url: str,
        *,
        name: str = "server",
        credentials: Credentials | None = None,
        token_scheme: str = "Bearer",  # noqa: S107 -- a name, not a secret
        context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
        limit: int = LIMIT,
        tries: int = _TRIES,
        refused_again: bool = True,
        sleep: Callable[[float], None] = time.sleep,
        remedy: str = "is it running, and is its 'url' in bmtick.toml right?",
    ) -> None:
        self.url, self.name, self.timeout = url.rstrip("/"), name, timeout
        self._context, self._limit, self._sleep = context, limit, sleep
        self._tries, self._refused_again, self._remedy = tries, refused_again, remedy
        self._headers: dict[str, str] = {"Accept-Encoding": "identity", "Connection": "close"}
        known = credentials or Credentials()
        if known.token:
            self._headers["Authorization"] = f"{token_scheme} {known.token}"
        elif known.username:
            pair = f"{known.username}:{known.password}".encode()
            self._headers["Authorization"] = f"Basic {b64encode(pair).decode()}"

    def limits(self) -> Limits:
        """Return limits that begin now, for several requests together."""
        return Limits(self.timeout, self._limit)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool | None = None,
        limits: Limits | None = None,
    ) -> Reply:
        """Send one request; retry it if that is safe and time is left.

        Args:
            method: of HTTP.
            path: below the base path.
            params: of the query; a list repeats a name.
            json: a JSON body; alternatively ``data``.
            data: a raw body.
            headers: of this request.
            repeat: whether it is safe to send it twice; None: if the method is idempotent.
            limits: those of several requests; None: this request has its own.

        Raises:
            HttpError: no answer, a redirect to another host, or a status of 400 and more.
        """
        sent = dict(headers or {})
        if json is not None:
            data = json_module.dumps(json).encode()
            sent.setdefault("Content-Type", "application/json")
        if params:
            path = f"{path}?{urlencode(params, doseq=True)}"
        limits = limits or self.limits()
        repeatable = method in _IDEMPOTENT if repeat is None else repeat
        earlier: HttpError | None = None
        for attempt in range(1, (self._tries if repeatable else 1) + 1):
            try:
                return self._checked(method, path, self._follow(method, path, data, sent, limits))
            except HttpError as error:
                temporary = (error.uncertain or error.status == _TOO_MANY) and not error.permanent
                wait = 0.1 * 3 ** (attempt - 1)
                if limits.is_over() and earlier:
                    raise earlier from None  # it is more specific than a timeout
                if not repeatable or attempt == self._tries or not temporary or limits.is_over():
                    raise
                self._sleep(min(wait, limits.seconds))
                earlier = error
        raise AssertionError  # the loop returns or raises

    def read(self, form: type[Answer], method: str, path: str, **arguments: Any) -> Answer:
        """Send one request and decode its answer, a JSON object of this type.

        Raises:
            HttpError: the request fails, or the answer has another form.
        """
        reply = self.request(method, path, **arguments)
        try:
            return msgspec.json.decode(reply.body, type=form)
        except (ValueError, RecursionError) as error:
            raise HttpError(
                f"{self.title} did not answer {method} {path} with the JSON object that it "
                f"should be: {str(error)[:_MAX_CAUSE]}",
                status=reply.status,
                remedy="is this the right address?",
            ) from None

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        progress: bool = True,
    ) -> Stream:
        """Open an answer that is read in pieces.

        With ``progress`` it may take long while data arrives: the timeout restarts with each 64
        KiB. Without, the timeout applies to the whole answer.

        Raises:
            HttpError: as for ``request``.
        """
        headers = {"Content-Type": "application/json"} if json is not None else {}
        data = json_module.dumps(json).encode() if json is not None else None
        target = f"{path}?{urlencode(params, doseq=True)}" if params else path
        for attempt in range(1, self._tries + 1):
            limits = Limits(self.timeout, self._limit)
            try:
                sock, reply = self._send(method, self.url + target, data, headers, limits)
                if reply.status != 200:
                    with contextlib.closing(sock), contextlib.closing(reply):
                        self._checked(method, path, self._read_all(reply, limits))
                        raise HttpError(
                            f"{self.title} answered {reply.status}", status=reply.status
                        )
                if progress:  # not before: a head, too, can be without end
                    limits.allow(_STREAM_LIMIT, _PROGRESS)
                return Stream(reply, sock, self.title)
            except HttpError as error:
                temporary = error.status in _BUSY and not error.permanent
                if attempt == self._tries or not temporary or limits.is_over():
                    raise
                self._sleep(0.1 * 3 ** (attempt - 1))
        raise AssertionError  # the loop returns or raises

    @property
    def title(self) -> str:
        """The server's name and address, for messages."""
        return f"{self.name} at {self.url}"

    def _follow(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: Mapping[str, str],
        limits: Limits,
    ) -> Reply:
        url = self.url + path
        for _ in range(_MAX_REDIRECTS):
            reply = self.exchange(method, url, data, headers, limits)
            if reply.status not in _REDIRECTS:
                return reply
            url = self._redirected(method, url, reply)
        raise HttpError(f"{self.title}: too many redirects", status=310)

    def exchange(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: Mapping[str, str],
        limits: Limits,
    ) -> Reply:
        """Send one request once; tests replace this method."""
        sock, reply = self._send(method, url, data, headers, limits)
        with contextlib.closing(sock), contextlib.closing(reply):
            return self._read_all(reply, limits)

    def _send(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: Mapping[str, str],
        limits: Limits,
    ) -> tuple[BoundedSocket | BoundedSSLSocket, http.client.HTTPResponse]:
        sock: BoundedSocket | BoundedSSLSocket | None = None
        try:
            parts = urlsplit(url)
            host, tls = parts.hostname or "", parts.scheme == "https"
            port = parts.port or (443 if tls else 80)
            if not host or parts.scheme not in ("http", "https"):
                raise ValueError("it is no http:// or https:// address")
            sock = connect(host, port, limits)
            if tls:
                sock = secured(sock, self._context or tls_context(), host)
            connection = http.client.HTTPConnection(host, port)
            connection.sock = sock
            target = parts.path or "/"
            connection.request(
                method,
                f"{target}?{parts.query}" if parts.query else target,
                body=data,
                headers={**self._headers, **headers},
            )
            return sock, connection.getresponse()
        except ssl.SSLCertVerificationError as error:
            failure = HttpError(
                f"{self.title}: the TLS certificate is not accepted: {error.verify_message}",
                status=495,
                remedy="set 'ca_file' to the private CA's certificate",
                permanent=True,
            )
        except TimeoutError:
            failure = HttpError(f"{self.title} did not answer within {limits.seconds:g} s")
        except http.client.InvalidURL as error:
            failure = HttpError(f"{self.title}: not a valid address: {error}", status=400)
        except (OSError, http.client.HTTPException) as error:
            failure = HttpError(
                f"cannot reach {self.title}: {reason_of(error, limits)}",
                remedy=self._remedy,
                permanent=isinstance(error, TooLongError)
                or (not self._refused_again and isinstance(error, ConnectionRefusedError)),
            )
        except (ValueError, UnicodeError) as error:
            failure = HttpError(f"{self.title}: not a valid address: {error}", status=400)
        if sock is not None:
            sock.close()
        raise failure

    def _read_all(self, reply: http.client.HTTPResponse, limits: Limits) -> Reply:
        body = io.BytesIO()
        try:
            while piece := reply.read(_PIECE):
                body.write(piece)
            _require_complete(reply)
        except TimeoutError:
            raise HttpError(f"{self.title} did not answer within {limits.seconds:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise HttpError(
                f"{self.title}: the answer broke off: {reason_of(error, limits)}",
                permanent=isinstance(error, TooLongError),
            ) from None
        return Reply(reply.status, dict(reply.headers.items()), body.getvalue())

    def _redirected(self, method: str, url: str, reply: Reply) -> str:
        target = urljoin(url, reply.header("Location"))
        source, new = urlsplit(url), urlsplit(target)
        if (source.scheme, source.netloc) != (new.scheme, new.netloc) or method != "GET":
            shown = f"{new.scheme}://{new.hostname or ''}"
            raise HttpError(
                f"{self.title} redirects to {shown}: not followed",
                status=reply.status,
                remedy="set the final address as 'url'",
            )
        return target

    def _checked(self, method: str, path: str, reply: Reply) -> Reply:
        if reply.status < 400:
            return reply
        server_message = _server_message(reply)
        remedy = ""
        if reply.status in {401, 403}:
            remedy = "give a user name and password, or a token, by environment or secret_file"
        shown = path.partition("?")[0]
        raise HttpError(
            f"{self.title} refused {method} {shown}: {reply.status} {server_message}".rstrip(),
            status=reply.status,
            remedy=remedy,
            server_message=server_message,
        )


def _require_complete(reply: http.client.HTTPResponse) -> None:
    """Reject an answer that is shorter than announced, which http.client accepts."""
    if reply.length:
        raise ConnectionResetError(f"{reply.length:,} bytes are missing")


def fetch(
    url: str,
    *,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
    seconds: float = 10.0,
) -> Reply:
    """Get a URL, or post to it, once; any status is returned.

    User name and password in the URL are used for Basic authentication. Redirects are not followed.

    Raises:
        HttpError: there is no answer; with status 400 if the URL is invalid.
    """
    try:
        clean, known = split_url(url.partition("?")[0])
    except ValueError as error:
        raise HttpError(f"'{url}' is not a valid address: {error}", status=400) from None
    client = HttpClient(
        clean, name="server", credentials=known, context=context, timeout=seconds, remedy=""
    )
    parts = urlsplit(url)
    target = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    method = "GET" if data is None else "POST"
    return client.exchange(method, target, data, headers or {}, client.limits())


def segment(text: str) -> str:
    """Quote an id for use in a path."""
    return quote(text, safe="")


def _server_message(reply: Reply) -> str:
    try:
        answer = msgspec.json.decode(reply.body)
        text = str(answer.get("error") or answer.get("message") or "")
    except (ValueError, AttributeError, RecursionError):
        text = reply.body[:_MAX_CAUSE].decode("utf-8", "replace").strip()
        text = "" if text.startswith("<") else text
    return text[:_MAX_CAUSE]

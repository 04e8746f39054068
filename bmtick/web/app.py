"""The web application: routes, access control, and security headers.

- Reading needs no login on loopback; on another address it needs the token, as password or Bearer.
- Holding and releasing always need ``Authorization: Bearer TOKEN``, which no form or link of
  another site can send, and JSON. Without a token there are no actions.
- A request for another host name is refused: otherwise a name that an attacker points to 127.0.0.1
  could read the page (DNS rebinding).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Any, Final, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bmtick.errors import BmtickError
from bmtick.live.board import Snapshot
from bmtick.web import page
from bmtick.web.metrics import CONTENT_TYPE, exposition

_MAX_BODY: Final = 4096  # bytes
_MAX_ALERT: Final = 1 << 20  # bytes: details and data of an alert
_MAX_HOLD: Final = 366 * 86400.0  # seconds; the longest hold with an end
_DEFAULT_ALLOW: Final = 86400.0  # seconds that a released subject may send
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC: Final = {"page.css": "text/css", "page.js": "text/javascript"}


class HoldControl(Protocol):
    """Access to the guard's holds."""

    def held(self) -> list[dict[str, Any]]:
        """Return the holds, as ``bmtick held --format json`` prints them."""

    def hold(self, who: str, seconds: float | None) -> str:
        """Hold the mail of a login or an address; return what was done, as text."""

    def release(self, who: str, allow: float) -> str:
        """Give held mail back to Postfix; the subject may send for ``allow`` seconds."""

    def hold_alerted(self, alert: bytes) -> str:
        """Hold the subjects of a Kapacitor alert, given as its JSON; return what was done.

        Raises:
            ValueError: it is not an alert.
        """


class NoGuard:
    """The hold control of a machine without a guard."""

    def held(self) -> list[dict[str, Any]]:
        """Return no holds."""
        return []

    def hold(self, who: str, seconds: float | None) -> str:
        """Refuse: there is no guard."""
        del who, seconds
        raise BmtickError("there is no guard on this machine", remedy="see 'bmtick guard --help'")

    def release(self, who: str, allow: float) -> str:
        """Refuse: there is no guard."""
        return self.hold(who, allow)

    def hold_alerted(self, alert: bytes) -> str:
        """Refuse: there is no guard."""
        return self.hold(str(alert), None)


@dataclass(frozen=True)
class Access:
    """Access control.

    Attributes:
        token: for actions, and for reading if ``open`` is false; "": no actions.
        open: whether reading needs no token.
        hosts: host names that the server answers; empty: all.
    """

    token: str = ""
    open: bool = True
    hosts: frozenset[str] = frozenset()

    def is_authorized(self, request: Request) -> bool:
        """Whether a request has the token."""
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif kind.lower() != "bearer":
            return False
        return bool(self.token) and hmac.compare_digest(value.encode(), self.token.encode())


def make_app(
    snapshot: Callable[[int], Snapshot],
    hold_control: HoldControl,
    access: Access,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """Return the application.

    Args:
        snapshot: returns the state at a time.
        hold_control: access to the holds.
        access: access control.
        clock: seconds since the epoch.
    """
    handlers = _Handlers(snapshot, hold_control, access, clock)
    app = Starlette(
        routes=[
            Route("/", handlers.page),
            Route("/fragment", handlers.fragment),
            Route("/api/state", handlers.state),
            Route("/api/held", handlers.held),
            Route("/api/hold", handlers.hold, methods=["POST"]),
            Route("/api/release", handlers.release, methods=["POST"]),
            Route("/api/alert", handlers.alert, methods=["POST"]),
            Route("/metrics", handlers.metrics),
            Route("/favicon.ico", _no_icon),
            *(Route(f"/{name}", _static(name, kind)) for name, kind in _STATIC.items()),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=handlers.check_access)],
    )
    app.router.redirect_slashes = False
    return app


class _ActionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an action; ``seconds``: how long to hold, or to allow sending after a release."""

    who: str
    seconds: Annotated[float, msgspec.Meta(ge=0, le=_MAX_HOLD)] | None = None


@dataclass(frozen=True)
class _Handlers:
    _snapshot: Callable[[int], Snapshot]
    _hold_control: HoldControl
    _access: Access
    _clock: Callable[[], float]

    def _now(self) -> Snapshot:
        return self._snapshot(int(self._clock()))

    def page(self, request: Request) -> Response:
        del request
        actions = bool(self._access.token)
        return _html(page.page(self._now(), self._hold_control.held(), actions=actions))

    def fragment(self, request: Request) -> Response:
        actions = bool(self._access.token)
        return _html(
            page.fragment(self._now(), self._hold_control.held(), actions=actions), request
        )

    def state(self, request: Request) -> Response:
        del request
        data = {**msgspec.to_builtins(self._now()), "held": self._hold_control.held()}
        return Response(msgspec.json.encode(data), media_type="application/json")

    def held(self, request: Request) -> Response:
        del request
        return JSONResponse(self._hold_control.held())

    def metrics(self, request: Request) -> Response:
        del request
        text = exposition(self._now(), self._hold_control.held())
        return Response(text, media_type=CONTENT_TYPE)

    async def hold(self, request: Request) -> Response:
        def do(body: bytes) -> str:
            wanted = msgspec.json.decode(body, type=_ActionRequest)
            return self._hold_control.hold(wanted.who, wanted.seconds)

        return await self._act(request, do)

    async def release(self, request: Request) -> Response:
        def do(body: bytes) -> str:
            wanted = msgspec.json.decode(body, type=_ActionRequest)
            allow = _DEFAULT_ALLOW if wanted.seconds is None else wanted.seconds
            return self._hold_control.release(wanted.who, allow)

        return await self._act(request, do)

    async def alert(self, request: Request) -> Response:
        return await self._act(request, self._hold_control.hold_alerted, _MAX_ALERT)

    async def _act(
        self, request: Request, do: Callable[[bytes], str], most: int = _MAX_BODY
    ) -> Response:
        bearer = request.headers.get("authorization", "").lower().startswith("bearer ")
        if not bearer or not self._access.is_authorized(request):
            return _refusal(401, "the token is missing or wrong")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refusal(415, "send JSON")
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > most:
                return _refusal(413, "that is too much")
        try:
            result = await run_in_threadpool(do, body)
        except msgspec.DecodeError as error:
            return _refusal(400, str(error))
        except BmtickError as error:
            return _refusal(409, error.message)
        except OSError as error:
            return _refusal(409, error.strerror or str(error))
        return JSONResponse({"done": result})

    async def check_access(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Check access; add the security headers to every answer."""
        access = self._access
        if access.hosts and _host(request) not in access.hosts:
            reply: Response = _refusal(421, "this server has another name")
        elif access.open or access.is_authorized(request):
            reply = await call_next(request)
        else:
            reply = _refusal(401, "the token is missing or wrong")
            reply.headers["WWW-Authenticate"] = 'Basic realm="bmtick", charset="UTF-8"'
        reply.headers.update(_HEADERS)
        return reply


def _host(request: Request) -> str:
    """Return the requested host without its port."""
    given = request.headers.get("host", "").lower()
    return given.partition("]")[0].lstrip("[") if "]" in given else given.partition(":")[0]


def _html(text: str, request: Request | None = None) -> Response:
    data = text.encode("utf-8", "replace")
    tag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
    if request is not None and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(data, media_type="text/html", headers={"ETag": tag})


def _refusal(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)


def _no_icon(request: Request) -> Response:
    del request
    return Response(status_code=204)


def _static(name: str, kind: str) -> Callable[[Request], Response]:
    data = resources.files("bmtick.web").joinpath(name).read_bytes()

    def answer(request: Request) -> Response:
        del request
        return Response(data, media_type=kind)

    return answer

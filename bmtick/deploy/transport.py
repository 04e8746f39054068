"""The one HTTP client for Kapacitor: small, patient where that is safe, silent about secrets.

Source of facts: influxdata/kapacitor ``client/API.md`` and ``services/task_store/service.go``.
GET and DELETE are repeated after connection errors and 5xx. POST and PATCH are not: a lost answer
says nothing about what the server did, so the caller reads the state and decides.
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests

from bmtick.deploy.answers import PageAnswer, TaskAnswer, TemplateAnswer
from bmtick.deploy.credentials import Credentials
from bmtick.errors import BmtickError

API = "/kapacitor/v1"
PREVIEW = "/kapacitor/v1preview"  # where 1.4 to 1.8 serve their log
PAGE = 100  # Kapacitor's own default limit
_TRIES = 4
_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 3
_MAX_CAUSE = 400  # characters of a server's answer shown in a message


Answer = TypeVar("Answer", bound=msgspec.Struct)
Item = TypeVar("Item", TaskAnswer, TemplateAnswer)


class KapacitorError(BmtickError):
    """A request that failed.

    ``status`` is the HTTP status, 0 where no answer came. ``uncertain`` tells that the server may
    have acted all the same: the answer was lost or is a 5xx.
    """

    def __init__(self, message: str, *, status: int = 0, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status

    @property
    def uncertain(self) -> bool:
        """Whether the state must be read before anything is done again."""
        return self.status == 0 or self.status >= 500


class Transport:
    """Requests to one server under one base path.

    Args:
        url: without credentials; may hold a base path.
        name: the server's name in messages.
        timeout: seconds for the connection, and for each read.
        sleep: waits between tries; tests give their own.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "Kapacitor",
        token_scheme: str = "Bearer",  # noqa: S107 -- a name, no secret
        credentials: Credentials | None = None,
        verify: bool | str = True,
        client_cert: tuple[str, str] | None = None,
        timeout: float = 10.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.name = name
        self.timeout = timeout
        self._sleep = sleep
        self._session = requests.Session()
        # No netrc and no proxy variables: credentials go where the settings say, nowhere else.
        self._session.trust_env = False
        self._session.verify = verify
        self._session.cert = client_cert
        credentials = credentials or Credentials()
        if credentials.token:
            self._session.headers["Authorization"] = f"{token_scheme} {credentials.token}"
        elif credentials.username:
            # requests would encode as Latin-1, and fail on other names.
            pair = f"{credentials.username}:{credentials.password}".encode()
            self._session.headers["Authorization"] = f"Basic {b64encode(pair).decode()}"

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | None = None,
    ) -> requests.Response:
        """Send one request; repeat it where it is idempotent.

        Raises:
            KapacitorError: no answer, a redirect to another host, or a status of 400 and more.
        """
        tries = _TRIES if method in {"GET", "DELETE"} else 1
        for attempt in range(1, tries + 1):
            try:
                reply = self._follow(method, self.url + path, params=params, json=json, data=data)
                return self._checked(method, path, reply)
            except KapacitorError as error:
                if attempt == tries or not error.uncertain:
                    raise
                self._sleep(0.1 * 3 ** (attempt - 1))
        raise AssertionError  # the loop returns or raises

    def _follow(self, method: str, url: str, **arguments: Any) -> requests.Response:
        for _ in range(_MAX_REDIRECTS):
            try:
                reply = self._session.request(
                    method, url, timeout=self.timeout, allow_redirects=False, **arguments
                )
            except requests.RequestException as error:
                raise self._unreachable(error) from None
            if reply.status_code not in _REDIRECTS:
                return reply
            url = self._redirected(method, url, reply)
        raise KapacitorError(f"{self._title}: too many redirects", status=310)

    def _redirected(self, method: str, url: str, reply: requests.Response) -> str:
        target = requests.compat.urljoin(url, reply.headers.get("Location", ""))
        here, there = urlsplit(url), urlsplit(target)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc) or method != "GET":
            shown = f"{there.scheme}://{there.hostname or ''}"
            raise KapacitorError(
                f"{self._title} redirects to {shown}: not followed",
                status=reply.status_code,
                remedy="set the final address as 'url'",
            )
        return target

    @property
    def _title(self) -> str:
        return f"{self.name} at {self.url}"

    def _unreachable(self, error: requests.RequestException) -> KapacitorError:
        if isinstance(error, requests.exceptions.SSLError):
            return KapacitorError(
                f"{self._title}: the TLS certificate is not accepted: {_cause(error)}",
                status=495,
                remedy="set 'ca_file' to the private CA's certificate",
            )
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            return KapacitorError(f"{self._title}: not a valid address", status=400)
        if isinstance(error, requests.exceptions.Timeout):
            return KapacitorError(f"{self._title} did not answer within {self.timeout:g} s")
        return KapacitorError(
            f"cannot reach {self._title}: {_cause(error)}",
            remedy="is it running, and is its 'url' in bmtick.toml right?",
        )

    def _checked(self, method: str, path: str, reply: requests.Response) -> requests.Response:
        if reply.status_code < 400:
            return reply
        cause = _server_says(reply)
        remedy = ""
        if reply.status_code in {401, 403}:
            remedy = "give a user name and password, or a token, by environment or secret_file"
        raise KapacitorError(
            f"{self._title} refused {method} {path}: {reply.status_code} {cause}".rstrip(),
            status=reply.status_code,
            remedy=remedy,
        )

    def open_stream(self, path: str, params: Mapping[str, Any]) -> requests.Response | None:
        """Open an answer that does not end by itself; None where the server has none."""
        try:
            reply = self._session.get(
                self.url + path, params=params, stream=True, timeout=self.timeout,
                allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException:
            return None
        if reply.status_code != 200:
            reply.close()
            return None
        return reply

    def read(self, form: type[Answer], method: str, path: str, **arguments: Any) -> Answer:
        """Send one request and return what it answers, a JSON object of this form.

        Raises:
            KapacitorError: the request fails, or the answer is of another form.
        """
        reply = self.request(method, path, **arguments)
        try:
            return msgspec.json.decode(reply.content, type=form)
        except (ValueError, RecursionError) as error:
            raise KapacitorError(
                f"{self._title} did not answer {method} {path} with the JSON object that it "
                f"should be: {str(error)[:_MAX_CAUSE]}",
                status=reply.status_code,
                remedy="is this the right address?",
            ) from None

    def pages(
        self, path: str, items: Callable[[PageAnswer], list[Item] | None], params: Mapping[str, Any]
    ) -> Iterator[Item]:
        """Yield the items of all pages of a list.

        Lists carry no next link, and a server may hold pages shorter than asked: read on until a
        page brings nothing new.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            query = {**params, "offset": offset, "limit": PAGE}
            page = items(self.read(PageAnswer, "GET", path, params=query)) or []
            new = [item for item in page if item.id not in seen]
            if not new:
                return
            seen.update(item.id for item in new)
            offset += len(page)
            yield from new


def segment(text: str) -> str:
    """Quote an id for a path."""
    return quote(text, safe="")


def _server_says(reply: requests.Response) -> str:
    try:
        answer = msgspec.json.decode(reply.content)
        text = str(answer.get("error") or answer.get("message") or "")
    except (ValueError, AttributeError, RecursionError):
        text = ""
    return text[:_MAX_CAUSE]


def _cause(error: BaseException) -> str:
    """Return the innermost reason: requests wraps it in objects and addresses."""
    inner: Any = error.args[0] if error.args else error
    inner = getattr(inner, "reason", inner)
    text = str(inner)
    text = text.rsplit(">: ", 1)[-1].rsplit(": ", 1)[-1].strip("')\" ")
    return re.sub(r"^\[Errno \d+\] ", "", text)[:_MAX_CAUSE]

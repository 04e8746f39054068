"""The connection to the history, and the requested time span."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bmtick.credentials import Credentials
from bmtick.errors import BmtickError
from bmtick.httpclient import HttpClient, HttpError
from bmtick.net import tls_context

_NOT_FOUND = 404
_MAX_ANSWER = 32 << 20  # bytes of an unchunked answer


@dataclass(frozen=True, slots=True)
class Connection:
    """An InfluxDB and a database on it.

    Args:
        url: without credentials.
        database: of InfluxDB 1.x; the bucket ``database/retention_policy`` of 2.x.
        retention_policy: of InfluxDB 1.x; empty: its default, or a bucket without a slash.
        username: with password, for 1.x.
        password: never shown.
        token: of InfluxDB 2.x; if set, Flux is used.
        org: of InfluxDB 2.x.
        verify: False, True, or the file of a private CA.
        timeout: seconds for an answer; a chunked one may take as long for each 64 KiB.
    """

    url: str
    database: str
    retention_policy: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    org: str = ""
    verify: bool | str = True
    timeout: float = 30.0

    @property
    def bucket(self) -> str:
        """The bucket of InfluxDB 2.x, named as InfluxDB's own upgrade from 1.x does."""
        return f"{self.database}/{self.retention_policy}".rstrip("/")

    def client(self, **options: Any) -> HttpClient:
        """Return an HTTP client for it; options are those of ``HttpClient``."""
        return HttpClient(
            self.url,
            name="InfluxDB",
            credentials=Credentials(self.username, self.password, self.token),
            token_scheme="Token",  # noqa: S106 -- 2.x accepts no other on /query
            context=tls_context(
                self.verify if isinstance(self.verify, str) else "", verify=bool(self.verify)
            ),
            timeout=self.timeout,
            limit=_MAX_ANSWER,
            remedy="is it running, is [influxdb] url right?",
            # do not retry if nothing listens there
            **{"refused_again": False, **options},
        )


class Span(NamedTuple):
    """A time span, nanoseconds since the epoch: from begin, before end."""

    begin: int
    end: int


class HistoryError(BmtickError):
    """InfluxDB did not return what was requested."""


def refusal(connection: Connection, error: HttpError) -> HistoryError:
    """Return a failed request to InfluxDB 2 as an error with its remedy."""
    reason = error.server_message
    if "bucket" in reason and error.status == _NOT_FOUND:
        remedy = (
            f"[influxdb] database and retention_policy name the bucket '{connection.bucket}'; for "
            'one without a slash, set retention_policy = ""; the token must be allowed to read it'
        )
    elif "org" in reason:
        remedy = "set [influxdb] org to the name of the token's organisation"
    elif error.status in (401, 403) and connection.token:
        remedy = "check the token, and what it may do with the bucket"
    else:
        remedy = error.remedy
    return HistoryError(error.message, remedy=remedy)

"""Where the history lies, and which part of it is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from bmtick.errors import BmtickError

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Connection:
    """An InfluxDB and the database there.

    Args:
        url: without credentials.
        database: of InfluxDB 1.x; the bucket ``database/retention_policy`` of 2.x.
        retention_policy: of InfluxDB 1.x; empty: its default one, or a bucket without a slash.
        username: with password, for 1.x.
        password: never shown.
        token: of InfluxDB 2.x; with one, Flux is spoken.
        org: of InfluxDB 2.x.
        verify: False, True, or the file of a private CA.
        timeout: seconds without an answer.
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
        """The bucket of InfluxDB 2.x, by the convention of its own upgrade from 1.x."""
        return f"{self.database}/{self.retention_policy}".rstrip("/")


class Span(NamedTuple):
    """A span of time, nanoseconds since the epoch: from begin on, before end."""

    begin: int
    end: int


class HistoryError(BmtickError):
    """InfluxDB did not give what was asked for."""


def refusal(connection: Connection, error: Exception, what: str) -> HistoryError:
    """Return what InfluxDB 2's client raised as an error with its remedy.

    Args:
        connection: to whom it talked.
        error: has ``status``, and ``message`` or ``reason``.
        what: what did not happen, as the verb of a sentence.
    """
    status = getattr(error, "status", None)
    reason = str(getattr(error, "message", None) or getattr(error, "reason", None) or error)
    if "bucket" in reason and status == _NOT_FOUND:
        remedy = (
            f"[influxdb] database and retention_policy name the bucket '{connection.bucket}'; for "
            'one without a slash, set retention_policy = ""; the token must be allowed to read it'
        )
    elif "org" in reason:
        remedy = "set [influxdb] org to the name of the token's organisation"
    elif status in (401, 403):
        remedy = "check the token, and what it may do with the bucket"
    else:
        remedy = ""
    says = f": {status}" if not what else f" {what}:"
    return HistoryError(f"InfluxDB at {connection.url}{says} {reason}", remedy=remedy)

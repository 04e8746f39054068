"""Where the history lies, and which part of it is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from bmtick.errors import BmtickError


@dataclass(frozen=True, slots=True)
class Connection:
    """An InfluxDB and the database there.

    Args:
        url: without credentials.
        database: of InfluxDB 1.x; the bucket ``database/retention_policy`` of 2.x.
        retention_policy: of InfluxDB 1.x.
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


class Span(NamedTuple):
    """A span of time, nanoseconds since the epoch: from begin on, before end."""

    begin: int
    end: int


class HistoryError(BmtickError):
    """InfluxDB did not give what was asked for."""

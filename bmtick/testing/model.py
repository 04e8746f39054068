"""The format of a case file: its sections and keys as types; see ``README.md`` beside."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

When = Any
"""A duration after the case's begin, or an absolute time."""


class _Part(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Unknown keys are errors."""


class Series(_Part, frozen=True, kw_only=True):
    """Points of one series at a fixed interval."""

    measurement: str
    fields: dict[str, str]
    tags: dict[str, str] = {}
    every: str = "10s"
    start: str = "0s"
    jitter: str = "0s"


class BatchTable(Series, frozen=True, kw_only=True):
    """A batch: part of the result of one query; ``at`` is the end of the query's interval.

    ``query`` is the number of the query in the script, from 1.
    """

    fields: dict[str, str] = {}
    query: int = 1
    at: str = ""


class Expectation(_Part, frozen=True, kw_only=True):
    """One expected event."""

    at: When
    level: Literal["OK", "INFO", "WARNING", "CRITICAL"]
    within: str = "0s"
    id: str | None = None
    message: str | None = None
    message_has: str | None = None
    details_has: str | None = None
    tags: dict[str, str] = {}
    fields: dict[str, Any] = {}


class Silence(_Part, frozen=True, kw_only=True):
    """A time without events."""

    begin: When = "0s"
    end: When | None = None
    id: str | None = None
    level: str | None = None


class Case(_Part, frozen=True, kw_only=True):
    """One case, with its ``file`` and ``name``."""

    name: str = ""
    description: str = ""
    alert: str = ""
    script: str = ""
    set: dict[str, Any] = {}
    vars: str = ""
    settings: str = ""
    begin: datetime | None = None
    end: str = ""
    tags: dict[str, str] = {}
    series: list[Series] = []
    batch: list[BatchTable] = []
    recordings: list[str] = []
    points: list[str] = []
    logs: list[str] = []
    known_clients: list[str] | None = None
    expect: list[Expectation] | None = None
    silence: list[Silence] = []
    others: Literal["fail", "allow"] = "fail"
    snapshot: bool = False
    file: str = ""

"""Whom an alert of Kapacitor's names: what its ``post`` and ``exec`` handlers send, as JSON.

Source: kapacitor ``alert/topics.go`` and ``services/httppost``; the same as bmtick watch sends.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bmtick.guard.who import MEASUREMENTS, Who, from_tags

_CRITICAL = "CRITICAL"
_MAX_REASON = 500


class _Series(msgspec.Struct, frozen=True):
    name: str = ""
    tags: dict[str, str] = {}


class _Data(msgspec.Struct, frozen=True):
    series: list[_Series] = []


class _Alert(msgspec.Struct, frozen=True):
    level: str
    message: str = ""
    data: _Data = _Data()


def read_alert(body: bytes) -> tuple[list[Who], str]:
    """Return whom a critical alert names, and its message; nobody for any other level.

    Only alerts on an account or a machine count: not on a queue, and not that somebody is held.

    Raises:
        ValueError: it is no alert.
    """
    alert = msgspec.json.decode(body, type=_Alert)
    if alert.level != _CRITICAL:
        return [], ""
    named: dict[Who, Any] = {}
    for series in alert.data.series:
        if series.name in MEASUREMENTS.values() and (who := from_tags(series.tags)) is not None:
            named[who] = None
    return list(named), alert.message[:_MAX_REASON]

"""Subjects of a Kapacitor alert, read from the JSON that its ``post`` and ``exec`` handlers send.

Source: kapacitor ``alert/topics.go`` and ``services/httppost``; bmtick watch sends the same.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bmtick.guard.subject import MEASUREMENTS, Subject, from_tags

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


def read_alert(body: bytes) -> tuple[list[Subject], str]:
    """Return the subjects that a critical alert names, and its message; none for other levels.

    Only alerts about accounts and machines count, not those about queues or about holds.

    Raises:
        ValueError: the body is not an alert.
    """
    alert = msgspec.json.decode(body, type=_Alert)
    if alert.level != _CRITICAL:
        return [], ""
    named: dict[Subject, Any] = {}
    for series in alert.data.series:
        if series.name in MEASUREMENTS.values() and (who := from_tags(series.tags)) is not None:
            named[who] = None
    return list(named), alert.message[:_MAX_REASON]

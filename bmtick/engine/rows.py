"""Messages as rows of a result, Kapacitor's format for ``httpOut`` and ``httpPost``.

Source: kapacitor ``edge/messages.go`` (``ToRow``), ``models/result.go``.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.gotime import rfc3339_nano
from bmtick.engine.messages import Batch, Point


def to_row(message: Point | Batch) -> dict[str, Any]:
    """Return ``{"name", "tags", "columns", "values"}`` without empty members."""
    row: dict[str, Any] = {}
    if message.name:
        row["name"] = message.name
    if message.tags:
        row["tags"] = dict(sorted(message.tags.items()))
    if isinstance(message, Point):
        columns = sorted(message.fields)
        row["columns"] = ["time", *columns]
        row["values"] = [[rfc3339_nano(message.time), *[message.fields[c] for c in columns]]]
    elif message.points:
        first = message.points[0]
        extra = [tag for tag in first.tags if tag not in message.tags]
        columns = sorted([*first.fields, *extra])
        row["columns"] = ["time", *columns]
        row["values"] = [
            [rfc3339_nano(p.time), *[p.fields.get(c, p.tags.get(c)) for c in columns]]
            for p in message.points
        ]
    return row

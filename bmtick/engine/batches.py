"""Reads batches from InfluxDB's responses and from Kapacitor's recordings of batch tasks.

Source: kapacitor ``edge/messages.go`` (``ResultToBufferedBatches``, ``bufferedBatchMessage``),
``replay.go``, ``services/replay/service.go``. A recording is a zip archive with one member for each
query; a batch is a JSON object.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bmtick.engine.gotime import parse_rfc3339
from bmtick.engine.messages import NIL_TAGS, Batch, BatchPoint, Fields, Tags
from bmtick.errors import BmtickError, Location

_SPACE = re.compile(r"\s*")
_ZERO_TIME = -62_135_596_800_000_000_000  # Go's zero time


def from_answer(
    series: Iterable[Mapping[str, Any]], *, by_name: bool, stop: int, by_time: bool
) -> list[Batch]:
    """Return the batches of an InfluxDB response: ``name``, ``tags``, ``columns``, ``values``.

    Args:
        series: the series of one statement.
        by_name: whether the query groups by measurement.
        stop: the end of the query's interval; it is the time of the batches ...
        by_time: ... unless the query groups by time; then their time is that of the last point.

    Raises:
        ValueError: the response does not have InfluxDB's format.
    """
    batches = []
    for one in series:
        tags: Tags = dict(one.get("tags") or {}) or NIL_TAGS
        columns = one["columns"]
        points = []
        latest = _ZERO_TIME
        for row in one.get("values") or ():
            fields: Fields = {}
            time = _ZERO_TIME
            for column, value in zip(columns, row, strict=True):
                if column == "time":
                    time = value if isinstance(value, int) else parse_rfc3339(value)
                elif value is not None:
                    fields[column] = _number(value)
            if fields:
                latest = max(latest, time)
                points.append(BatchPoint(fields, tags, time))
        end = latest if by_time and latest != _ZERO_TIME else stop
        batches.append(Batch.of(one["name"], tags, by_name, end, points))
    return batches


def _number(value: object) -> object:
    # JSON does not distinguish integers from floats; Kapacitor treats all numbers as floats.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def read_recording(data: bytes, *, file: str) -> list[list[Batch]]:
    """Return the batches of each query of a recording (``.brpl``); plain JSON is one query.

    Empty batches are dropped. The time of a batch is at least the time of its last point, as in a
    replay by Kapacitor.

    Raises:
        BmtickError: the data is not a recording; with the line.
    """
    if not data.startswith(b"PK"):
        return [list(_batches(data, file))]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [
                list(_batches(archive.read(member), f"{file}: {member.filename}"))
                for member in archive.infolist()
            ]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise BmtickError(f"cannot unpack it: {error}", location=Location(file)) from None


def recording_in(path: Path) -> list[list[Batch]] | None:
    """Return the batches of a file, or None if it contains something else, such as points.

    Raises:
        BmtickError: the file is unreadable or a damaged recording.
    """
    try:
        with path.open("rb") as file:
            head = file.read(2)
            if head == b"\x1f\x8b":
                data = gzip.decompress(head + file.read())
                head = data[:2]
            else:
                data = b"" if head[:1] not in (b"P", b"{") else head + file.read()
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BmtickError(f"cannot read it: {reason}", location=Location(str(path))) from None
    if head == b"PK" or head[:1] == b"{":
        return read_recording(data, file=str(path))
    return None


def _batches(data: bytes, file: str) -> Iterator[Batch]:
    """Yield the batches of one query: consecutive JSON objects, usually one per line."""
    text = data.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder(parse_int=float)
    position = _SPACE.match(text).end()  # type: ignore[union-attr]
    while position < len(text):
        try:
            raw, end = decoder.raw_decode(text, position)
            batch = _recorded(raw)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise BmtickError(
                "this is no batch of a recording",
                location=Location(file, 1 + text.count("\n", 0, position)),
                remedy='a batch is {"name": "cpu", "tags": {...}, "points": '
                '[{"fields": {...}, "time": "2026-01-31T08:00:00Z"}]}',
            ) from None
        if batch.points:
            yield batch
        position = _SPACE.match(text, end).end()  # type: ignore[union-attr]


def _recorded(raw: Mapping[str, Any]) -> Batch:
    tags: Tags = dict(raw.get("tags") or {}) or NIL_TAGS
    points = [
        BatchPoint(
            dict(point.get("fields") or {}),
            dict(point.get("tags") or {}) or tags,
            parse_rfc3339(point["time"]),
        )
        for point in raw.get("points") or ()
    ]
    end = parse_rfc3339(raw["tmax"]) if raw.get("tmax") else _ZERO_TIME
    if points:
        end = max(end, points[-1].time)
    by_name = bool(raw.get("byname"))
    # Kapacitor sets the dimensions of such a batch again, which gives it a separate tag map.
    return Batch.of(str(raw.get("name", "")), dict(tags) if by_name else tags, by_name, end, points)

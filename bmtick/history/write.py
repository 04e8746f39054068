"""Write points to InfluxDB in batches; retry temporary failures.

InfluxDB 2.x, if there is a token, by ``/api/v2/write``; else by ``/write``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from bmtick.history.model import Connection, HistoryError, refusal
from bmtick.httpclient import HttpError
from bmtick.names import QUEUE
from bmtick.points import Point

_BATCH: Final = 5000  # points of one request, as InfluxDB recommends
_TRIES: Final = 5
# With these answers InfluxDB has stored all other points of the batch.
_TOO_OLD: Final = "partial write: points beyond retention policy"
_AGE_CONFLICT: Final = re.compile(
    rf'field type conflict: input field \\*"age\\*" on measurement \\*"{QUEUE}\\*" is type (float|integer)'
)


def write_points(
    connection: Connection,
    points: Iterable[Point],
    *,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Write points; return their number.

    Points that are older than InfluxDB's retention are reported and skipped. The age of a queue is
    written with the type that the database has: integer, if Telegraf 1.26's ``inputs.postfix``
    wrote it, since InfluxDB drops a whole point with a float then (measured on 1.6.7).

    Args:
        connection: the InfluxDB.
        points: any number; they are sent in batches.
        sleep: waits between attempts, longer each time.
        tell: takes one line for the administrator.

    Raises:
        HistoryError: InfluxDB refuses a batch, or stays unreachable.
    """
    writer = _Writer(connection, sleep, tell)
    written = 0
    rest = iter(points)
    while batch := list(islice(rest, _BATCH)):
        writer.write(batch)
        written += len(batch)
    return written


def _of_kind(point: Point, kind: str) -> Point:
    """Return a point with a queue's age converted to that type, truncated as InfluxDB does."""
    age = point.fields.get("age")
    if point.name != QUEUE or not isinstance(age, (int, float)):
        return point
    changed = int(age) if kind == "integer" else float(age)
    return Point(point.name, point.tags, {**point.fields, "age": changed}, point.time)


class _Writer:
    def __init__(
        self, connection: Connection, sleep: Callable[[float], None], tell: Callable[[str], None]
    ) -> None:
        self._connection, self._tell = connection, tell
        self._http = connection.client(tries=_TRIES, sleep=sleep, refused_again=True)

    def write(self, points: list[Point]) -> None:
        try:
            self._send([point.to_line() for point in points])
        except HistoryError as error:
            if _TOO_OLD in error.message:
                self._tell(f"InfluxDB keeps nothing so old, and left points out: {error.message}")
            elif match := _AGE_CONFLICT.search(error.message):
                kind = "integer" if match[1] == "float" else "float"
                self._tell(
                    f"the database has the age of {QUEUE} as {kind}, and gets it so: inputs.postfix "
                    "of Telegraf 1.26 writes integers, as bmtick does with --integer-age"
                )
                self._send([_of_kind(point, kind).to_line() for point in points])
            else:
                raise

    def _send(self, lines: list[str]) -> None:
        connection = self._connection
        if connection.token:
            path = "/api/v2/write"
            params = {"org": connection.org, "bucket": connection.bucket, "precision": "ns"}
        else:
            path = "/write"
            policy = {"rp": connection.retention_policy} if connection.retention_policy else {}
            params = {"db": connection.database, "precision": "ns", **policy}
        data = "\n".join(lines).encode("utf-8", "replace")
        try:
            # a point that is written twice is stored once
            self._http.request("POST", path, params=params, data=data, repeat=True)
        except HttpError as error:
            raise refusal(connection, error) from None

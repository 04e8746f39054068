"""Points into InfluxDB, in batches, patiently: what fails for a moment is sent again.

Through InfluxDB's own client, whose endpoint 1.8 and 2.x have; before 1.8 through ``/write``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

import requests
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from bmtick.history.model import Connection, HistoryError, refusal
from bmtick.names import QUEUE
from bmtick.points import Point

_BATCH: Final = 5000  # points of one request, as InfluxDB advises
_TRIES: Final = 5
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = 401
# InfluxDB stored all other points of the batch with these answers.
_TOO_OLD: Final = "partial write: points beyond retention policy"
_AGE_CONFLICT: Final = re.compile(
    rf'field type conflict: input field \\*"age\\*" on measurement \\*"{QUEUE}\\*" is type (float|integer)'
)
_TEMPORARY: Final = 500  # a status from here on may be over soon; 429 too


def write_points(
    connection: Connection,
    points: Iterable[Point],
    *,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Write points; return how many.

    Points that are older than all that InfluxDB keeps are told and left out. The age of a queue is
    written as the type that the database has of it: where Telegraf 1.26's ``inputs.postfix`` wrote
    it, an integer, beside which a float makes InfluxDB drop the whole point (measured on 1.6.7).

    Args:
        connection: where to.
        points: any number; batches are cut from them.
        sleep: waits between tries, longer each time.
        tell: takes one line for the administrator.

    Raises:
        HistoryError: InfluxDB refuses a batch, or cannot be reached for long.
    """
    writer = _Writer(connection, sleep, tell)
    written = 0
    rest = iter(points)
    while batch := list(islice(rest, _BATCH)):
        writer.write(batch)
        written += len(batch)
    return written


def _of_kind(point: Point, kind: str) -> Point:
    """Return a point whose age, if it is a queue's, is of that type; InfluxDB cuts alike."""
    age = point.fields.get("age")
    if point.name != QUEUE or not isinstance(age, (int, float)):
        return point
    changed = int(age) if kind == "integer" else float(age)
    return Point(point.name, point.tags, {**point.fields, "age": changed}, point.time)


class _Writer:
    def __init__(
        self, connection: Connection, sleep: Callable[[float], None], tell: Callable[[str], None]
    ) -> None:
        self._connection, self._sleep, self._tell = connection, sleep, tell
        self._send = self._by_client

    def write(self, points: list[Point]) -> None:
        try:
            self._patiently([point.to_line() for point in points])
        except HistoryError as error:
            if _TOO_OLD in error.message:
                self._tell(f"InfluxDB keeps nothing so old, and left points out: {error.message}")
            elif match := _AGE_CONFLICT.search(error.message):
                kind = "integer" if match[1] == "float" else "float"
                self._tell(
                    f"the database has the age of {QUEUE} as {kind}, and gets it so: inputs.postfix "
                    "of Telegraf 1.26 writes integers, as bmtick does with --integer-age"
                )
                self._patiently([_of_kind(point, kind).to_line() for point in points])
            else:
                raise

    def _patiently(self, lines: list[str]) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                self._send(lines)
            except HistoryError:
                raise
            except (ApiException, HTTPError, requests.RequestException) as error:
                status = getattr(error, "status", None) or 0
                if self._send == self._by_client and self._is_older(error, status):
                    self._send = self._by_old_endpoint
                    return self._patiently(lines)
                temporary = status == 0 or status >= _TEMPORARY or status == 429
                if attempt == _TRIES or not temporary:
                    raise self._failed(error) from None
                self._sleep(0.2 * 2**attempt)
            else:
                return None
        raise AssertionError  # the loop returns or raises

    def _is_older(self, error: Exception, status: int) -> bool:
        """Whether only ``/write`` may do: before 1.8, or for a user of 2.x as 1.x has them."""
        if status == _UNAUTHORIZED:
            return bool(self._connection.username) and not self._connection.token
        # 2.x has the endpoint, and says in JSON what it has not found
        body = str(getattr(error, "body", "") or "")
        return status == _NOT_FOUND and not body.lstrip().startswith("{")

    def _failed(self, error: Exception) -> HistoryError:
        return refusal(self._connection, error, "did not take the points")

    def _by_client(self, lines: list[str]) -> None:
        there = self._connection
        token = there.token or (f"{there.username}:{there.password}" if there.username else "-")
        with InfluxDBClient(
            url=there.url,
            token=token,
            org=there.org or "-",
            timeout=int(there.timeout * 1000),
            verify_ssl=there.verify is not False,
            ssl_ca_cert=there.verify if isinstance(there.verify, str) else None,
        ) as client:
            api = client.write_api(write_options=SYNCHRONOUS)
            api.write(there.bucket, there.org or "-", lines, write_precision=WritePrecision.NS)

    def _by_old_endpoint(self, lines: list[str]) -> None:
        there = self._connection
        reply = requests.post(
            there.url.rstrip("/") + "/write",
            params={
                "db": there.database,
                "precision": "ns",
                **({"rp": there.retention_policy} if there.retention_policy else {}),
            },
            data="\n".join(lines).encode("utf-8", "replace"),
            auth=(there.username, there.password) if there.username else None,
            verify=there.verify,
            timeout=there.timeout,
        )
        if 400 <= reply.status_code < _TEMPORARY:
            raise HistoryError(
                f"InfluxDB at {there.url} did not take the points: "
                f"{reply.status_code} {reply.text[:300].strip()}"
            )
        reply.raise_for_status()

"""A temporary InfluxDB 1.x on loopback, for queries on the points of a file."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bmtick.errors import BmtickError
from bmtick.history.influxql import influxql_answer
from bmtick.history.model import Connection
from bmtick.history.write import write_points
from bmtick.httpclient import HttpError, fetch
from bmtick.influxql import quote_name
from bmtick.points import Point

_TIMEOUT: Final = 60.0  # seconds until the server answers
_CONFIG: Final = """reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  series-id-set-cache-size = 100
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
[continuous_queries]
  enabled = false
"""


@contextmanager
def temporary_influxdb(program: str = "influxd") -> Iterator[Connection]:
    """Run an empty InfluxDB during the block; stop it and delete its data afterwards.

    Args:
        program: the server's name on PATH, or its path.

    Raises:
        BmtickError: the program does not exist, or does not start.
    """
    found = shutil.which(program)
    if found is None:
        raise BmtickError(
            f"a batch task needs an InfluxDB to run its queries, and {program} is not on PATH",
            remedy="install influxdb 1.x (apt install influxdb), give the batches themselves "
            "(a .brpl recording), or take them from a running server (eval --from 6h)",
        )
    with TemporaryDirectory(prefix="bmtick-influxdb-") as name:
        folder = Path(name)
        http, rpc = _free_ports(2)
        config = folder / "influxdb.conf"
        config.write_text(_CONFIG.format(folder=folder, http=http, rpc=rpc), encoding="utf-8")
        connection = Connection(f"http://127.0.0.1:{http}", "", "")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [found, "-config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        try:
            _wait(process, connection.url, found, folder / "log")
            yield connection
        finally:
            process.kill()  # its data is temporary
            process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _wait(process: subprocess.Popen[bytes], url: str, program: str, log: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if fetch(f"{url}/ping", seconds=2).status == 204:
                return
        except HttpError:
            pass
        time.sleep(0.05)
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise BmtickError(
        f"{program} does not start: {' '.join(last)[:300] or 'it says nothing'}",
        remedy="InfluxDB 1.x is needed; influxd of 2.x takes no such configuration",
    )


def fill(connection: Connection, place: tuple[str, str], points: list[Point]) -> None:
    """Create a database with a retention policy, and write points to it."""
    database, policy = place
    influxql_answer(connection, f"CREATE DATABASE {quote_name(database)}")
    if policy != "autogen":
        influxql_answer(
            connection,
            f"CREATE RETENTION POLICY {quote_name(policy)} ON {quote_name(database)} "
            "DURATION INF REPLICATION 1",
        )
    write_points(replace(connection, database=database, retention_policy=policy), points)

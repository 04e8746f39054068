"""The settings' InfluxDB: where history comes from, and where points go without Telegraf."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from bmtick import settings as settings_module
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import printable
from bmtick.points import parse_lines

if TYPE_CHECKING:
    from bmtick.history import Connection
    from bmtick.settings import Settings


def writer(config: str | None) -> Callable[[bytes], None]:
    """Return what stores line protocol in InfluxDB, with the tags that Telegraf would add."""
    from bmtick.history.write import write_points

    settings = settings_module.load(config)
    where = connection(settings)
    tags = {"host": settings.watch.host or socket.gethostname()}
    if settings.watch.datalocation:
        tags["datalocation"] = settings.watch.datalocation

    said: set[str] = set()

    def tell(text: str) -> None:
        if text not in said:  # once in a process that stays
            said.add(text)
            sys.stderr.write(f"bmtick: {printable(text)}\n")

    def write(data: bytes) -> None:
        points = list(
            parse_lines(data.decode("utf-8").split("\n"))
        )  # names may hold other line ends
        for point in points:
            point.tags = {**tags, **point.tags}
        write_points(where, points, tell=tell)

    return write


def connection(settings: Settings) -> Connection:
    """Return the InfluxDB of the settings, with what is secret from the environment or a file."""
    from bmtick.deploy.credentials import find_credentials, split_url
    from bmtick.history import Connection

    section = settings.influxdb
    url, inline = split_url(section.url)
    found = find_credentials(
        "INFLUXDB", "default", section.username, section.secret_file, os.environ
    )
    known = found if found.username or found.token else inline
    return Connection(
        url,
        section.database,
        section.retention_policy,
        username=known.username,
        password=known.password,
        token=known.token,
        org=section.org,
        verify=(section.ca_file or True) if section.verify else False,
        timeout=parse_duration(section.timeout) / SECOND,
    )

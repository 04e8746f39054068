"""Servers shared by a whole run; each test uses names of its own on them."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from bmtick import languages
from tests.support import servers

os.environ["LC_ALL"] = "C.UTF-8"  # texts are in the language of the machine
os.environ.pop("LANGUAGE", None)
os.environ["TZ"] = "UTC"  # hours and days of alerts are those of the machine
time.tzset()


@pytest.fixture(autouse=True)
def english():
    """One process speaks one language; a test that chose another leaves it to nobody."""
    languages.set_language("en")


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def influx(server_folder):
    """A real InfluxDB (Debian's), or a skip."""
    with servers.influxdb(server_folder / "influxdb") as server:
        yield server


@pytest.fixture(scope="session")
def influx2(server_folder):
    """A real InfluxDB 2.x, or a skip."""
    with servers.influxdb2(server_folder / "influxdb2") as server:
        yield server


@pytest.fixture(scope="session")
def sink():
    """A real SMTP server that keeps the mails."""
    with servers.smtp_sink() as server:
        yield server


@pytest.fixture(scope="session")
def kapacitor(server_folder, influx, sink):
    """A real Kapacitor on ``influx``, mailing to ``sink``, or a skip."""
    with servers.kapacitor(server_folder / "kapacitor", influx, sink) as server:
        yield server


def pytest_terminal_summary(terminalreporter):
    """Print each reason for a skip once: a skipped test checked nothing on this machine."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("skipped")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:5d}  {reason}")

"""Servers shared by a whole run; each test uses names of its own on them."""

import gc
import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bmtick import languages
from bmtick.httpclient import HttpClient
from tests.support import servers

os.environ["LC_ALL"] = "C.UTF-8"  # texts are in the language of the machine
os.environ.pop("LANGUAGE", None)
os.environ["TZ"] = "UTC"  # hours and days of alerts are those of the machine
time.tzset()
# The hundreds of programs that tests start, and the next run, find what was compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A request that fails is tried as often as ever, with a twentieth of the pause; what a test says
# about the pause itself, it says with a ``sleep`` of its own.
HttpClient.__init__.__kwdefaults__["sleep"] = lambda seconds: time.sleep(seconds / 20)

# What waits longest or works longest begins first, so that no worker is the last for long. Cut
# into pieces is what shares nothing within its file.
_FIRST = {
    "thresholds/test_thresholds.py": 1,
    "docs/test_readme.py": 1,
    "deploy/test_faults.py": 4,
    "engine/test_shortcuts.py": 3,
    "guard/test_real_postfix.py": 1,
    "doctor/test_chain.py": 2,
    "test_hostile.py": 1,
    "incident/test_kills.py": 1,
    "guard/test_bad_days.py": 1,
    "incident/test_report.py": 1,
    "test_network.py": 4,
    "fuzz/test_commands.py": 8,
    "watch/test_history.py": 1,
    "testing/test_columns.py": 4,
    "guard/test_command.py": 1,
    "watch/test_command.py": 2,
    "test_ansible.py": 1,
    "doctor/test_remedies.py": 2,
    "incident/test_relays.py": 1,
    "collect/test_kills.py": 1,
    "alerts/test_window_sum.py": 1,
    "fuzz/test_growth.py": 4,
    "incident/test_respond_real.py": 1,
    "outbreak/test_example.py": 1,
    "collect/test_compiled.py": 1,
    "tick/test_properties.py": 1,
}


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


def pytest_xdist_auto_num_workers():
    """Half of the tests' time is waiting, for servers and for time itself."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Give each file, or each piece of one, to one worker: it starts the file's servers once."""
    order = {name: place for place, name in enumerate(_FIRST)}
    folder = Path(__file__).parent
    names = {item.path: item.path.relative_to(folder).as_posix() for item in items}
    items.sort(key=lambda item: order.get(names[item.path], len(order)))
    seen = Counter()
    for item in items:
        name = names[item.path]
        pieces = _FIRST.get(name, 1)
        piece = seen[name] % pieces
        seen[name] += 1
        item.add_marker(pytest.mark.xdist_group(f"{name}-{piece}"))


def pytest_collection_finish():
    """Leave the thousands of tests out of each later search for garbage.

    It comes only after so much that is new, measured by all there is: what tests leave in circles
    would grow to a gigabyte before.
    """
    gc.collect()
    gc.freeze()
    gc.collect()


def pytest_terminal_summary(terminalreporter):
    """Print each reason for a skip once: a skipped test checked nothing on this machine."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("skipped")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:5d}  {reason}")

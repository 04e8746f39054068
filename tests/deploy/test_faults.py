"""A fault at every request of an apply: after the next apply the server is as desired.

Against a Kapacitor in memory at every request in every way; against the real one in a sample, or
all with ``BMTICK_TEST_ALL=1`` (ten minutes).
"""

import copy
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bmtick.deploy.apply import apply_plan
from bmtick.deploy.reconciler import Reconciler
from bmtick.httpclient import HttpClient
from tests.deploy import alerts as fixtures
from tests.deploy.alerts import alert, templated
from tests.support.fake_kapacitor import fake_kapacitor
from tests.support.faults import faulty

OLD = [
    alert("a", 10.0),
    alert("gone"),
    alert("becomes", form="rule"),
    templated("t", "kind", 10.0),
]
NEW = [
    alert("a", 20.0),
    alert("b"),
    templated("becomes", "kind", 5.0, "other"),
    templated("t", "kind", 20.0, "other"),
]
READS = ("lose", "500")
CHANGES = ("drop", "lose", "500", "act500", "400", "hang")
LONG, SHORT = '"100s"', '"500ms"'  # a slow machine is slow where it is not made to fail, too
COMPARED = ("script", "vars", "dbrps", "status", "executing", "error")


class Memory:
    """The server in memory, as tests look at it."""

    def __init__(self, fake):
        self.fake = fake
        self.old: tuple | None = None

    def keep(self, folder: Path) -> None:
        """Keep the old state, and what bmtick keeps of it in ``folder``."""
        self.old = copy.deepcopy((self.fake.tasks, self.fake.templates))
        shutil.copytree(folder, f"{folder}.old")

    def bring_back(self, folder: Path) -> None:
        """Make all as it was kept: faster than to apply it."""
        self.fake.tasks, self.fake.templates = copy.deepcopy(self.old)
        shutil.rmtree(folder)
        shutil.copytree(f"{folder}.old", folder)

    def define(self, name: str, script: str) -> None:
        body = {
            "id": name,
            "script": script,
            "status": "enabled",
            "dbrps": [{"db": "d", "rp": "r"}],
        }
        self.fake.reply("POST", "/kapacitor/v1/tasks", {}, body)

    def tasks(self) -> dict[str, dict]:
        assert all(t["running"] == t["script"] for t in self.fake.tasks.values() if t["executing"])
        return copy.deepcopy(self.fake.tasks)

    def templates(self) -> dict[str, dict]:
        return self.fake.templates


@pytest.fixture(params=["memory", "real"])
def scene(request, make_bmtick):
    """A server in the old state with a foreign task, and a bmtick that reaches it by a proxy."""
    if request.param == "real":
        server = request.getfixturevalue("server")
        define, url = server.kapacitor.define, server.kapacitor.url
        influx_url = request.getfixturevalue("influx").url
    else:
        fake = request.getfixturevalue("memory")
        server, influx_url, url = Memory(fake), "http://127.0.0.1:1", fake.url
        define = server.define
    with faulty(url) as proxy:
        bmtick = make_bmtick(proxy.url, influx_url)
        define("bmtick-mine", alert("zzz").script)
        define("other", alert("zzz").script)
        bmtick.want(*OLD)
        bmtick.apply()
        if isinstance(server, Memory):
            server.keep(bmtick.folder / "state")
        bmtick.want(*NEW)
        yield bmtick, server, proxy


@pytest.fixture
def memory():
    with fake_kapacitor() as fake:
        yield fake


@pytest.fixture
def quick(monkeypatch):
    """Do not wait between tries."""
    for function in (HttpClient.__init__, Reconciler.__init__, apply_plan):
        monkeypatch.setitem(function.__kwdefaults__, "sleep", lambda _seconds: None)


def some(numbers: list[int], step: int) -> list[int]:
    return numbers if os.environ.get("BMTICK_TEST_ALL") else numbers[::step]


def content(server) -> dict:
    tasks = {n: {k: t[k] for k in COMPARED} for n, t in server.tasks().items()}
    return {"tasks": tasks, "templates": {n: t["script"] for n, t in server.templates().items()}}


def reset(bmtick, server, proxy) -> dict:
    """Bring back the old state, without faults."""
    proxy.calm()
    if isinstance(server, Memory):
        server.bring_back(bmtick.folder / "state")
    else:
        bmtick.want(*OLD)
        bmtick.apply()
    bmtick.want(*NEW)
    proxy.requests.clear()
    return content(server)


def wanted_content(bmtick, server) -> dict:
    bmtick.apply()
    return content(server)


def fault_cases(requests: list[str], server) -> list[tuple[int, str]]:
    """Return which request is spoilt how: all, one way for each change, or every third change."""
    cases = []
    for number, request in enumerate(requests, 1):
        reads = request.startswith("GET")
        kinds = READS if reads else CHANGES
        if os.environ.get("BMTICK_TEST_ALL"):
            cases += [(number, kind) for kind in kinds]
        elif (isinstance(server, Memory) and not reads) or number % (8 if reads else 3) == 0:
            cases.append((number, kinds[number % len(kinds)]))
    return cases


def test_every_request_of_an_apply_may_fail(scene, quick):
    """One request is spoilt, in every way: this apply or the next one ends as desired."""
    bmtick, server, proxy = scene
    wanted = wanted_content(bmtick, server)
    requests = list(proxy.requests)
    reset(bmtick, server, proxy)
    bmtick.apply()
    requests = list(proxy.requests)
    assert len(requests) > 30
    for number, kind in fault_cases(requests, server):
        old = reset(bmtick, server, proxy)
        proxy.plan(kind, number)
        settings = bmtick.config.read_text()
        if kind == "hang":
            bmtick.settings(settings.replace(LONG, SHORT))
        result = bmtick.apply(expect=None)
        bmtick.settings(settings)
        proxy.calm()
        case = f"{kind} at {number}: {requests[number - 1]}\n{result.output}"
        if result.exit_code == 0:
            assert content(server) == wanted, case
        elif "all was undone" in result.output:
            assert content(server) == old, case
        if result.exit_code:
            bmtick.apply()
        assert content(server) == wanted, case
        bmtick.run("plan", expect=0)


@pytest.mark.parametrize("kind", ["drop", "act500"])
def test_a_server_that_goes_away_at_any_request(scene, kind, quick):
    """From one request on nothing gets through, undoing neither; the next apply sets it right."""
    bmtick, server, proxy = scene
    wanted = wanted_content(bmtick, server)
    reset(bmtick, server, proxy)
    bmtick.apply()
    requests = list(proxy.requests)
    changing = [n for n, r in enumerate(requests, 1) if not r.startswith("GET")]
    for number in some(changing, 9):
        reset(bmtick, server, proxy)
        proxy.plan(kind, number, last=10**6)
        result = bmtick.apply(expect=None)
        assert result.exit_code in {1, 2}, result.output
        proxy.calm()
        bmtick.apply()
        assert content(server) == wanted, f"{kind} from {number}: {requests[number - 1]}"
        bmtick.run("plan", expect=0)


def test_kill_at_any_request(scene, tmp_path):
    """bmtick is killed (-9) right after the server acted on a request."""
    bmtick, server, proxy = scene
    wanted = wanted_content(bmtick, server)
    reset(bmtick, server, proxy)
    bmtick.apply()
    changing = [n for n, r in enumerate(proxy.requests, 1) if not r.startswith("GET")]
    root = Path(__file__).parents[2]
    for number in some(changing, 5):
        reset(bmtick, server, proxy)
        fixtures.write(bmtick.alerts, NEW)
        command = [sys.executable, "-m", "tests.deploy.alerts", str(bmtick.alerts),
                   "--config", str(bmtick.config), "apply", "--yes"]  # fmt: skip
        proxy.plan("call", number)
        with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as process:
            proxy.call = lambda: os.kill(process.pid, signal.SIGKILL)
            assert process.wait(120) == -signal.SIGKILL
        request = proxy.requests[-1]
        journalled = any((bmtick.folder / "state").rglob("journal.jsonl"))
        proxy.calm()
        bmtick.run("plan", expect=None)
        result = bmtick.apply()
        assert content(server) == wanted, f"killed at {number}: {request}"
        assert ("was interrupted" in result.output) == journalled, request
        bmtick.run("plan", expect=0)

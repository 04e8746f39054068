"""Several Kapacitors, restarts, InfluxDB and mail: what goes on around the API."""

import json
import signal
import subprocess
import threading
import time

import pytest
import requests

from bmtick.deploy.client import connect
from bmtick.deploy.model import TaskDefinition
from bmtick.deploy.preflight import try_on_server
from bmtick.settings import Kapacitor
from tests.deploy.alerts import alert
from tests.deploy.conftest import Server
from tests.support import servers
from tests.support.servers import wait_for


@pytest.fixture
def second(tmp_path, influx, sink):
    """A Kapacitor of its own, for tests that restart it."""
    with servers.kapacitor(tmp_path / "second", influx, sink, subscriptions=False) as found:
        yield found


def restart(kapacitor) -> None:
    """Stop and start kapacitord on its data, as ``bm-cli tick reconfigure`` does."""
    kapacitor.process.send_signal(signal.SIGTERM)
    kapacitor.process.wait(120)
    program = servers.find_program("kapacitord", "KAPACITORD")
    with kapacitor.log.open("ab") as log:
        command = [program, "-config", str(kapacitor.config)]
        kapacitor.process = subprocess.Popen(command, stdout=log, stderr=log)
    wait_for(lambda: kapacitor.get("/tasks") is not None, "kapacitord after its restart")


def test_several_kapacitors_each_on_its_own(make_bmtick, server, second, influx):
    bmtick = make_bmtick(server.kapacitor.url, influx.url)
    both = "".join(
        f'[kapacitor.{name}]\nurl = "{url}"\ntimeout = "2s"\n'
        for name, url in (("one", server.kapacitor.url), ("two", second.url))
    )
    rest = f'[influxdb]\nurl = "{influx.url}"\n[deploy]\nstate_dir = "{bmtick.folder / "s"}"\n'
    both = '[notify]\nrecipients = ["a@example.org"]\n' + both
    bmtick.settings(both + rest)
    bmtick.want(alert("a"))
    assert [s["server"] for s in bmtick.plan()["steps"]] == ["one", "two"]
    bmtick.apply("--server", "one")
    assert [s["action"] for s in bmtick.plan()["steps"]] == ["unchanged", "create"]
    gone = '[kapacitor.gone]\nurl = "http://127.0.0.1:1"\n'
    bmtick.settings(both + gone + rest)
    result = bmtick.apply(expect=2)  # one cannot be reached, the others are done
    assert "cannot reach Kapacitor 'gone'" in result.output
    assert set(Server(second, None).tasks()) == {"bmtick-a"}
    bmtick.settings(both + rest)
    bmtick.run("plan", expect=0)
    bmtick.run("plan", "--server", "thre", expect=2)


def test_a_restart_leaves_alerts_state_and_silences(make_bmtick, second, influx, sink):
    sink.messages.clear()
    bmtick = make_bmtick(second.url, influx.url)
    server = Server(second, sink)
    bmtick.want(alert("a", 10.0), alert("b", 10.0))
    bmtick.apply()
    server.point(50.0)
    bmtick.run("silence", "--alert", "a", "--for", "1h", "--reason", "r")
    restart(second)
    try:
        server.point(50.0, "x")
        server.point(50.0, "y")
        assert server.mails("a") == ["a CRITICAL x"]
        assert server.mails("b") == ["b CRITICAL x", "b CRITICAL y"]
        bmtick.run("plan", expect=0)
        bmtick.run("unsilence", "--all")
        server.point(1.0, "x")
        assert server.mails("a") == ["a CRITICAL x", "a OK x"]
        assert server.mails("b")[2:] == ["b OK x"]
    finally:
        second.process.terminate()
        second.process.wait(120)


def test_mail_comes_through_influxdb_and_its_subscription(bmtick_on_server, server, influx):
    bmtick = bmtick_on_server
    bmtick.want(alert("a", 200.0, measurement="postfix_queue_probe"))
    bmtick.apply()
    wait_for(lambda: influx.query("SHOW SUBSCRIPTIONS"), "the subscription")
    for value in (10.0, 150.0, 250.0):
        influx.write(f"postfix_queue_probe,user=q value={value} {time.time_ns()}")
    wait_for(lambda: server.mails("a"), "the mail")
    assert server.mails("a") == ["a CRITICAL q"]


def test_the_server_refuses_a_script_in_a_throw_away_task(server):
    client = connect("default", Kapacitor(url=server.kapacitor.url), {"x": ""})
    script = "stream|from().measurement('x')|alert().crit(lambda: nonesuch(\"v\"))"
    wrong = TaskDefinition("bmtick-a", script, (("telegraf", "autogen"),))
    # Kapacitor takes an unknown function; an unknown property it refuses.
    worse = TaskDefinition("bmtick-a", script.replace(".crit", ".crid"), wrong.dbrps)
    [found] = try_on_server(client, worse)
    assert "crid" in found.message
    assert server.tasks() == {}


def test_what_is_missing_is_named(make_bmtick, tmp_path, influx):
    with servers.kapacitor(tmp_path / "nosmtp", influx, None, subscriptions=False) as kapacitor:
        bmtick = make_bmtick(kapacitor.url, influx.url)
        wanted = alert("a")
        wanted.dbrps = [{"db": "nodb", "rp": "autogen"}]
        bmtick.want(wanted)
        result = bmtick.apply(expect=1)
        assert "[smtp] is not enabled in kapacitor.conf" in result.output
        assert "no database 'nodb'" in result.output
        assert Server(kapacitor, None).tasks() == {}
        bmtick.apply("--force")
        assert set(Server(kapacitor, None).tasks()) == {"bmtick-a"}
        bmtick.want(alert("a"))
        assert "[smtp] is not enabled" in bmtick.apply().output  # said, no reason to refuse


def test_asked_and_refused(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"))
    bmtick.run("apply", input="n\n", expect=1)
    bmtick.run("apply", input="", expect=1)
    assert server.tasks() == {}
    bmtick.run("apply", input="y\n")
    assert set(server.tasks()) == {"bmtick-a"}


def test_without_a_settings_file_nothing_is_taken_away(bmtick_on_server, server, monkeypatch):
    bmtick_on_server.want(alert("a"))
    bmtick_on_server.apply()
    bmtick_on_server.config.unlink()
    bmtick_on_server.run("apply", "--yes", expect=2)
    assert set(server.tasks()) == {"bmtick-a"}


def test_a_task_that_cannot_start_is_undone(bmtick_on_server, server):
    """What Kapacitor refuses only when the task starts: all that was done is undone."""
    bmtick = bmtick_on_server
    bmtick.want(alert("b"))
    bmtick.apply()
    before = server.tasks()
    broken = alert("z").script.replace(".email('z@example.org')", ".log('relative/path')")
    bmtick.want(alert("a"), alert("b", 5.0), alert("z", script=broken))
    result = bmtick.apply("--force", expect=1)  # the check offline would refuse it
    assert "all was undone" in result.output
    assert {n: t["script"] for n, t in server.tasks().items()} == {
        n: t["script"] for n, t in before.items()
    }
    assert all(t["executing"] for t in server.tasks().values())


def test_the_state_folder_is_private(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"))
    bmtick.apply()
    files = [p for p in (bmtick.folder / "state").rglob("*") if p.is_file()]
    assert files
    assert {oct(p.stat().st_mode & 0o777) for p in files} == {"0o600"}


def test_json_of_plan(bmtick_on_server, server):
    bmtick_on_server.want(alert("a"))
    data = json.loads(bmtick_on_server.run("plan", "--format", "json", expect=1).stdout)
    [step] = data["steps"]
    assert (data["changes"], step["server"], step["id"], step["action"]) == (
        1,
        "default",
        "bmtick-a",
        "create",
    )
    assert requests.get(f"{server.api}/tasks", timeout=5).json() == {"tasks": []}


def test_waiting_for_points(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a", measurement="never"))
    assert "has seen no point within 1 s" in bmtick.apply("--wait", "1s", expect=1).output
    bmtick.want(alert("a", 2.0, measurement="soon"))
    timer = threading.Timer(1.0, lambda: server.point(1.0, measurement="soon"))
    timer.start()
    assert "has seen points" in bmtick.apply("--wait", "10s").output
    timer.join()


def test_fire_tells_what_kapacitor_logs_of_a_handler(make_bmtick, tmp_path, influx):
    closed = servers.Sink(servers.free_port())  # nobody listens there
    with servers.kapacitor(tmp_path / "k", influx, closed, subscriptions=False) as kapacitor:
        bmtick = make_bmtick(kapacitor.url, influx.url)
        bmtick.want(alert("a"))
        bmtick.apply()
        result = bmtick.run("fire", "a", expect=1)
        assert "connection refused" in result.output
        assert set(Server(kapacitor, None).tasks()) == {"bmtick-a"}

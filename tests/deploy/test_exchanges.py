"""What was recorded from the real Kapacitor, replayed: runs where there is no kapacitord."""

import itertools
import secrets
import time
from pathlib import Path

import pytest

import bmtick as package
from bmtick import httpclient
from bmtick.deploy import apply, fire, reconciler, silence
from bmtick.httpclient import HttpClient
from tests.deploy.alerts import alert, templated
from tests.support.exchanges import Exchanges, recording

FOLDER = Path(__file__).parent / "exchanges"


def plan_and_apply(bmtick, _write):
    bmtick.want(alert("a", 10.0), alert("b"))
    bmtick.run("plan", expect=1)
    bmtick.apply()
    bmtick.run("plan", expect=0)
    bmtick.want(alert("a", 20.0))
    bmtick.apply()
    bmtick.run("rollback", "--yes")
    bmtick.run("destroy", "--yes")
    bmtick.run("status")


def templates(bmtick, _write):
    bmtick.want(templated("t", "kind", 10.0), templated("u", "kind", 5.0))
    bmtick.apply()
    bmtick.want(templated("t", "kind", 20.0, "other"), alert("u"))
    bmtick.apply()
    bmtick.run("plan", expect=0)
    bmtick.run("destroy", "--yes")


def watching(bmtick, write):
    bmtick.want(alert("a", 10.0))
    bmtick.apply()
    write("probe,user=x value=50")
    bmtick.run("silence", "--alert", "a", "--where", "user=x", "--for", "1h", "--reason", "move")
    assert "user=x" in bmtick.run("silences").stdout
    assert "CRITICAL" in bmtick.run("status", "--groups").stdout
    bmtick.run("unsilence", "--alert", "a")
    assert "[TEST] a" in bmtick.run("fire", "a").stdout
    bmtick.run("destroy", "--yes")


def refused(bmtick, _write):
    bmtick.want(alert("a", script=alert("a").script.replace(".crit(", ".nonesuch(")))
    assert "nonesuch" in bmtick.apply(expect=1).output


@pytest.fixture
def steady(monkeypatch):
    """Take chance and the clock out of the requests."""

    def hold(meta: dict) -> None:
        now = meta.setdefault("now", time.time_ns())
        counter = itertools.count(1)
        monkeypatch.setattr(time, "time_ns", lambda: now)
        monkeypatch.setattr(time, "strftime", lambda _format: "2026-01-01 00:00:00")
        monkeypatch.setattr(secrets, "token_hex", lambda size: f"{next(counter):0{2 * size}x}")
        monkeypatch.setattr("getpass.getuser", lambda: "root")
        monkeypatch.setattr(package, "__version__", "recorded")

    return hold


def intercept(monkeypatch, exchanges) -> None:
    def exchange(client, method, url, data, headers, limits):
        return exchanges.exchange(client, method, url, data, headers, limits)

    monkeypatch.setattr(HttpClient, "exchange", exchange)


@pytest.mark.parametrize("story", [plan_and_apply, templates, watching, refused])
def test_recorded(story, make_bmtick, steady, monkeypatch, request):
    url, influx_url, write = "http://127.0.0.1:9092", "http://127.0.0.1:8086", lambda _line: None
    if recording():
        server = request.getfixturevalue("server")
        url = server.kapacitor.url
        influx_url = request.getfixturevalue("influx").url
        write = server.kapacitor.write
    else:
        for module in (reconciler, fire, silence, httpclient):
            monkeypatch.setattr(module.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(apply, "_MAX_PARALLEL", 1)  # one certain order
    exchanges = Exchanges(FOLDER / f"{story.__name__}.json")
    steady(exchanges.meta)
    intercept(monkeypatch, exchanges)
    story(make_bmtick(url, influx_url), write)
    monkeypatch.undo()
    exchanges.close()


def test_a_changed_request_fails_loudly(make_bmtick, steady, monkeypatch):
    if recording():
        pytest.skip("nothing to replay while recording")
    monkeypatch.setattr(apply, "_MAX_PARALLEL", 1)
    exchanges = Exchanges(FOLDER / "plan_and_apply.json")
    steady(exchanges.meta)
    intercept(monkeypatch, exchanges)
    bmtick = make_bmtick("http://127.0.0.1:9092", "http://127.0.0.1:8086")
    bmtick.want(alert("a", 99.0), alert("b"))
    with pytest.raises(pytest.fail.Exception, match="changed"):
        bmtick.apply()

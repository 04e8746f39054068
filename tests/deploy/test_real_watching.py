"""Silence, fire and status against the real Kapacitor, with real mails."""

import json
import time

import pytest
import requests

from tests.deploy.alerts import alert, templated
from tests.support.servers import wait_for


@pytest.fixture
def deployed(bmtick_on_server):
    bmtick_on_server.want(alert("a", 10.0), alert("b", 10.0))
    bmtick_on_server.apply()
    return bmtick_on_server


def silences(bmtick) -> list[dict]:
    return json.loads(bmtick.run("silences", "--format", "json").stdout)


def test_a_silence_mutes_one_user_of_one_alert_and_ends_by_itself(deployed, server):
    deployed.run("silence", "--alert", "a", "--where", "user=x", "--for", "4s", "--reason", "move")
    end = time.monotonic() + 4
    server.point(50.0, "x")
    server.point(50.0, "y")
    assert server.mails("a") == ["a CRITICAL y"]
    assert sorted(server.mails("b")) == ["b CRITICAL x", "b CRITICAL y"]
    deployed.run("plan", expect=0)
    deployed.apply()
    deployed.want(alert("a", 11.0), alert("b", 10.0))
    deployed.apply()  # a new definition of the muted alert
    [one] = silences(deployed)
    assert (one["alert"], one["where"], one["active"], one["reason"]) == (
        "a",
        {"user": "x"},
        True,
        "move",
    )
    server.point(50.0, "x")
    assert server.mails("a") == ["a CRITICAL y"]
    time.sleep(max(0, end - time.monotonic()) + 0.6)
    server.point(1.0, "x")
    server.point(50.0, "x")
    assert server.mails("a")[1:] == ["a OK x", "a CRITICAL x"]
    assert silences(deployed) == []


def test_muted_alerts_are_not_stopped(deployed, server):
    before = server.task("bmtick-a")
    deployed.run("silence", "--for", "1h", "--reason", "maintenance")
    after = server.task("bmtick-a")
    assert (after["modified"], after["executing"]) == (before["modified"], True)
    server.point(50.0)
    assert server.mails("a") + server.mails("b") == []
    deployed.run("unsilence", "--all")
    server.point(1.0)
    assert sorted(server.mails("a") + server.mails("b")) == ["a OK x", "b OK x"]
    assert set(server.tasks()) == {"bmtick-a", "bmtick-b"}


def test_a_silence_of_all_covers_alerts_that_come_later(deployed, server):
    deployed.run("silence", "--for", "1h", "--reason", "maintenance")
    deployed.want(alert("a", 10.0), alert("later", 10.0))
    deployed.apply()
    assert [s["alert"] for s in silences(deployed)] == ["*"]
    server.point(50.0)
    assert server.mails("a") + server.mails("later") == []
    deployed.run("plan", expect=0)


def test_hostile_words_in_a_silence(deployed, server):
    user = "x'; DROP \\ {{ .Level }} \""
    deployed.run(
        "silence", "--alert", "a", "--where", f"user={user}", "--for", "1h", "--reason", "'\\\n{{"
    )
    [one] = silences(deployed)
    assert one["where"] == {"user": user}
    deployed.run("unsilence", one["id"])
    assert silences(deployed) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--alert", "nonesuch", "--for", "1h"), "no alert 'nonesuch'"),
        (("--alert", "a", "--where", "host=x", "--for", "1h"), "does not tell host apart"),
        (("--alert", "a", "--where", "user", "--for", "1h"), "not TAG=VALUE"),
        (("--alert", "a", "--for", "soon"), "is not a duration"),
    ],
)
def test_silences_that_would_mute_nothing_are_refused(deployed, server, arguments, message):
    result = deployed.run("silence", *arguments, "--reason", "r", expect=2)
    assert message in result.output
    assert set(server.tasks()) == {"bmtick-a", "bmtick-b"}


def test_destroy_takes_silences_along(deployed, server):
    deployed.run("silence", "--for", "1h", "--reason", "r")
    deployed.run("destroy", "--yes")
    assert server.tasks() == {}


@pytest.mark.parametrize("make", [alert, lambda name, crit: templated(name, "kind", crit)])
def test_fire_mails_once_and_changes_nothing(bmtick_on_server, server, influx, make):
    bmtick = bmtick_on_server
    bmtick.want(make("a", 10.0))
    bmtick.apply()
    server.point(50.0)
    assert len(server.mails("a")) == 1
    tasks, topics = server.tasks(), server.kapacitor.get("/alerts/topics")["topics"]
    events = requests.get(f"{server.api}/alerts/topics/bmtick-a/events", timeout=120).json()
    bmtick.run("fire", "a")
    assert server.mails("a")[1:] == ["[TEST] a: this is a test of the alert, nothing is wrong"]
    assert server.tasks() == tasks
    assert server.kapacitor.get("/alerts/topics")["topics"] == topics
    assert requests.get(f"{server.api}/alerts/topics/bmtick-a/events", timeout=120).json() == events
    databases = influx.query("SHOW DATABASES")[0]["values"]
    assert ["bmtick"] not in databases
    server.point(50.0)
    server.point(1.0)
    assert len(server.mails("a")) == 3  # the OK of the alert itself


def test_fire_of_what_is_not_there(deployed):
    deployed.run("fire", "nonesuch", expect=2)


def test_status_tells_level_points_and_errors(deployed, server):
    server.point(50.0, "x")
    server.point(5.0, "y")

    def row(name):
        rows = json.loads(deployed.run("status", "--format", "json", expect=None).stdout)
        return next(r for r in rows if r["name"] == name)

    wait_for(lambda: row("a")["level"] == "CRITICAL", "the event")
    a = row("a")
    assert (a["state"], a["points"], a["node_errors"]) == ("running", 2, 0)
    assert [(e["id"], e["level"]) for e in a["events"]] == [("a_x", "CRITICAL")]
    assert "CRITICAL" in deployed.run("status", "--groups").stdout
    server.patch("bmtick-b", status="disabled")
    deployed.run("status", expect=1)
    assert row("b")["state"] == "disabled"


def test_a_script_with_two_alert_nodes(bmtick_on_server, server):
    bmtick = bmtick_on_server
    first = alert("a", 10.0).script
    plain = "\n".join(
        line for line in first.splitlines() if not line.strip().startswith((".topic", ".category"))
    )
    second = plain.replace("stream", "data", 1).replace("> 10.0", "> 20.0").replace("a_{{", "a2_{{")
    second = second.replace("    |from()\n        .measurement('probe')\n", "")
    script = "var data = stream\n    |from()\n        .measurement('probe')\n\n" + "\n\n".join(
        ("data" + part.partition("stream" if n == 0 else "data")[2].replace(
            "    |from()\n        .measurement('probe')\n", ""))
        for n, part in enumerate((plain, second))
    )  # fmt: skip
    bmtick.want(alert("a", script=script + "\n"))
    bmtick.apply()
    server.point(50.0)
    assert len(server.mails("a")) == 2
    bmtick.run("silence", "--alert", "a", "--for", "1h", "--reason", "r")
    server.point(1.0)
    assert len(server.mails("a")) == 2
    bmtick.run("fire", "a")
    assert len(server.mails("a")) == 4
    bmtick.run("destroy", "--yes")
    assert server.kapacitor.get("/alerts/topics")["topics"] == []

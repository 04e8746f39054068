"""The whole catalogue on the real Kapacitor: what is sent is what is read back, in every form."""

import itertools
import json
import time

import pytest

import bmtick.alerts
from tests.support.servers import wait_for

ALL = [*bmtick.alerts.catalogue()]


@pytest.fixture
def configured(make_bmtick, server, influx, monkeypatch):
    real = bmtick.alerts.render.__globals__["desired"]
    made = make_bmtick(server.kapacitor.url, influx.url)
    monkeypatch.setattr(bmtick.alerts, "desired", real)
    text = made.config.read_text()
    text += "".join(f"[alerts.{name}]\n" for name in ALL)
    made.settings(text + '[alerts.edge]\nuse = "postfix_queue"\ncrit = 3\n')
    return made


@pytest.mark.parametrize("form", ["script", "template"])
def test_all_alerts_run_and_a_second_apply_does_nothing(configured, server, form):
    configured.run("apply", "--yes", "--as", form)
    tasks = server.tasks()
    assert set(tasks) == {f"bmtick-{name}" for name in [*ALL, "edge"]}
    assert all(t["executing"] and not t["error"] for t in tasks.values())
    steps = json.loads(configured.run("plan", "--as", form, "--format", "json").stdout)["steps"]
    assert {s["action"] for s in steps} == {"unchanged"}
    configured.run("plan", "--as", "template" if form == "script" else "script", expect=1)
    if form == "template":
        assert set(server.templates()) == set(tasks)


CONSOLE = "SELECT time, alertID, alertName, datalocation, host, level, message FROM alerts"


def test_from_a_rising_queue_to_mail_and_back(configured, server, influx, sink):
    """The whole path: points through InfluxDB's write API, mail, console, an edit while it stands."""
    bmtick = configured
    text = bmtick.config.read_text().split("[alerts.")[0]
    bmtick.settings(text + "[alerts.postfix_queue]\ncrit = 200\n")
    bmtick.run("apply", "--yes")
    wait_for(lambda: influx.query("SHOW SUBSCRIPTIONS"), "the subscription")
    stamp = itertools.count(time.time_ns() // 10**10 * 10**10, 10**10)

    def queue(length):
        tags = "postfix_queue,host=10.0.0.5,datalocation=bm-master,queue="
        now = next(stamp)
        influx.write([f"{tags}{q} length={n}i,size=9i {now}" for q, n in
                      (("active", length), ("deferred", 1), ("hold", 0))])  # fmt: skip
        time.sleep(2.6)  # a gather counts when nothing came for two seconds

    def subjects():
        return [m["subject"] for m in sink.messages if m["to"] == "a@example.org"]

    for length in (10, 100, 500, 510):
        queue(length)
    wait_for(lambda: len(subjects()) == 1, "the mail")
    assert subjects()[0].startswith("[CRITICAL] 10.0.0.5: 501 messages")
    rows = influx.query(CONSOLE, "chronograf")[0]
    last = dict(zip(rows["columns"], rows["values"][-1], strict=True))
    assert (last["alertID"], last["level"]) == ("postfix_queue_bm-master", "CRITICAL")
    [status] = json.loads(bmtick.run("status", "--format", "json").stdout)
    assert (status["level"], status["state"]) == ("CRITICAL", "running")
    bmtick.settings(text + '[alerts.postfix_queue]\ncrit = 300\nactive_hours = ["00:00-24:00"]\n')
    bmtick.run("apply", "--yes")  # with one more node before the alert
    queue(520)
    queue(530)
    assert len(subjects()) == 1
    queue(5)
    queue(5)
    wait_for(lambda: len(subjects()) == 2, "the recovery")
    assert subjects()[1].startswith("[OK] 10.0.0.5: the Postfix queue is down to 6 messages")
    bmtick.run("silence", "--alert", "postfix_queue", "--where", "host=10.0.0.5", "--for", "1h",
               "--reason", "a newsletter")  # fmt: skip
    queue(700)
    queue(710)
    assert len(subjects()) == 2
    [status] = json.loads(bmtick.run("status", "--format", "json").stdout)
    assert (status["level"], len(status["silenced"])) == ("CRITICAL", 1)
    bmtick.run("unsilence", "--all")
    bmtick.run("fire", "postfix_queue")
    wait_for(lambda: len(subjects()) == 3, "the test mail")
    bmtick.run("destroy", "--yes")
    assert server.tasks() == {}

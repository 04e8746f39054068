"""The whole catalogue on the real Kapacitor: what is sent is what is read back, in every form."""

import json

import pytest

import bmtick.alerts

ALL = [*bmtick.alerts.catalogue()]


@pytest.fixture
def configured(make_bmtick, server, influx, monkeypatch):
    real = bmtick.alerts.render.__globals__["desired"]
    made = make_bmtick(server.kapacitor.url, influx.url)
    monkeypatch.setattr(bmtick.alerts, "desired", real)
    text = made.config.read_text() + '[notify]\nrecipients = ["a@example.org"]\n'
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

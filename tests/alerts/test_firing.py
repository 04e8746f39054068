"""When each alert fires: recorded from a real Kapacitor, repeated there and in the engine."""

import json
import os
from pathlib import Path

import pytest

from bmtick.alerts import catalogue, find, render
from tests.alerts import in_engine, on_kapacitor
from tests.alerts.firing import cases
from tests.support import servers

CASES = {case.name: case for case in cases()}


def test_every_alert_has_a_case_that_fires():
    # those that ask InfluxDB: test_batch.py
    stream = {name for name, alert in catalogue().items() if not alert.batch}
    assert {case.alert for case in CASES.values() if case.expected} == stream


@pytest.mark.parametrize("form", ["script", "template"])
@pytest.mark.parametrize("name", CASES)
def test_engine_says_what_kapacitor_said(name, form):
    case = CASES[name]
    assert sorted(in_engine.run(case, form)) == sorted(case.expected), case.what


FORMS = ("script", "template")


@pytest.fixture(scope="module")
def on_server(kapacitor, tmp_path_factory):
    """What the real server says to all cases, all at once, in both forms."""
    folder = tmp_path_factory.mktemp("events")
    return on_kapacitor.run_all(kapacitor, list(CASES.values()), FORMS, folder)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_kapacitor_says_what_was_recorded(on_server, name, form):
    case = CASES[name]
    assert sorted(on_server[name, form]) == sorted(case.expected), case.what


def test_other_versions_say_the_same(influx, tmp_path, monkeypatch):
    """BlueMind ships 1.6.5; from 1.6 on a join passes on what a barrier deletes."""
    programs = [p for p in os.environ.get("KAPACITORDS", "").split(":") if p]
    if not programs:
        pytest.skip("no other kapacitord (name them in $KAPACITORDS, with colons between)")
    for number, program in enumerate(programs):
        monkeypatch.setenv("KAPACITORD", program)
        folder = Path(tmp_path / str(number))
        with servers.kapacitor(folder, influx, subscriptions=False) as server:
            found = on_kapacitor.run_all(server, list(CASES.values()), FORMS, folder)
        wrong = {n: e for n, e in found.items() if sorted(e) != sorted(CASES[n[0]].expected)}
        assert not wrong, program


def test_vars_override_the_default_of_a_template(kapacitor, tmp_path):
    """The window has a default in a template; the vars of a task still decide."""
    rendered = render(
        find("sender_recipients"), {"recipients": [], "log": str(tmp_path / "x")}, form="template"
    )
    rendered.variables["window"]["value"] = "10s"
    on_kapacitor.define(kapacitor, "override", rendered)
    user = "postfix_sender,host=edge1,user=anna"
    kapacitor.write([f"{user} recipients=150i 0", f"{user} recipients=150i 30000000000"])
    kapacitor.write(f"{user} recipients=50i 35000000000")
    servers.wait_for((tmp_path / "x").exists, "the alert")
    kapacitor.delete("override")
    (event,) = map(json.loads, (tmp_path / "x").read_text().splitlines())
    assert (
        event["message"]
        == "[CRITICAL] edge1: anna wrote to 200 recipients within 10s (threshold 200)"
    )

"""One set of facts weighed as the script would weigh a point."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmtick.alerts import catalogue, render
from bmtick.alerts.model import Rendered
from bmtick.alerts.weighing import Scales
from bmtick.engine import load_task
from bmtick.names import SENDER
from bmtick.points import Point, Value
from bmtick.settings import Settings

SCRIPT = """
var whereFilter = lambda: "user" != 'news@example.org'
var data = stream
    |from()
        .measurement('postfix_sender')
        .groupBy('host', 'user')
        .where(whereFilter)
    |barrier()
        .idle(70m)
        .delete(TRUE)
    |eval(lambda: 100.0 * float("hour_recipients") / 40.0 + if("days" > 0, 0.0, 10.0))
        .as('weight')
        .keep()
    |eval(lambda: int("weight"), lambda: 100)
        .as('value', 'crit')
        .keep()
    |alert()
        .crit(lambda: "value" >= "crit")
        .id('{{ index .Tags "user" }}')
"""


def rendered(script: str) -> Rendered:
    return replace(render(catalogue()["sender_outbreak"], {}), script=script, name="mine")


def scales(script: str = SCRIPT) -> Scales:
    return Scales(Settings(), [rendered(script)])


@pytest.mark.parametrize("recipients", [1, 35, 36, 40, 400])
def test_weighs_as_the_script_does(recipients: int) -> None:
    facts = {"user": "anna@example.org", "hour_recipients": recipients, "days": 0}
    (weight,) = scales().weigh(SENDER, facts)
    task = load_task(SCRIPT, file="mine.tick", name="mine")
    fields: dict[str, Value] = {"hour_recipients": recipients, "days": 0}
    task.feed(Point(SENDER, {"user": "anna@example.org"}, fields, 10**18), "", "")
    events = task.take_events()
    assert weight.critical == bool(events)
    assert (weight.alert, weight.threshold) == ("mine", 100)
    assert weight.value == 100 * recipients // 40 + 10
    if events:
        assert events[0].fields["value"] == weight.value


def test_a_missing_fact_is_zero() -> None:
    (weight,) = scales().weigh(SENDER, {"user": "anna@example.org"})
    assert (weight.value, weight.critical) == (10, False)


def test_who_is_left_out_is_not_weighed() -> None:
    assert not scales().weigh(SENDER, {"user": "news@example.org", "hour_recipients": 4000})
    assert not scales().weigh("postfix_client", {"client": "192.0.2.1"})


def test_an_alert_with_a_memory_is_no_scale() -> None:
    windowed = SCRIPT.replace("|barrier()", "|window()\n.period(1h)\n.every(0s)\n|barrier()")
    windowed = windowed.replace(
        "        .idle(70m)\n        .delete(TRUE)\n", "        .idle(70m)\n"
    )
    assert not scales(windowed).weigh(SENDER, {"user": "anna@example.org"})


def test_settings_without_alerts_weigh_with_the_recommended() -> None:
    every = {name for name, alert in catalogue().items() if alert.recommended}
    assert Scales.recommended(Settings()).names <= every


def test_what_adds_up_all_hosts_weighs_one_host_all_the_same():
    """The guard and the answers know one host only; an alert for all must not fall silent there."""
    settings = Settings(alerts={"sender_outbreak": {"together": True}})
    (weight,) = Scales(settings).weigh(
        SENDER, {"user": "anna", "messages": 9, "hour_recipients": 60, "hour_refused": 40}
    )
    assert weight.critical

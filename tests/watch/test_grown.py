"""Mails about an incident of several alerts, as they are read; states of earlier versions."""

from dataclasses import replace

import pytest

from bmtick.durations import MINUTE, SECOND
from bmtick.engine import Handler
from bmtick.languages import set_language
from bmtick.watch.outbox import Outbox
from tests.watch.test_gather import BEGIN, event

MAIL = Handler("email", ["admin@example.org"], {})
SLACK = Handler("channel:slack", [], {})
POST = Handler("post", ["http://127.0.0.1/"], {})


@pytest.fixture(autouse=True)
def english():
    yield
    set_language("en")


def outbox_of(*events, handlers=(MAIL,)):
    outbox = Outbox(100, 3600.0, print)
    for one in events:
        outbox.advance(one.time, 0.0)
        outbox.put(replace(one, handlers=list(handlers)), 0.0)
    return outbox


STORY = [
    event("outbreak", 0, user="paul"),
    event("queue", 1),
    event("queue", 40, "OK"),
    event("outbreak", 60, "OK", user="paul"),
]


def test_the_all_clear_sums_up():
    waiting = outbox_of(*STORY).waiting
    assert [d.event["message"] for d in waiting] == [
        "CRITICAL outbreak paul",
        "CRITICAL queue ",
        "[OK] mail: the incident of paul is over after 1 h",
    ]
    first, update, end = (d.event["details"] for d in waiting)
    assert first == "outbreak paul"
    assert update.startswith("queue <h3>The incident so far</h3>")
    assert update.count("<tr>") == end.count("<tr>") == 3
    assert "now" in update
    assert "now" not in end
    assert [d.thread for d in waiting] == ["", waiting[0].key, waiting[0].key]


def test_in_the_language_of_the_settings():
    set_language("de")
    assert outbox_of(*STORY).waiting[-1].event["message"] == (
        "[OK] mail: der Vorfall um paul ist nach 1 h vorbei"
    )


def test_names_of_a_log_are_text():
    events = [event("outbreak", 0, user="<b>"), event("queue", 1)]
    details = outbox_of(*events).waiting[-1].event["details"]
    assert "CRITICAL outbreak &lt;b&gt;" in details


def test_what_waited_is_told_with_what_else_came():
    outbox = outbox_of(STORY[0], event("queue", 0.1), event("refused", 0.2))
    assert len(outbox) == 1
    assert outbox.advance(BEGIN + MINUTE, 0.0)
    assert not outbox.advance(BEGIN + MINUTE, 0.0)
    update = outbox.waiting[-1]
    assert update.event["message"] == "CRITICAL refused , and 1 more alert"
    assert (update.args, update.thread) == ([*MAIL.args], outbox.waiting[0].key)


def test_programs_get_each_event_and_people_incidents():
    kinds = [d.kind for d in outbox_of(*STORY, handlers=[MAIL, SLACK, POST]).waiting]
    assert (kinds.count("email"), kinds.count("channel:slack"), kinds.count("post")) == (3, 3, 4)


def test_others_who_are_told_of_one_alert_only_have_their_own_first_mail():
    outbox = outbox_of(STORY[0])
    other = Handler("email", ["postmaster@example.org"], {})
    outbox.put(replace(STORY[1], time=BEGIN + SECOND, handlers=[MAIL, other]), 0.0)
    assert [d.args[0] for d in outbox.waiting] == ["admin@example.org", "postmaster@example.org"]
    assert outbox.waiting[1].thread == ""


def test_what_cannot_be_delivered_grows_until_it_can():
    outbox = outbox_of(STORY[0])
    outbox.failed(outbox.waiting[0], "down", 0.0)
    for one in STORY[1:2]:
        outbox.put(replace(one, handlers=[MAIL]), 0.0)
    (delivery,) = outbox.waiting
    assert delivery.attempts == 1  # it waits as long as before
    assert delivery.event["details"].startswith("queue ")
    assert delivery.event["details"].endswith("<hr>outbreak paul")
    outbox.under_way.add(id(delivery))  # perhaps it is delivered just now: it stays as it is
    for one in STORY[2:]:
        outbox.put(replace(one, handlers=[MAIL]), 0.0)
    assert [d.event["level"] for d in outbox.waiting] == ["CRITICAL", "OK"]


def test_an_incident_of_an_earlier_version_goes_on():
    outbox = Outbox(100, 3600.0, print)
    outbox.inherit(
        {"outbreak paul": ["first", "paul"], "gone": ["first", "paul"]},
        {"outbreak": {"last": {"outbreak paul": ["CRITICAL", BEGIN, "m"]}}},
    )
    again = Outbox(100, 3600.0, print)
    again.restore_incidents(outbox.dump_incidents(), {"outbreak"})
    again.put(replace(STORY[3], handlers=[MAIL]), 0.0)
    assert again.waiting[0].thread == "first"


def test_what_people_know_outlives_a_restart():
    outbox = outbox_of(*STORY[:2])
    again = Outbox(100, 3600.0, print)
    again.restore_incidents(outbox.dump_incidents(), {"outbreak", "queue"})
    for one in STORY[2:]:
        again.put(replace(one, handlers=[MAIL]), 0.0)
    (end,) = again.waiting
    assert end.thread == outbox.waiting[0].key
    assert "the incident of paul is over" in end.event["message"]

"""Deliveries that fail: how long each waits, and when it is given up."""

from bmtick.engine.events import AlertEvent
from bmtick.watch.outbox import Outbox
from tests.watch.support import SECOND, USUAL, Script
from tests.watch.test_tasks import tasks


def event() -> AlertEvent:
    alerts = tasks(USUAL)
    (found,) = alerts.feed(Script([300]).points) + alerts.advance(1_767_600_010 * SECOND)
    return found


def test_each_wait_is_twice_as_long_as_the_one_before_up_to_an_hour():
    outbox = Outbox(10, 1e9, lambda _: None)
    outbox.put(event(), 1000.0)
    (delivery,) = outbox.waiting
    waits = []
    for _ in range(10):
        outbox.failed(delivery, "refused", 5000.0)
        waits.append(delivery.due - 5000.0)
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_what_is_older_than_it_may_be_is_given_up_and_told():
    told: list[str] = []
    outbox = Outbox(10, 600.0, told.append)
    outbox.put(event(), 1000.0)
    (delivery,) = outbox.waiting
    outbox.failed(delivery, "refused", 1600.0)
    assert (len(outbox), told) == (1, [])
    outbox.failed(delivery, "refused", 1600.5)
    assert len(outbox) == 0
    assert "is given up: refused" in told[0]

"""The board: hours and days go by, totals are exact, memory is bounded."""

import pytest

from bmtick.live import board as module
from bmtick.live.board import FORWARD, GUESSER, MACHINE, SLOT, USER, Board
from bmtick.points import Point

NOW = 1_800_000_000


def sender(user, time, **fields):
    return Point("postfix_sender", {"user": user, "host": "mx"}, fields, time * 10**9)


def event(level, time, key="spam_mx", **tags):
    moment = {0: "2027-01-15T08:00:00Z", 60: "2027-01-15T08:01:00Z", 120: "2027-01-15T08:02:00Z"}
    return {
        "alert": "sender_outbreak",
        "id": key,
        "time": moment[time],
        "level": level,
        "message": f"[{level}] spam",
        "tags": tags,
    }


@pytest.fixture
def board():
    return Board("mx")


def test_an_hour_slides_and_what_is_silent_is_forgotten(board):
    board.feed([sender("a", NOW - 3000, messages=1, recipients=10, usual=7)])
    board.feed([sender("a", NOW, messages=2, recipients=30, usual=9, clients=3)])
    (entity,) = board.snapshot(NOW).of(USER)
    assert entity.facts == {"messages": 3, "recipients": 40, "usual": 9, "clients": 3}
    assert entity.last == NOW
    (entity,) = board.snapshot(NOW + 1200).of(USER)
    assert entity.facts["recipients"] == 30
    assert board.snapshot(NOW + 4000).entities == ()
    assert board.snapshot(NOW + 4000).totals["recipients.user"] == 40


def test_a_point_of_nothing_keeps_nobody_and_other_is_no_user(board):
    board.feed([sender("a", NOW, messages=0, hour_recipients=50)])
    board.feed([sender("_other", NOW, messages=5)])
    assert board.snapshot(NOW).entities == ()
    assert board.snapshot(NOW).totals["messages.user"] == 5


def test_each_measurement_has_its_kind(board):
    time = NOW * 10**9
    board.feed(
        [
            Point(
                "postfix_client", {"client": "192.0.2.1", "known": "false"}, {"relayed": 3}, time
            ),
            Point("postfix_forward", {"forwarder": "x@y"}, {"relayed": 4}, time),
            Point("postfix_auth", {"client": "192.0.2.9"}, {"failures": 5, "users": 2}, time),
            Point("postfix_delivery", {"status": "bounced"}, {"count": 6, "blocked": 4}, time),
            Point("postfix_delivery", {"status": "deferred"}, {"count": 9, "blocked": 1}, time),
            Point(
                "postfix_queue", {"queue": "active"}, {"length": 7, "size": 70, "age": 1.5}, time
            ),
            Point("postfix_queue", {"queue": "hold"}, {"length": 1, "size": 10, "age": 9.0}, time),
            Point("bmtick_collector", {}, {"lines": 8, "unparsed": 1, "lag": 0.5}, time),
        ]
    )
    found = board.snapshot(NOW)
    assert {(e.kind, e.name) for e in found.entities} == {
        (MACHINE, "192.0.2.1"),
        (FORWARD, "x@y"),
        (GUESSER, "192.0.2.9"),
    }
    series = {name: values[-1] for name, values in found.series.items()}
    assert series == {"recipients": 0, "refused": 7, "failures": 5, "queue": 8}
    assert [q.length for q in found.queues] == [7, 1]
    assert found.totals["deliveries.deferred"] == 9
    assert found.totals["blocked"] == 5
    assert found.health["lag"] == 0.5


def test_the_day_is_in_slots_and_survives_a_restart(board):
    board.feed([sender("a", NOW - 2 * 86400, recipients=5), sender("a", NOW - 600, recipients=3)])
    found = board.snapshot(NOW)
    assert len(found.slots) == 288
    assert found.slots[-1] <= NOW < found.slots[-1] + SLOT
    assert sum(found.series["recipients"]) == 3
    again = Board("mx")
    again.restore(board.dump())
    assert again.snapshot(NOW).series == found.series


def test_an_alert_fires_with_its_evidence_until_it_says_ok(board):
    board.feed([sender("eve", NOW, recipients=1), sender("bob", NOW, recipients=500)])
    board.add_event(event("WARNING", 0, user="eve"))
    board.add_event(event("CRITICAL", 60, user="eve"))
    board.add_event(event("WARNING", 120, user="eve"))
    found = board.snapshot(NOW)
    (incident,) = found.firing
    assert (incident.level, incident.peak, incident.end) == ("WARNING", "CRITICAL", 0)
    assert incident.begin == 1800000000
    assert [e.name for e in found.of(USER)] == ["eve", "bob"]
    assert found.of(USER)[0].reasons == ("[WARNING] spam",)
    late = board.snapshot(NOW + 7200)
    assert [e.name for e in late.of(USER)] == ["eve"], "what fires is not forgotten"
    board.add_event(event("OK", 120, user="eve"))
    found = board.snapshot(NOW + 7200)
    assert found.firing == ()
    assert (found.past[0].peak, found.past[0].end) == ("CRITICAL", 1800000120)
    assert found.entities == ()


def test_memory_is_bounded(board, monkeypatch):
    monkeypatch.setattr(module, "_MAX_ENTITIES", 100)
    monkeypatch.setattr(module, "_MAX_SHOWN", 10)
    board.feed(sender(f"u{n}", NOW + n, recipients=n + 1) for n in range(150))
    found = board.snapshot(NOW + 150)
    assert [e.name for e in found.of(USER)] == [f"u{n}" for n in range(149, 139, -1)]
    assert len(board._entities) == 100
    for n in range(500):
        board.add_event(event("WARNING", 0, key=f"k{n}"))
        board.add_event(event("OK", 60, key=f"k{n}"))
    assert len(board.snapshot(NOW).past) == 200


def test_it_is_bounded_also_where_nobody_looks(monkeypatch):
    monkeypatch.setattr("bmtick.live.board._MAX_ENTITIES", 50)
    board = Board("mx")
    for second in range(300):
        names = (f"u{second}-{n}" for n in range(10))
        board.feed(
            Point(
                "postfix_sender", {"user": name}, {"messages": 1}, (1_767_600_000 + second) * 10**9
            )
            for name in names
        )
    assert len(board._entities) <= 50 + 600

"""The digest: what it counts, when it comes, that it comes once, and how it reads."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bmtick.durations import SECOND
from bmtick.languages import set_language
from bmtick.points import Point
from bmtick.watch.digest import Digests
from bmtick.watch.digest_counts import DigestCounter, Schedule
from bmtick.watch.mail import compose
from bmtick.watch.outbox import Outbox
from tests.watch.support import Box, Script, alert, watch
from tests.watch.test_gather import event

BEGIN = int(datetime(2026, 3, 27, 12, tzinfo=UTC).timestamp())  # a Friday; on Sunday clocks change
HOUR, DAY = 3600, 86400
PARIS = ZoneInfo("Europe/Paris")
DAILY = Schedule("daily", "07:00", "monday", PARIS)


@pytest.fixture(autouse=True)
def paris(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
    set_language("en")


def point(name, at, fields, **tags):
    return Point(name, tags, fields, (BEGIN + at) * SECOND)


def sender(at, user, messages, recipients, **more):
    return point(
        "postfix_sender", at, {"messages": messages, "recipients": recipients, **more}, user=user
    )


POINTS = [
    sender(10, "paul@example.org", 5, 90, refused=40, blocked=30, unknown=8),
    sender(20, "anna@example.org", 3, 4),
    point("postfix_queue", 30, {"length": 7, "size": 1, "age": 1.0}, queue="active"),
    point("postfix_queue", 40, {"length": 300, "size": 1, "age": 1.0}, queue="deferred"),
    point("postfix_client", 50, {"messages": 2, "recipients": 2, "throttled": 1}, client="192.0.2.1", known="true"),
    point("postfix_local", 60, {"messages": 1, "recipients": 1}, sender="www@mail", uid="33"),
    point("postfix_delivery", 70, {"count": 60, "blocked": 0}, status="sent"),
    point("postfix_auth", 80, {"failures": 12, "users": 4}, client="198.51.100.7"),
    point("postfix_guard", 90, {"held": 1, "observed": 0, "messages": 17}, who="paul@example.org"),
]  # fmt: skip


def at(event, seconds):
    return replace(event, time=(BEGIN + seconds) * SECOND)


EVENTS = [
    (at(event("outbreak", user="paul"), 15), False),
    (at(event("outbreak", level="OK", user="paul"), 15 + HOUR), False),
    (at(event("queue"), 45), True),
]


def moment(time):
    return f"{datetime.fromtimestamp(time, PARIS):%a %d %H:%M}"


def test_it_comes_at_its_hour_whatever_the_clocks_do():
    first = DAILY.after(BEGIN)
    ends = [first]
    for _ in range(3):
        ends.append(DAILY.after(ends[-1]))
    assert [moment(end) for end in ends] == ["Sat 28 07:00", "Sun 29 07:00", "Mon 30 07:00", "Tue 31 07:00"]  # fmt: skip
    assert ends[1] - ends[0] == 23 * HOUR
    weekly = Schedule("weekly", "07:30", "wednesday", PARIS)
    assert moment(weekly.after(BEGIN)) == "Wed 01 07:30"
    assert weekly.after(weekly.after(BEGIN)) == weekly.after(BEGIN) + 7 * DAY


def counted(points=POINTS, events=EVENTS):
    counter = DigestCounter(DAILY)
    assert counter.take(points, events) == []
    (counts,) = counter.advance(DAILY.after(BEGIN))
    return counter, counts


def test_what_is_counted():
    _, counts = counted()
    assert counts.totals == {
        "messages": 11, "recipients": 97, "refused": 40, "blocked": 30, "unknown": 8,
        "throttled": 1, "sent": 60, "failures": 12,
    }  # fmt: skip
    assert counts.entities["users"]["paul@example.org"] == [5, 90, 40, 30]
    assert counts.entities["programs"] == {"www@mail (uid 33)": [1, 1, 0, 0]}
    assert max(counts.queue.values()) == 307
    assert counts.held == {"paul@example.org": [1, 0, 17]}
    assert [(a.peak, a.end > 0, a.muted) for a in counts.alarms.values()] == [
        ("CRITICAL", True, False), ("CRITICAL", False, True),
    ]  # fmt: skip


def test_the_next_period_begins_with_what_still_fires():
    counter, counts = counted()
    until = counts.until
    assert list(counter.counts.alarms) == ["queue "]
    assert (counter.counts.since, counter.counts.totals) == (until, {})
    assert counter.counts.before == counts.totals
    (second,) = counter.advance(until + 5 * DAY)  # nobody watched: one digest, not five
    assert (second.since, counter.counts.since) == (until, until + 5 * DAY)


def test_a_point_after_the_end_is_the_next_periods():
    late = sender(DAY, "late@example.org", 1, 1)
    counter = DigestCounter(DAILY)
    (counts,) = counter.take([*POINTS, late], EVENTS)
    assert "late@example.org" not in counts.entities["users"]
    assert list(counter.counts.entities["users"]) == ["late@example.org"]


def test_names_are_bounded_and_the_largest_stay(monkeypatch):
    monkeypatch.setattr("bmtick.watch.digest_counts._MOST", 100)
    counter = DigestCounter(DAILY)
    points = [sender(n, f"u{n}", 1, 1 + 900 * (n == 7)) for n in range(1000)]
    counter.take(points, [])
    users = counter.counts.entities["users"]
    assert len(users) <= 100
    assert users["u7"][1] == 901
    assert counter.counts.totals["messages"] == 1000


def test_what_is_kept_over_a_restart():
    counter = DigestCounter(DAILY)
    counter.take(POINTS[:5], EVENTS)
    again = DigestCounter(DAILY)
    again.restore(msgspec.json.decode(msgspec.json.encode(counter.dump())))
    again.take(POINTS[5:], [])
    assert (
        again.counts == counted()[0].counts or again.advance(DAILY.after(BEGIN))[0] == counted()[1]
    )
    with pytest.raises((ValueError, TypeError)):
        again.restore({"totals": 5})


def mail_of(language="en"):
    set_language(language)
    digests = Digests(DAILY, "mx", ["a@b.c"])
    until = DAILY.after(BEGIN)
    assert list(digests.take(POINTS, EVENTS, (BEGIN + 100) * SECOND, BEGIN)) == []
    ((key, content),) = digests.take([], [], until * SECOND, until)
    assert key == f"digest.daily.{until}"
    return compose(content, "bmtick@mx.example", ["a@b.c"], key, until)


def test_how_it_reads():
    mail = mail_of()
    assert mail.subject == "[INFO] mx: 11 messages, 2 alerts since 2026-03-27 13:00:10"
    text = mail.text
    assert "2026-03-27 13:00:10 to 2026-03-28 07:00:00 (CET +0100)" in text
    for line in (
        "CRITICAL  2026-03-27 13:00:15  1 h       CRITICAL outbreak paul",
        "CRITICAL  2026-03-27 13:00:45  it fires  CRITICAL queue  (silenced)",
        "paul@example.org        17  held",
        "paul@example.org         5          90       40       30",
        "recipient unknown            8",
        "for other reasons            2",
        "198.51.100.7        12              4",
    ):
        assert line in text, text
    assert "█" in text
    assert "at most 307 messages, at 2026-03-27 13:00:00; each bar is 30 min" in text
    assert "height:60px;background" in mail.html
    assert mail.html.count("valign") == 36  # half hours


def test_names_of_a_log_are_text():
    digests = Digests(DAILY, "mx", ["a@b.c"])
    until = DAILY.after(BEGIN)
    hostile = [
        sender(1, "<script>@\u202e", 1, 1),
        point("postfix_auth", 2, {"failures": 1}, client="<b>"),
    ]
    list(digests.take(hostile, [], (BEGIN + 9) * SECOND, BEGIN))
    ((key, content),) = digests.take([], [], until * SECOND, until)
    mail = compose(content, "bmtick@mx.example", ["a@b.c"], key, until)
    assert "<script" not in mail.html
    assert "\u202e" not in mail.html + mail.text


@pytest.mark.parametrize(("language", "word"), [("de", "Fehlgeschlagene Anmeldungen"), ("fr", "Échecs de connexion")])  # fmt: skip
def test_in_her_language(language, word):
    assert word in mail_of(language).text


def test_nothing_happened():
    digests = Digests(DAILY, "mx", ["a@b.c"])
    until = DAILY.after(BEGIN)
    list(digests.take([], [], BEGIN * SECOND, BEGIN))
    ((_, content),) = digests.take([], [], until * SECOND, until)
    assert "No alert fired." in content["text"]
    assert "Queue" not in content["text"]


def test_of_an_old_log_none_is_told():
    digests = Digests(DAILY, "mx", ["a@b.c"])
    now = BEGIN + 30 * DAY
    later = [sender(n * DAY, "paul", 1, 1) for n in range(30)]
    told = list(digests.take(later, [], now * SECOND, now))
    assert len(told) == 2


def test_a_watch_tells_it_once_over_restarts(tmp_path):
    box, script = Box(), Script([1] * 40)
    for number, one in enumerate(script.points):
        one.time = (BEGIN + number * HOUR) * SECOND
    for hour in range(43):
        made = watch(script, box, tmp_path / "state", alerts=[alert(crit=200)])
        made._outbox.digests = Digests(DAILY, "mx", ["a@b.c"])
        made.start(from_start=True, now=BEGIN)
        made.tick(BEGIN + hour * HOUR + 5)
        made.stop()
    (first, second) = box.mails
    assert first.subject.startswith("[INFO] mx: 0 messages, 0 alerts since 2026-03-27 13:00")
    assert second.subject.startswith("[INFO] mx: 0 messages, 0 alerts since 2026-03-28 07:00")


def test_who_is_not_told_is_not_counted():
    outbox = Outbox(10, 3600.0, print)
    outbox.put(EVENTS[0][0], 0.0)
    assert outbox.count(POINTS, BEGIN * SECOND, BEGIN) is False
    assert outbox.noted == []

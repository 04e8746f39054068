"""What belongs together is told once: which event is a mail, which waits, which is silent."""

from dataclasses import replace

import msgspec
import pytest

from bmtick.durations import MINUTE, SECOND
from bmtick.engine import AlertEvent
from bmtick.watch.gather import FIRST_GAP, GAP, Gatherer, Incident

BEGIN = 1_767_600_000 * SECOND
EVENT = AlertEvent(BEGIN, "i", "CRITICAL", "OK", "m", "d", {}, {}, 0, "n", "t", "p", [])
MEASUREMENTS = {
    "outbreak": "postfix_sender",
    "recipients": "postfix_sender",
    "guessing": "postfix_account",
    "failures": "postfix_auth",
    "relay": "postfix_client",
    "queue": "postfix_queue",
    "refused": "postfix_delivery",
    "silent": "stats",
}


def event(alert, minute=0.0, level="CRITICAL", **tags):
    who = "-".join(tags.values())
    return replace(
        EVENT,
        id=f"{alert} {who}",
        time=BEGIN + int(minute * MINUTE),
        level=level,
        message=f"{level} {alert} {who}",
        details=f"{alert} {who}",
        tags={"host": "mail", **tags},
        name=MEASUREMENTS[alert],
        task=alert,
    )


class Story:
    """Events in, (minute, why, messages) out, over a restart at each step."""

    def __init__(self, *, gather=True):
        self.gather, self.told, self.kept = gather, [], []

    def tell(self, alert, minute=0.0, level="CRITICAL", *, muted=False, **tags):
        self.wait(minute)
        one = event(alert, minute, level, **tags)
        with_restart = self.gatherer()
        self.note(with_restart.take(one, f"{one.id} {minute}", muted=muted))
        self.keep(with_restart)

    def wait(self, minute):
        gatherer = self.gatherer()
        for told in gatherer.due(BEGIN + int(minute * MINUTE)):
            self.note(told)
        self.keep(gatherer)

    def gatherer(self):
        gatherer = Gatherer(gather=self.gather)
        gatherer.incidents = msgspec.json.decode(self.kept or b"[]", type=list[Incident])
        return gatherer

    def keep(self, gatherer):
        self.kept = msgspec.json.encode(gatherer.incidents)

    def note(self, told):
        if told is not None:
            minute = (told.time - BEGIN) / MINUTE
            self.told.append((minute, told.why, [section[1] for section in told.sections]))
            self.last = told

    @property
    def whys(self):
        return [(minute, why) for minute, why, _ in self.told]


@pytest.fixture
def story():
    return Story()


def test_an_outbreak_with_all_that_comes_of_it_is_three_mails(story):
    story.tell("outbreak", 0, user="paul")
    story.tell("recipients", 0.1, user="paul")
    story.tell("queue", 0.2)
    story.tell("guessing", 0.3, user="paul")
    story.wait(1)
    story.tell("recipients", 20, "OK", user="paul")
    story.tell("guessing", 40, "OK", user="paul")
    story.tell("queue", 41, "OK")
    story.tell("outbreak", 60, "OK", user="paul")
    assert story.told == [
        (0, "new", ["outbreak paul"]),
        (0.5, "evidence", ["guessing paul", "queue ", "recipients paul"]),
        (60, "over", ["outbreak paul"]),
    ]
    parts = story.last.incident.parts.values()
    assert [(part.culprit, part.level) for part in parts] == [
        ("paul", "OK"), ("paul", "OK"), ("", "OK"), ("paul", "OK"),
    ]  # fmt: skip


def test_a_verdict_that_comes_after_its_facts_is_told(story):
    story.tell("recipients", 0, user="paul")
    story.tell("outbreak", 0.2, user="paul")
    story.tell("outbreak", 0.3, user="paul")  # nothing new
    story.wait(2)
    assert story.told[1:] == [(0.5, "evidence", ["outbreak paul"])]


def test_each_culprit_has_a_first_mail_at_once(story):
    story.tell("outbreak", 0, user="paul")
    story.tell("outbreak", 0.1, user="anna")
    story.tell("queue", 0.2)
    story.tell("relay", 0.3, client="192.0.2.1")
    assert [minute for minute, _, _ in story.told] == [0, 0.1, 0.3]
    assert len({one.key for one in story.gatherer().incidents}) == 3


def test_a_queue_that_fills_first_is_the_incident_of_the_culprit_named_later(story):
    story.tell("queue", 0)
    story.tell("outbreak", 2, user="paul")
    assert story.whys == [(0, "new"), (2, "culprit")]
    (incident,) = story.gatherer().incidents
    assert (incident.names, incident.key) == (["paul"], "queue  0")
    story.tell("outbreak", 70, "OK", user="paul")
    story.tell("queue", 71, "OK")
    assert story.whys[2:] == [(71, "over")]


def test_an_old_queue_gathers_no_culprits(story):
    story.tell("queue", 0)
    story.tell("queue", 60)
    story.tell("outbreak", 61, user="paul")
    assert len(story.gatherer().incidents) == 2


def test_the_sender_named_with_a_machine_links_both(story):
    story.tell("relay", 0, client="192.0.2.1")
    story.tell("outbreak", 1, user="paul", client="192.0.2.1")
    story.tell("guessing", 2, user="paul")
    story.wait(10)
    assert story.whys == [(0, "new"), (1, "culprit"), (6, "evidence")]


def test_after_an_update_the_next_waits_longer(story):
    story.tell("outbreak", 0, user="paul")
    story.tell("queue", 1)  # longer after the first mail than what can wait must wait
    story.tell("refused", 2)
    story.wait(5.9)
    assert story.whys == [(0, "new"), (1, "evidence")]
    story.wait(6)
    assert story.whys[2:] == [(1 + GAP / MINUTE, "evidence")]
    assert FIRST_GAP < MINUTE


def test_a_level_above_all_before_is_told_at_once(story):
    story.tell("outbreak", 0, "WARNING", user="paul")
    story.tell("outbreak", 1, user="paul")
    story.tell("outbreak", 2, "WARNING", user="paul")
    story.tell("outbreak", 3, user="paul")  # known
    assert story.whys == [(0, "new"), (1, "level")]


def test_of_several_reminders_one_is_told(story):
    for hour in range(3):
        story.tell("outbreak", 60 * hour, user="paul")
        story.tell("recipients", 60 * hour + 1, user="paul")
        story.tell("guessing", 60 * hour + 2, user="paul")
    assert story.whys == [(0, "new"), (1, "evidence"), (6, "evidence"), (120, "reminder")]


def test_reminders_become_rare_until_there_is_news(story):
    for hour in range(33):
        story.tell("outbreak", 60 * hour + hour % 2, user="paul")  # never quite the same hour
    reminders = [round(minute / 60) for minute, why in story.whys if why == "reminder"]
    assert reminders == [1, 3, 7, 15, 23, 31]
    story.tell("outbreak", 33 * 60, user="paul")
    story.tell("guessing", 33 * 60, user="paul")
    story.tell("outbreak", 34 * 60, user="paul")
    assert story.whys[-2:] == [(33 * 60, "evidence"), (34 * 60, "reminder")]


def test_what_flaps_is_told_ever_less(story):
    for minute in range(0, 60, 2):
        story.tell("queue", minute)
        story.tell("queue", minute + 1, "OK")
    assert story.whys == [
        (0, "new"), (1, "over"), (2, "again"), (3, "over"), (8, "evidence"), (9, "over"),
        (19, "evidence"), (19, "over"), (39, "evidence"), (39, "over"),
    ]  # fmt: skip
    story.tell("queue", 59 + 61)
    assert story.whys[10:] == [(120, "new")]


def test_what_is_back_and_stays_is_told_when_its_time_has_come(story):
    for minute in (0, 2):
        story.tell("queue", minute)
        story.tell("queue", minute + 1, "OK")
    story.tell("queue", 4)
    story.wait(7)
    assert len(story.told) == 4
    story.wait(9)
    story.tell("queue", 30, "OK")
    assert story.whys[4:] == [(8, "evidence"), (30, "over")]


def test_a_storm_of_culprits_is_gathered_and_none_is_left_out(story):
    for number in range(40):
        story.tell("relay", number / 60, client=f"192.0.2.{number}")
    story.wait(60)
    named = [part.culprit for i in story.gatherer().incidents for part in i.parts.values()]
    assert sorted(named) == sorted(f"192.0.2.{number}" for number in range(40))
    assert [why for _, why in story.whys[:10]] == ["new"] * 10
    assert len(story.told) <= 12


def test_who_guesses_and_who_is_guessed_at_are_one_incident(story):
    story.tell("guessing", 0, user="paul")
    story.tell("failures", 1, client="198.51.100.1")
    story.tell("failures", 2, client="198.51.100.2")
    assert len(story.gatherer().incidents) == 1
    assert story.whys == [(0, "new"), (1, "culprit"), (2, "culprit")]


def test_what_stays_away_concerns_no_incident(story):
    story.tell("outbreak", 0, user="paul")
    story.tell("silent", 1)
    story.tell("queue", 2)
    assert story.whys == [(0, "new"), (1, "new"), (2, "evidence")]
    assert len(story.gatherer().incidents) == 2


def test_servers_are_apart(story):
    story.tell("outbreak", 0, user="paul")
    gatherer = story.gatherer()
    other = replace(event("queue", 1), tags={"host": "other"})
    assert gatherer.take(other, "k").why == "new"


def test_what_is_muted_tells_nobody_but_ends(story):
    story.tell("outbreak", 0, user="paul", muted=True)
    story.tell("outbreak", 1, "OK", user="paul", muted=True)
    assert (story.told, story.gatherer().incidents) == ([], [])
    story.tell("outbreak", 2, user="paul")
    story.tell("outbreak", 3, "OK", user="paul", muted=True)
    story.tell("queue", 4)
    assert story.whys == [(2, "new"), (4, "new")]


def test_an_end_that_others_delayed_is_told_though_theirs_is_muted(story):
    story.tell("outbreak", 0, user="paul")
    story.tell("queue", 1)
    story.tell("outbreak", 60, "OK", user="paul")
    story.tell("queue", 61, "OK", muted=True)
    assert story.whys[2:] == [(61, "over")]


def test_an_end_that_nobody_remembers_is_told(story):
    story.tell("outbreak", 0, "OK", user="paul")
    assert story.whys == [(0, "over")]
    assert story.gatherer().incidents == []


def test_an_alert_that_is_no_more_holds_up_no_end(story):
    story.tell("outbreak", 0, user="paul")
    story.tell("queue", 1)
    gatherer = story.gatherer()
    gatherer.keep_only({"outbreak"})
    assert gatherer.take(event("outbreak", 60, "OK", user="paul"), "k").why == "over"
    gatherer = story.gatherer()
    gatherer.keep_only(set())
    assert gatherer.incidents == []


def test_who_wants_each_alert_is_told_each_in_one_thread():
    story = Story(gather=False)
    story.tell("outbreak", 0, user="paul")
    story.tell("recipients", 1, user="paul")
    story.tell("queue", 2)
    story.tell("recipients", 3, "OK", user="paul")
    story.tell("outbreak", 60, user="paul")
    story.tell("outbreak", 61, "OK", user="paul")
    story.tell("queue", 200, "OK")
    assert [minute for minute, _, _ in story.told] == [0, 1, 2, 3, 60, 61, 200]
    assert len(story.gatherer().incidents) == 1

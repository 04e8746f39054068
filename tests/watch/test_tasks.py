"""What alerts know over a restart: all of the same script, of another one only what fires."""

from types import SimpleNamespace

from bmtick.alerts import find, render
from bmtick.errors import BmtickError
from bmtick.watch import tasks as module
from bmtick.watch.tasks import Tasks
from tests.watch.support import BEGIN, SECOND, USUAL, Script, alert


class Seen:
    """A task that keeps what it is given."""

    def restore(self, state):
        self.state = state


def tasks(*alerts, warnings=None):
    return Tasks(alerts, "mail", (warnings if warnings is not None else []).append)


def fed(lengths):
    """Alerts after a queue of these lengths, a minute apart."""
    found = tasks(USUAL)
    found.feed(Script(lengths).points)
    found.advance((BEGIN + 60 * len(lengths)) * SECOND)
    return found


def restored(kept, *alerts):
    found = tasks(*alerts)
    seen = found._tasks = {name: Seen() for name in found._tasks}
    found.restore(kept)
    return next(iter(seen.values())).state


def test_a_changed_script_keeps_only_what_fires():
    kept = fed([300]).dump()
    (known,) = kept["tasks"].values()
    assert known["state"]["nodes"]
    assert restored(kept, USUAL) == known["state"]
    changed = restored(kept, alert(crit=150))
    assert changed == {**known["state"], "nodes": {}, "started": None}


def test_what_fires_is_known_until_it_ends():
    found = tasks(USUAL)
    found.feed(Script([300]).points)
    found.advance((BEGIN + 60) * SECOND)
    assert list(found.firing.values()) == ["CRITICAL"]
    found.feed(Script([300, 10]).points[1:])
    found.advance((BEGIN + 600) * SECOND)
    assert found.firing == {}


def test_of_a_state_that_does_not_fit_what_fires_is_kept():
    kept = fed([300]).dump()
    (known,) = kept["tasks"].values()
    known["state"]["nodes"] = 5
    warnings = []
    again = tasks(USUAL, warnings=warnings)
    again.restore(kept)
    events = again.feed(Script([300, 300, 10]).points[2:])
    events += again.advance((BEGIN + 1000) * SECOND)
    assert [event.level for event in events] == ["OK"], "the end of what fired is told"
    assert warnings == []


def test_of_reminders_that_nobody_waited_for_the_newest_is_told():
    """A step of days: the change of level, of what fired before the newest reminder, no other."""
    hour, beats = 3600, Script([5, 5])
    silent = tasks(render(find("collector_silent"), {"window": "5m", "remind_every": "1h"}))
    silent.feed(beats.points[:1])
    assert silent.advance((BEGIN + 60) * SECOND) == []
    (found,) = silent.advance((BEGIN + 72 * hour) * SECOND)
    assert (found.level, found.time < (BEGIN + hour) * SECOND) == ("CRITICAL", True)
    (reminder,) = silent.advance((BEGIN + 144 * hour) * SECOND)
    assert (reminder.level, reminder.time > (BEGIN + 142 * hour) * SECOND) == ("CRITICAL", True)
    assert [e.level for e in silent.advance((BEGIN + 146 * hour) * SECOND)] == ["CRITICAL"]
    late = beats.points[1]
    late.time = (BEGIN + 146 * hour + 10) * SECOND
    events = silent.feed([late]) + silent.advance((BEGIN + 146 * hour + 30) * SECOND)
    assert [event.level for event in events] == ["OK"]


def test_each_alert_reads_its_measurement_and_the_time_of_all():
    queue = tasks(USUAL, render(find("collector_silent"), {"window": "5m"}))
    points = Script([300, 300]).points
    points[1].time += 3600 * SECOND
    points[1].name = "postfix_other"  # moves the clock of an alert that does not read it
    levels = [(event.level, event.task) for event in queue.feed(points)]
    assert levels == [("CRITICAL", "bmtick-postfix_queue"), ("CRITICAL", "bmtick-collector_silent")]
    assert [known["points"] for known in queue.dump()["tasks"].values()] == [1, 0]


def test_a_query_that_fails_is_said_once_until_it_worked(monkeypatch):
    """And it is run when it is due; at the first time only where that is wanted."""
    asked, broken = [], []

    class Due:
        def __init__(self, task, ask, now, zone):
            self.now = now

        def ask(self, number, now):
            asked.append(("first", number, now))

        def run_latest(self, now):
            asked.append(("due", now))
            if broken:
                raise BmtickError("no answer")

    monkeypatch.setattr(module, "Schedule", Due)
    warnings = []
    task = SimpleNamespace(queries=["a", "b"])
    for at_once in (False, True):
        asked.clear()
        found = Tasks([], "mail", warnings.append, ask=lambda *_: [], at_once=at_once)
        found._query("t", task, 1)
        found._query("t", task, 2)
        first = [("first", 0, 1), ("first", 1, 1)] if at_once else []
        assert asked == [*first, ("due", 2)]
    for _ in range(2):
        broken.append(True)
        found._query("t", task, 3)
        found._query("t", task, 4)
        broken.clear()
        found._query("t", task, 5)
    assert warnings == ["t could not ask InfluxDB and tries again: no answer"] * 2
    silent = Tasks([], "mail", warnings.append)
    asked.clear()
    silent._query("t", task, 1)
    assert asked == []


def test_of_fifty_groups_the_last_event_is_kept_and_that_of_a_quiet_one_goes_first():
    found = tasks(USUAL)

    def event(name, level="CRITICAL"):
        found._remember(SimpleNamespace(task="t", id=name, level=level, time=1, message="m" * 400))

    for number in range(50):
        event(f"g{number}", "OK" if number == 7 else "CRITICAL")
    assert len(found._last["t"]) == 50
    event("new")
    assert "g7" not in found._last["t"]
    event("newer")
    assert len(found._last["t"]) == 50
    assert "g0" not in found._last["t"]
    event("g1")
    assert list(found._last["t"])[-1] == "g1", "what is told again is the newest"
    assert found._last["t"]["new"] == ["CRITICAL", 1, "m" * 300]

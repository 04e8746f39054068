"""What alerts know over a restart: all of the same script, of another one only what fires."""

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

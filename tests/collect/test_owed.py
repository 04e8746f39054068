"""What a run keeps of what it printed, in case Telegraf loses it: within bounds."""

from bmtick.collect import runner
from bmtick.collect.memory import Memory
from bmtick.collect.runner import Runner


class Session:
    uncertain = False

    def __init__(self):
        self.at = 0

    def mark(self):
        self.at += 1
        return self.at

    def dump(self):
        return {}

    def committed(self):
        pass


class State:
    def __init__(self):
        self.commits, self.outputs = 0, []

    def prepare(self, state, output):
        self.outputs.append(output)

    def commit(self):
        self.commits += 1


def test_what_telegraf_may_hold_is_kept_up_to_four_mebibytes():
    one = Runner(
        Session(), State(), lambda _: None, None, spool="", warn=print, clock=lambda: 100.0
    )
    for letter in (b"a", b"b", b"c"):
        one._hold(letter * (2 << 20))
    assert [(at, output[:1]) for at, output in one._recent] == [(100, b"b"), (100, b"c")]
    one._hold(b"d")
    assert [output[:1] for _, output in one._recent] == [b"c", b"d"]
    assert runner.HELD == 4 << 20


def test_a_long_run_commits_when_it_owes_more_than_that():
    state = State()
    one = Runner(Session(), state, lambda _: None, None, spool="", warn=print, clock=lambda: 100.0)
    one.at_end = True
    one._deliver(b"a" * (4 << 20), counted=True)
    assert (state.commits, len(one._owed)) == (0, 4 << 20)
    one._deliver(b"b", counted=True)
    assert state.outputs[-1][-2:] == b"ab", "all that was not committed is in the state"
    assert (state.commits, one._owed) == (1, b"")


def test_guessed_names_are_forgotten_after_an_hour_and_shared_addresses_after_a_day():
    memory = Memory()
    memory.guessed = {"old": 1000, "new": 1001}
    memory.shared = {"old": {"a": 5, "b": -380}, "new": {"a": -380, "b": -379}}
    memory.forget(1060)
    assert memory.guessed == {"new": 1001}
    assert memory.shared == {"old": {"a": 5, "b": -380}, "new": {"a": -380, "b": -379}}
    memory.forget(1061)
    assert memory.guessed == {}
    assert memory.shared == {"old": {"a": 5, "b": -380}}


def test_a_full_list_of_guessed_names_drops_those_of_more_than_an_hour(monkeypatch):
    monkeypatch.setattr("bmtick.collect.memory._MAX_GUESSED", 2)
    memory = Memory()
    for user, minute in (("old", 1), ("new", 2), ("last", 61)):
        memory.guess(user, minute)
    assert memory.guessed == {"new": 2, "last": 61}

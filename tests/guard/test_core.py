"""What the guard answers, with a clock and evidence of the test's own."""

import json
import os

import pytest

from bmtick.collect import guarded
from bmtick.collect.emit import to_influx
from bmtick.guard.core import BY_HAND, Guard
from bmtick.guard.holds import HOLD, OBSERVE, Journal, hold_record, release_record
from bmtick.guard.publish import Publisher
from bmtick.guard.subject import Subject

DUNNO = b"action=DUNNO\n\n"
BOB = Subject("user", "bob@x.org")


class Judge:
    def __init__(self):
        self.counts, self.guilty, self.forgotten = {}, {}, []

    def message(self, message, now):
        self.counts[message.who] = self.counts.get(message.who, 0) + message.recipients

    def local(self, message, now):
        self.counts[message.sender] = self.counts.get(message.sender, 0) + 1

    def verdict(self, who, now):
        return self.guilty.get(who, "")

    def released(self, who, now):
        self.forgotten.append(who)


class World:
    def __init__(self, folder, mode=HOLD):
        self.now, self.said, self.caught, self.n = 1000.0, [], [], 0
        self.judge = Judge()
        self.journal = Journal(folder / "guard.state")
        self.guard = Guard(
            self.journal,
            self.judge,
            mode,
            clock=lambda: self.now,
            warn=self.said.append,
            own=("bmtick@x.org", frozenset({"admin@x.org"})),
        )
        self.guard.on_hold = self.caught.append

    def ask(self, user="bob@x.org", client="192.0.2.7", **more):
        self.n += 1
        self.now += 0.05  # what commands wrote is looked at again
        request = {
            "request": "smtpd_access_policy",
            "protocol_state": "END-OF-MESSAGE",
            "queue_id": f"Q{self.n:05}",
            "instance": f"i{self.n}",
            "sasl_username": user,
            "client_address": client,
            "sender": "a@x.org",
            "recipient_count": "1",
        }
        return self.guard.answer(request | more)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_holds_from_the_message_on_at_which_the_evidence_is_there(world):
    assert world.ask() == DUNNO
    world.judge.guilty[BOB] = "why"
    assert world.ask("Bob@X.org").startswith(b"action=HOLD ")
    world.judge.guilty.clear()  # held is held
    assert world.ask().startswith(b"action=HOLD ")
    assert world.ask("eve@x.org") == DUNNO
    hold = world.guard.holds.held[BOB]
    assert list(hold.ids) == ["Q00002", "Q00003"]
    assert len(world.caught) == 1
    assert world.guard.ids_of(BOB) == ["Q00001"]


def test_observing_holds_nobody_and_counts(tmp_path):
    world = World(tmp_path, OBSERVE)
    world.judge.guilty[BOB] = "why"
    assert [world.ask() for _ in range(3)] == [DUNNO] * 3
    hold = world.guard.holds.held[BOB]
    assert (hold.mode, hold.messages, len(world.caught)) == (OBSERVE, 3, 1)


def test_what_was_observed_is_held_once_the_mode_is_hold(tmp_path):
    world = World(tmp_path, OBSERVE)
    world.judge.guilty[BOB] = "why"
    world.ask()
    world = World(tmp_path, HOLD)
    assert world.ask() == DUNNO  # not on old evidence
    world.judge.guilty[BOB] = "why"
    assert world.ask().startswith(b"action=HOLD")


def test_a_message_asked_about_twice_counts_once(world):
    for _ in range(3):
        world.ask(queue_id="A", instance="1")
    assert world.judge.counts == {BOB: 1}
    world.ask(queue_id="A", instance="2")  # a short queue id that came again
    assert world.judge.counts == {BOB: 2}


def test_released_may_send_for_a_while_whatever_the_evidence(world):
    world.judge.guilty[BOB] = "why"
    world.ask()
    Journal(world.journal.path).append([release_record(BOB, world.now, world.now + 60)])
    assert world.ask() == DUNNO
    assert world.judge.forgotten == [BOB]
    world.now += 60
    assert world.ask().startswith(b"action=HOLD")


def test_a_hold_for_some_time_ends_by_itself(world):
    until = world.now + 60
    Journal(world.journal.path).append(
        [hold_record(BOB, world.now, "x", until=until, by=BY_HAND, mode=HOLD)]
    )
    assert world.ask().startswith(b"action=HOLD")
    world.now = until
    assert world.ask() == DUNNO


def test_a_machine_held_by_hand_is_held_with_a_login_too_by_the_guard_without_one_only(world):
    machine = Subject("client", "192.0.2.7")
    world.guard.hold(machine, "why", by="guard")
    assert world.ask() == DUNNO
    assert world.ask("").startswith(b"action=HOLD")
    world.guard.release(machine, 0)
    world.guard.hold(machine, "why", by=BY_HAND)
    assert world.ask().startswith(b"action=HOLD")


def test_one_sender_of_a_webmail_is_held_and_not_the_others(world):
    world.judge.guilty[Subject("from", "10.0.0.5", "a@x.org")] = "why"
    assert world.ask("", "10.0.0.5").startswith(b"action=HOLD")
    assert world.ask("", "10.0.0.5", sender="b@x.org") == DUNNO


def test_the_guards_own_mail_is_never_held(world):
    world.guard.hold(Subject("client", "127.0.0.1"), "why", by=BY_HAND)
    own = {"sender": "bmtick@x.org", "recipient": "admin@x.org"}
    assert world.ask("", "127.0.0.1", **own) == DUNNO
    assert world.ask("", "127.0.0.1", **own | {"recipient": "v@y"}).startswith(b"action=HOLD")


def test_earlier_states_and_strange_requests_are_passed_on(world):
    world.guard.hold(BOB, "why", by=BY_HAND)
    assert world.ask(protocol_state="RCPT") == DUNNO
    assert "smtpd_end_of_data_restrictions" in world.said[-1]
    assert world.guard.answer({}) == DUNNO
    assert world.guard.answer({"request": "x"}) == DUNNO


def test_a_fault_lets_mail_through_and_is_told_once(world):
    def broken(*_):
        raise RuntimeError("broken")

    world.judge.message = broken
    assert world.ask() == world.ask() == DUNNO
    assert len(world.said) == 1


@pytest.mark.parametrize("damage", ["folder", "version"])
def test_a_damaged_state_is_told_and_put_aside_or_gone_around(tmp_path, damage):
    path = tmp_path / "guard.state"
    path.mkdir() if damage == "folder" else path.write_text("of another program\n")
    world = World(tmp_path)
    assert world.ask() == DUNNO
    assert world.said
    world.judge.guilty[BOB] = "why"
    assert world.ask().startswith(b"action=HOLD")
    assert world.ask().startswith(b"action=HOLD")


def test_a_disk_that_takes_nothing_is_told_and_holds_all_the_same(world, monkeypatch):
    def full(records):
        raise OSError(28, "No space left on device")

    world.ask()
    monkeypatch.setattr(world.journal, "append", full)
    world.judge.guilty[BOB] = "why"
    assert world.ask().startswith(b"action=HOLD")
    assert world.ask().startswith(b"action=HOLD")
    assert "No space left" in world.said[0]
    monkeypatch.undo()
    world.guard.maintain()
    again = Journal(world.journal.path)
    again.poll()
    assert again.holds.held[BOB].messages == 2


def test_memory_of_queue_ids_is_bounded(world, monkeypatch):
    monkeypatch.setattr("bmtick.guard.core._MAX_SEEN", 100)
    for _ in range(300):
        world.ask()
    assert len(world.guard.seen) == 100


def test_who_is_held_becomes_points(world, tmp_path):
    path = tmp_path / "run" / "points.json"
    publish = Publisher(str(path))
    world.guard.hold(BOB, "why", by="guard")
    world.ask()
    world.ask()
    publish(world.guard, world.now)
    assert path.stat().st_mode & 0o777 == 0o640
    assert to_influx(guarded.rows(str(path), 5.0, pytest.fail)) == (
        b"postfix_guard,who=bob@x.org,user=bob@x.org held=1i,observed=0i,messages=2i 5000000000\n"
    )
    world.guard.release(BOB, 0)
    world.now += 1
    publish(world.guard, world.now)
    assert b"held=0i,observed=0i,messages=0i" in to_influx(
        guarded.rows(str(path), 5.0, pytest.fail)
    )
    publish(world.guard, world.now + 1000)
    assert guarded.rows(str(path), 5.0, pytest.fail) == []


def test_points_that_are_not_there_or_are_nonsense(tmp_path):
    said = []
    path = tmp_path / "p"
    assert guarded.rows(str(path), 1.0, said.append) == guarded.rows("", 1.0, said.append) == []
    assert not said
    for text in ("", "[", "[]", '{"rows": [{"who": "x"}]}', json.dumps({"rows": 3})):
        path.write_text(text)
        assert guarded.rows(str(path), 1.0, said.append) == []
    assert len(said) == 5
    os.mkfifo(tmp_path / "fifo")
    assert guarded.rows(str(tmp_path / "fifo"), 1.0, said.append) == []

"""The journal: what is written is there after a kill, whoever wrote it."""

import json

import pytest

from bmtick.errors import BmtickError
from bmtick.guard.holds import HOLD, OBSERVE, Journal, hold_record, mail_record, release_record
from bmtick.guard.subject import Subject

BOB = Subject("user", "bob")
EVE = Subject("client", "192.0.2.7")


def held(who, at=100.0, *, until=None, mode=HOLD):
    return hold_record(who, at, "why", until=until, by="guard", mode=mode)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "d" / "guard.state"


def read(path):
    journal = Journal(path)
    journal.poll()
    return journal


def test_is_for_its_owner_alone_and_read_back(path):
    Journal(path).append([held(BOB), mail_record(BOB, ["A1", "A2"]), mail_record(BOB, [""])])
    assert path.stat().st_mode & 0o777 == 0o600
    hold = read(path).holds.held[BOB]
    assert (hold.messages, list(hold.ids), hold.since, hold.mode) == (3, ["A1", "A2"], 100.0, HOLD)


def test_what_a_guard_writes_itself_counts_at_once(path):
    guard = Journal(path)
    assert guard.poll() is False, "there is no file yet"
    guard.lock()
    guard.append([held(BOB)])
    guard.poll()
    guard.append([held(EVE), mail_record(BOB, ["A1"])])
    assert set(guard.holds.held) == {BOB, EVE}
    assert list(guard.holds.held[BOB].ids) == ["A1"]
    assert guard.poll() is False
    assert set(read(path).holds.held) == {BOB, EVE}


def test_two_writers_see_each_other(path):
    one, two = Journal(path), Journal(path)
    one.append([held(BOB)])
    two.poll()
    two.append([mail_record(BOB, ["A1"])])
    assert one.poll()
    assert one.holds.held[BOB].messages == 1
    two.append([release_record(BOB, 200, 300)])
    one.poll()
    assert not one.holds.held
    assert one.holds.is_allowed(BOB, 299)
    assert not one.holds.is_allowed(BOB, 300)
    assert not one.poll()


def test_a_line_cut_off_costs_that_line_alone(path):
    Journal(path).append([held(BOB)])
    with path.open("ab") as file:
        file.write(b'{"mail": ["user", "bob", ""], "id')  # killed here
    journal = Journal(path)
    journal.append([mail_record(BOB, ["A2"])])
    journal.poll()
    assert list(journal.holds.held[BOB].ids) == ["A2"]
    assert journal.holds.damaged == 1


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        b"[]",
        b"null",
        b'{"hold": 1}',
        b'{"hold": ["user", "x", ""], "at": "then", "reason": "", "by": "", "mode": "hold"}',
        b'{"mail": ["user"]}',
        b'{"release": null}',
    ],
)
def test_nonsense_is_passed_over(path, line):
    Journal(path).append([held(BOB)])
    with path.open("ab") as file:
        file.write(line + b"\n")
    Journal(path).append([held(EVE)])
    journal = read(path)
    assert set(journal.holds.held) == {BOB, EVE}
    assert journal.holds.damaged == 1


def test_a_journal_of_another_version_is_refused_and_can_be_put_aside(path):
    path.parent.mkdir()
    path.write_text('{"bmtick": "guard", "version": 0}\n')
    journal = Journal(path)
    with pytest.raises(BmtickError, match="version"):
        journal.poll()
    assert journal.set_aside().exists()
    journal.append([held(BOB)])
    journal.poll()
    assert BOB in journal.holds.held


def test_compacting_keeps_what_is_in_force(path):
    journal = Journal(path)
    journal.lock()
    other = Journal(path)
    for n in range(50):
        journal.append([mail_record(BOB, [f"X{n}"]), release_record(BOB, n, 0), held(BOB, n)])
    journal.append(
        [
            mail_record(BOB, ["A1"]),
            held(EVE, until=150.0, mode=OBSERVE),
            release_record(Subject("user", "al"), 10, 500),
        ]
    )
    journal.poll()
    other.poll()
    size = path.stat().st_size
    journal.compact(120, always=True)
    assert path.stat().st_size < size / 4
    for one in (journal, other, read(path)):
        one.poll()
        assert set(one.holds.held) == {BOB, EVE}
        assert list(one.holds.held[BOB].ids) == ["A1"]
        assert one.holds.held[EVE].until == 150.0
        assert one.holds.is_allowed(Subject("user", "al"), 499)
    other.append([release_record(BOB, 130, 0)])
    journal.poll()
    assert set(journal.holds.held) == {EVE}
    journal.holds.forget(151)
    assert not journal.holds.held


def test_a_command_never_writes_into_a_file_that_was_replaced(path):
    journal = Journal(path)
    journal.lock()
    journal.append([held(BOB)])
    journal.poll()
    writer = Journal(path)
    writer.poll()
    journal.compact(101, always=True)
    writer.append([held(EVE)])
    journal.poll()
    assert set(journal.holds.held) == {BOB, EVE}


def test_observing_does_not_end_a_hold_and_a_hold_ends_observing(path):
    journal = Journal(path)
    journal.append([held(BOB, mode=OBSERVE), mail_record(BOB, ["A1"])])
    journal.append([held(BOB, 200.0)])
    journal.poll()
    hold = journal.holds.held[BOB]
    assert (hold.mode, hold.messages, hold.since) == (HOLD, 0, 200.0)
    journal.append([held(BOB, 300.0, mode=OBSERVE)])
    journal.poll()
    assert journal.holds.held[BOB].mode == HOLD


def test_one_guard_a_state(path):
    first, second = Journal(path), Journal(path)
    assert not second.guarded()
    first.lock()
    assert second.guarded()
    with pytest.raises(BmtickError, match="another guard"):
        second.lock()
    first.close()
    second.lock()


def test_what_is_remembered_is_bounded(path, monkeypatch):
    monkeypatch.setattr("bmtick.guard.holds.MAX_IDS", 10)
    journal = Journal(path)
    journal.append([held(BOB), *(mail_record(BOB, [f"A{n}"]) for n in range(30))])
    journal.poll()
    hold = journal.holds.held[BOB]
    assert (len(hold.ids), hold.more, hold.messages) == (10, 20, 30)


def test_every_line_is_json_of_its_own(path):
    Journal(path).append([held(Subject("user", "a\nb\udcff\x00")), held(BOB)])
    lines = path.read_text().splitlines()
    assert [next(iter(json.loads(line))) for line in lines] == ["bmtick", "hold", "hold"]

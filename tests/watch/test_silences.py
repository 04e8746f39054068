"""Silences: added, ended, honoured by a watch that runs; the same as Kapacitor's."""

import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from bmtick.errors import BmtickError
from bmtick.watch.history import History, path_of
from bmtick.watch.recorder import Recorder
from bmtick.watch.silences import ALL, Silence, SilenceFile, Silences, check, groups_of
from tests.watch.support import BEGIN, SECOND, Box, Script, alert, watch

LENGTHS = [5, 10, 300, 250, 400, 20, 10, 500, 500, 3, 3]


def silence(begin, until, *, name="postfix_queue", **where):
    """Make one; times are minutes of the script."""
    return Silence(
        id=f"bmtick--silence-{begin}-{until}",
        alert=name,
        where=where,
        begin=(BEGIN + 60 * begin) * SECOND,
        until=(BEGIN + 60 * until) * SECOND,
        reason="because",
        author="me",
    )


def add(file, *new):
    with file.change(0) as known:
        known.extend(new)


@pytest.fixture
def file(tmp_path):
    return SilenceFile(str(tmp_path / "state"))


def run(file, minutes, box, *, at=None, one=None, **options):
    """Tick once a minute; ``at`` maps a minute to what is done before its tick."""
    warnings = options.setdefault("warnings", [])
    recorder = Recorder(Silences(file, groups_of([alert()]), warnings.append))
    one = one or watch(Script(LENGTHS), box, recorder=recorder, **options)
    one.start(from_start=True, now=BEGIN)
    for minute in minutes:
        if at and minute in at:
            at[minute]()
        status = one.tick(BEGIN + 60 * minute + 5)
    one.stop()
    return status


def levels(box):
    return [s.partition("]")[0] for s in box.subjects]


def test_a_silence_takes_hold_and_is_lifted_without_a_restart(file):
    box = Box()
    at = {2: lambda: add(file, silence(2, 60)), 7: file.path.unlink}
    status = run(file, range(13), box, at=at)
    assert levels(box) == ["[CRITICAL", "[OK"]  # of the second rise only
    assert "500 messages" in box.subjects[0]
    assert (status.events, status.firing) == (4, 0)


def test_what_stands_when_it_ends_is_told_at_its_next_change(file):
    box = Box()
    add(file, silence(2, 4))
    run(file, range(13), box)
    assert levels(box) == ["[OK", "[CRITICAL", "[OK"]


def test_what_happened_meanwhile_is_not_told_by_a_watch_that_was_down(file):
    box = Box()
    add(file, silence(2, 6))
    run(file, [12], box)  # all at once, after it was over
    assert levels(box) == ["[CRITICAL", "[OK"]


def test_nobody_is_told_of_older_things_while_it_lasts(file):
    box = Box()
    add(file, silence(11, 60))
    run(file, [12], box)
    assert box.mails == []


@pytest.mark.parametrize(
    ("where", "mails"), [({"host": "mail"}, 0), ({"host": "edge1"}, 4), ({"queue": "deferred"}, 4)]
)
def test_where(file, where, mails):
    """A tag that the alert's groups do not have mutes nothing, as on Kapacitor."""
    box = Box()
    add(file, silence(0, 60, name=ALL, **where))
    run(file, range(13), box)
    assert len(box.mails) == mails


def test_another_alert(file):
    box = Box()
    add(file, silence(0, 60, name="sender_outbreak"))
    run(file, range(13), box)
    assert len(box.mails) == 4


def test_a_damaged_file_mutes_nobody_and_is_said_once(file):
    box, warnings = Box(), []
    file.path.write_text("{")
    run(file, range(13), box, warnings=warnings)
    assert len(box.mails) == 4
    assert len([w for w in warnings if "are damaged" in w]) == 1
    with pytest.raises(BmtickError, match="are damaged"), file.change(0):
        pass


def test_the_file(file):
    add(file, silence(0, 5), silence(1, 6))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [s.id for s in file.read()] == ["bmtick--silence-0-5", "bmtick--silence-1-6"]
    assert list(file.path.parent.iterdir()) == [file.path]
    with file.change((BEGIN + 8 * 86_400) * SECOND):
        pass
    assert file.read() == []


def test_a_change_that_fails_leaves_the_file(file):
    add(file, silence(0, 5))

    def fail(known):
        known.clear()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), file.change(0) as known:
        fail(known)
    assert len(file.read()) == 1


def test_a_link_in_its_place_is_not_followed(file, tmp_path):
    target = tmp_path / "target"
    target.write_text(json.dumps({"version": 1, "silences": []}))
    file.path.symlink_to(target)
    with pytest.raises(BmtickError, match="cannot read"):
        file.read()


@pytest.mark.parametrize(
    ("name", "where", "message"),
    [
        ("postfix_quene", {}, "no alert 'postfix_quene'"),
        ("postfix_queue", {"user": "x"}, "does not tell user apart; it groups by"),
        (ALL, {"user": "x"}, "no alert tells user apart"),
    ],
)
def test_what_would_mute_nothing_is_refused(name, where, message):
    groups = groups_of([alert()])
    assert {"host", "datalocation"} <= groups["postfix_queue"]
    with pytest.raises(BmtickError, match=message):
        check(name, where, groups)
    check(ALL, {"host": "x"}, groups)


def test_groups_by_all_tags_can_be_muted_by_any():
    event = SimpleNamespace(task="bmtick-a", time=0, tags={"user": "x"})
    silences = Silences(SilenceFile("/nonexistent"), {"a": frozenset("*")}, print)
    silences._known = [silence(0, 9, name=ALL, user="x")]
    assert silences.muting(event, BEGIN * SECOND)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root")
def test_what_root_writes_the_user_of_the_watch_can_read(file):
    os.chown(file.path.parent, 65534, 65534)
    add(file, silence(0, 5))
    info = file.path.stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (65534, 65534, 0o600)
    History(path_of(str(file.path)), print)._append([0, 0], b"x\n")
    assert Path(path_of(str(file.path))).stat().st_uid == 65534


def test_a_silence_is_kept_for_a_week_after_its_end_and_no_longer(file):
    add(file, silence(0, 5), silence(0, 6))
    week = 7 * 86_400 * SECOND
    with file.change((BEGIN + 60 * 5) * SECOND + week) as known:
        assert [s.id for s in known] == ["bmtick--silence-0-6"]
    with file.change((BEGIN + 60 * 6) * SECOND + week - 1):
        pass
    assert [s.id for s in file.read()] == ["bmtick--silence-0-6"]


def test_a_thousand_silences_are_kept_and_one_more_is_refused(file):
    add(file, *(silence(0, until) for until in range(1, 1001)))
    assert len(file.read()) == 1000
    with pytest.raises(BmtickError, match="more than 1000"):
        add(file, silence(0, 1001))
    assert len(file.read()) == 1000

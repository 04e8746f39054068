"""The loop: nothing twice, nothing forgotten, whatever happens."""

import random

import pytest

from bmtick.collect.state import StateFile
from bmtick.errors import BmtickError
from bmtick.watch.failure import DeliveryError, PermanentError
from tests.watch.support import BEGIN, Box, Script, alert, watch

LENGTHS = [5, 10, 300, 250, 400, 20, 10, 500, 500, 3, 3]


def run(script, box, state=None, **options):
    """Tick once a minute, to the end."""
    one = watch(script, box, state, **options)
    one.start(from_start=True, now=BEGIN)
    for minute in range(len(script.points) + 2):
        status = one.tick(BEGIN + 60 * minute + 5)
    one.stop()
    return status


def test_mails_of_a_rise_and_a_fall():
    box = Box()
    status = run(Script(LENGTHS), box)
    assert [s.partition("]")[0] for s in box.subjects] == ["[CRITICAL", "[OK", "[CRITICAL", "[OK"]
    assert "300 messages" in box.subjects[0]
    assert (status.events, status.firing, status.waiting) == (4, 0, 0)
    assert len({mail.message_id for mail in box.mails}) == 4


def test_the_mails_of_an_incident_answer_its_first_one(tmp_path):
    """Also where the watch is restarted between them."""
    box = Box()
    for minute in range(len(LENGTHS) + 2):
        one = watch(Script(LENGTHS), box, tmp_path / "state")
        one.start(from_start=True, now=BEGIN)
        one.tick(BEGIN + 60 * minute + 5)
        one.stop()
    rise, fall, again, end = box.mails
    assert [m.headers.get("References") for m in box.mails] == [
        None,
        rise.message_id,
        rise.message_id,
        rise.message_id,
    ]
    assert fall.headers["In-Reply-To"] == rise.message_id
    assert f"References: {rise.message_id}\r\n".encode() in again.as_bytes()
    assert "The incident so far" not in end.text  # which is one alert: its mail says it all


class KilledError(Exception):
    pass


def test_killed_at_any_moment_nothing_is_lost_or_told_twice(tmp_path):
    """Die before or after each write of the state; what was delivered is the same."""
    whole = Box()
    run(Script(LENGTHS), whole)
    rolls = random.Random(7)

    class Mortal(StateFile):
        def prepare(self, *args, **options):
            if rolls.random() < 0.2:
                raise KilledError
            super().prepare(*args, **options)
            if rolls.random() < 0.2:
                raise KilledError

        def commit(self):
            super().commit()
            if rolls.random() < 0.2:
                raise KilledError

    for trial in range(20):
        box, state, minute, deaths = Box(), tmp_path / f"state{trial}", 0, 0
        while minute < len(LENGTHS) + 2:
            one = watch(Script(LENGTHS), box, state, state_class=Mortal)
            try:
                one.start(from_start=True, now=BEGIN)
                while minute < len(LENGTHS) + 2:
                    one.tick(BEGIN + 60 * minute + 5)
                    minute += 1
            except KilledError:
                deaths += 1
            finally:
                one.stop()
        assert deaths
        # a mail may come twice if the process dies right after it was sent: with the same id
        ids = dict.fromkeys(mail.message_id for mail in box.mails)
        assert list(ids) == [mail.message_id for mail in whole.mails]


def test_a_mail_server_that_is_down_gets_each_alert_later(tmp_path):
    box, warnings = Box(), []
    box.failure = DeliveryError("refused")
    status = run(Script(LENGTHS), box, tmp_path / "state", warnings=warnings, gather=False)
    assert (status.waiting, box.mails) == (4, [])
    assert len([w for w in warnings if "has to wait" in w]) == 1
    box.failure = None
    again = watch(Script(LENGTHS), box, tmp_path / "state", gather=False)
    again.start(from_start=True, now=BEGIN)
    assert again.tick(BEGIN + 10_000).waiting == 0
    again.stop()
    assert len(box.mails) == 4
    assert [s.partition("]")[0] for s in box.subjects] == ["[CRITICAL", "[OK", "[CRITICAL", "[OK"]


def test_what_grew_while_the_mail_server_was_down_is_told_once(tmp_path):
    box = Box()
    box.failure = DeliveryError("refused")
    lengths = LENGTHS[:5]
    assert run(Script(lengths), box, tmp_path / "state").waiting == 1
    again = watch(Script([*lengths, 20]), box, tmp_path / "state")
    again.start(from_start=True, now=BEGIN)
    assert again.tick(BEGIN + 400).waiting == 1
    again.stop()
    box.failure = None
    later = watch(Script([*lengths, 20]), box, tmp_path / "state")
    later.start(from_start=True, now=BEGIN)
    assert later.tick(BEGIN + 10_000).waiting == 0
    later.stop()
    (mail,) = box.mails
    assert mail.subject.startswith("[CRITICAL] mail: 300 messages in the Postfix queue")
    assert mail.subject.endswith("(over by now)")
    assert "20 messages" in mail.text
    assert "What to do now" in mail.text


def test_what_waits_is_bounded_and_given_up_in_the_end():
    box, warnings = Box(), []
    box.failure = DeliveryError("refused")
    script = Script([300, 1] * 20)
    one = watch(script, box, limit=5, warnings=warnings, gather=False)
    one.start(from_start=True, now=BEGIN)
    for minute in range(40):
        status = one.tick(BEGIN + 60 * minute + 5)
    assert status.waiting == 5
    assert any("oldest are given up" in w for w in warnings)
    for minute in range(40, 300, 5):
        status = one.tick(BEGIN + 60 * minute)
    assert status.waiting == 0
    assert any("is given up" in w for w in warnings)


def test_a_refusal_for_good_is_not_tried_again():
    box, warnings = Box(), []
    box.failure = PermanentError("550 no such user")
    assert run(Script(LENGTHS), box, warnings=warnings).waiting == 0
    assert len([w for w in warnings if "550 no such user" in w]) == 4


def test_a_changed_script_keeps_what_stands(tmp_path):
    box, state = Box(), tmp_path / "state"
    first = watch(Script([5, 300, 300]), box, state)
    first.start(from_start=True, now=BEGIN)
    for minute in range(3):
        first.tick(BEGIN + 60 * minute + 5)
    first.stop()
    script = Script([5, 300, 300, 300, 10])
    second = watch(script, box, state, alerts=[alert(crit=150)])
    second.start(from_start=True, now=BEGIN)
    for minute in range(3, 7):
        status = second.tick(BEGIN + 60 * minute + 5)
    second.stop()
    assert [s.partition("]")[0] for s in box.subjects] == ["[CRITICAL", "[OK"]
    assert status.firing == 0


def test_the_state_is_private(tmp_path):
    state = tmp_path / "deep" / "state"
    run(Script(LENGTHS), Box(), state)
    assert state.stat().st_mode & 0o777 == 0o600


def test_a_state_that_is_not_one_is_said_and_replaced(tmp_path):
    state, warnings = tmp_path / "state", []
    state.write_bytes(b"rubbish")
    run(Script(LENGTHS), Box(), state, warnings=warnings)
    assert any("cannot be used" in w for w in warnings)
    warnings.clear()
    run(Script(LENGTHS), Box(), state, warnings=warnings)
    assert not warnings


def test_two_watches_on_one_state_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("bmtick.collect.state._TIMEOUT", 0.1)
    one = watch(Script(LENGTHS), Box(), tmp_path / "state")
    one.start(from_start=True, now=BEGIN)
    with pytest.raises(BmtickError, match="uses the state"):
        watch(Script(LENGTHS), Box(), tmp_path / "state").start(from_start=True, now=BEGIN)
    one.stop()


def test_the_state_is_written_seldom_where_there_is_nothing_to_tell(tmp_path):
    writes = []

    class Counted(StateFile):
        def commit(self):
            super().commit()
            writes.append(1)

    quiet = Script([1] * 40 + [300])
    for number, point in enumerate(quiet.points):
        point.time = (BEGIN + number) * 10**9
    box, state = Box(), tmp_path / "state"
    one = watch(quiet, box, state, state_class=Counted)
    one.start(from_start=True, now=BEGIN)
    for second in range(40):
        one.tick(BEGIN + second)
    assert len(writes) == 1 + 3
    del writes[:]
    for second in range(40, 60):
        before = len(writes)
        one.tick(BEGIN + second)
        if box.mails:
            break
    assert (second < 60, len(writes) - before) == (True, 2)  # before it is told, and after
    quiet.points += Script([1]).points
    quiet.points[-1].time = (BEGIN + second + 1) * 10**9
    one.tick(BEGIN + second + 1)
    before = len(writes)
    one.finish(BEGIN + second + 1, 0)
    assert len(writes) == before + 1, "the next one reads nothing twice"

"""The history: every event once, whenever the watch is killed; bounded; readable."""

import json
import random
import stat

from bmtick.collect.state import StateFile
from bmtick.watch.history import History, path_of, read_history
from bmtick.watch.recorder import Recorder
from bmtick.watch.silences import SilenceFile, Silences, groups_of
from tests.watch.support import BEGIN, SECOND, USUAL, Box, Script, watch
from tests.watch.test_silences import LENGTHS, add, silence


class KilledError(Exception):
    pass


def recorder(state, history=None):
    silences = Silences(SilenceFile(str(state)), groups_of([USUAL]), print)
    return Recorder(silences, history or History(path_of(str(state)), print))


def run(state, box, lengths=LENGTHS, **options):
    one = watch(Script(lengths), box, state, recorder=recorder(state), **options)
    one.start(from_start=True, now=BEGIN)
    for minute in range(len(lengths) + 2):
        one.tick(BEGIN + 60 * minute + 5)
    one.stop()


def records(state):
    return list(read_history(path_of(str(state))))


def test_lines(tmp_path):
    state = tmp_path / "state"
    add(SilenceFile(str(state)), silence(4, 6))
    run(state, Box())
    found = records(state)
    assert [e["level"] for e in found] == ["CRITICAL", "OK", "CRITICAL", "OK"]
    assert [e.get("silenced") for e in found] == [None, "bmtick--silence-4-6", None, None]
    assert [e["handlers"] for e in found] == [["email"], [], ["email"], ["email"]]
    assert found[0]["alert"] == "postfix_queue"
    assert found[0]["time"] == "2026-01-05T08:02:00Z"
    assert found[0]["tags"]["host"] == "mail"
    assert found[0]["fields"]["value"] == 300
    path = tmp_path / "state.history"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(read_history(str(path), (BEGIN + 60 * 6) * SECOND)) == found[2:]


def test_each_event_once_whenever_it_is_killed(tmp_path):
    """Die before or after each write of the state, and in the midst of the history's."""
    whole = tmp_path / "whole"
    run(whole, Box())
    expected = [(e["time"], e["level"]) for e in records(whole)]
    rolls = random.Random(11)

    class Mortal(StateFile):
        def prepare(self, *args, **options):
            if rolls.random() < 0.15:
                raise KilledError
            super().prepare(*args, **options)
            if rolls.random() < 0.15:
                raise KilledError

        def commit(self):
            if rolls.random() < 0.15:
                raise KilledError
            super().commit()
            if rolls.random() < 0.15:
                raise KilledError

    class Torn(History):
        def append(self, place, lines):
            if lines and rolls.random() < 0.3:
                super().append(place, lines[: rolls.randrange(1, len(lines))])
                raise KilledError
            super().append(place, lines)

    for trial in range(40):
        state, minute, deaths = tmp_path / f"state{trial}", 0, 0
        while minute < len(LENGTHS) + 2:
            history = Torn(path_of(str(state)), print, limit=1500)
            one = watch(
                Script(LENGTHS),
                Box(),
                state,
                state_class=Mortal,
                recorder=recorder(state, history),
            )
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
        assert [(e["time"], e["level"]) for e in records(state)] == expected


def line(number):
    record = {"alert": "a", "time": "2026-01-05T08:00:00Z", "id": f"{number}", "level": "OK"}
    return json.dumps({**record, "message": "", "handlers": []}).encode() + b"\n"


def test_it_is_bounded(tmp_path):
    history = History(str(tmp_path / "h"), print, limit=600)
    for number in range(100):
        history._pending = [line(number)]
        history.append(*history.take())
    files = sorted(p.name for p in tmp_path.iterdir())
    assert files == ["h", "h.1", "h.2", "h.3"]
    assert all(p.stat().st_size <= 600 for p in tmp_path.iterdir())
    kept = [int(e["id"]) for e in read_history(str(tmp_path / "h"))]
    assert kept == list(range(kept[0], 100))
    assert len(kept) > 10


def test_a_broken_line_costs_only_itself(tmp_path):
    path = tmp_path / "h"
    path.write_bytes(line(1) + b'[]\n{"time": 3}\n' + line(2).replace(b"05T", b"99T") + b'{"ti')
    history = History(str(path), print)
    history._pending = [line(3)]
    history.append(*history.take())
    assert [e["id"] for e in read_history(str(path))] == ["1", "3"]


def test_a_history_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path):
    box, warnings = Box(), []
    (tmp_path / "state.history").mkdir()
    history = History(str(tmp_path / "state.history"), warnings.append)
    one = watch(Script(LENGTHS), box, tmp_path / "state", recorder=Recorder(None, history))
    one.start(from_start=True, now=BEGIN)
    for minute in range(13):
        one.tick(BEGIN + 60 * minute + 5)
    one.stop()
    assert len(box.mails) == 4
    assert len(warnings) == 1
    assert "cannot write the history" in warnings[0]


def written(history, *numbers):
    history._pending = [line(number) for number in numbers]
    history.append(*history.take())


def test_a_history_that_fails_again_is_said_again(tmp_path):
    path, warnings = tmp_path / "h", []
    history = History(str(path), warnings.append)
    for _ in range(2):
        path.mkdir()
        written(history, 1)
        written(history, 2)
        path.rmdir()
        written(history, 3)
        path.unlink()
    assert len(warnings) == 2


def test_what_just_fits_is_written_to_the_same_file(tmp_path):
    path = tmp_path / "h"
    size = len(line(1))
    history = History(str(path), print, limit=2 * size)
    written(history, 1)
    written(history, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["h"]
    written(history, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h", "h.1"]
    assert path.stat().st_size == size


def test_what_is_longer_than_a_file_makes_no_empty_one_before_it(tmp_path):
    path = tmp_path / "h"
    path.touch()
    written(History(str(path), print, limit=1), 1)
    assert [p.name for p in tmp_path.iterdir()] == ["h"]

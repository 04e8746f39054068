"""Each folder in ``cases`` gives what a real Kapacitor gave. A new folder is a new case."""

import json

import pytest

from bmtick.engine.batches import read_recording
from bmtick.errors import BmtickError
from tests.engine.live import Outcome, batches_here, here, plain, replayed_here, shifted
from tests.engine.record import BATCH_CASES, BATCH_DATABASE, CASES, read_case, span_of

BATCHES = sorted(folder for folder in BATCH_CASES.iterdir() if folder.is_dir())
FOLDERS = sorted(folder for folder in CASES.iterdir() if folder.is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_same_as_recorded(folder):
    script, lines, variables = read_case(folder)
    if (folder / "refused.txt").exists():
        with pytest.raises(BmtickError):
            here(script, lines, name=folder.name, variables=variables)
        return
    recorded = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
    expected = Outcome(recorded, json.loads((folder / "http.json").read_text()))
    found = here(script, lines, name=folder.name, variables=variables)
    if (folder / "live").exists():  # where the server's clock shows, to a tenth of a second
        found.events, found.outputs = shifted(found.events, 0), shifted(found.outputs, 0)
    assert found.by_id() == expected.by_id()
    assert found.series() == expected.series()


def events_of(folder):
    return [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("folder", BATCHES, ids=lambda folder: folder.name)
def test_answers_lead_to_the_recorded_events(folder):
    script = (folder / "script.tick").read_text()
    answers = read_recording((folder / "answers.brpl").read_bytes(), file=folder.name)
    found = replayed_here(script, answers, name=folder.name)
    assert found.by_id() == Outcome(events_of(folder), {}).by_id()
    assert len(found.events) > 0


@pytest.fixture(scope="module")
def filled(influx):
    """InfluxDB with the points of all batch cases."""
    lines = (BATCH_CASES / "points.lp").read_text().splitlines()
    influx.execute(f'CREATE DATABASE "{BATCH_DATABASE}"')
    influx.write(lines, db=BATCH_DATABASE)
    yield span_of(lines)
    influx.execute(f'DROP DATABASE "{BATCH_DATABASE}"')


@pytest.mark.parametrize("folder", BATCHES, ids=lambda folder: folder.name)
def test_queries_get_the_recorded_answers(folder, filled, influx):
    script = (folder / "script.tick").read_text()
    asked = batches_here(script, influx, name=folder.name, **filled)
    recorded = read_recording((folder / "answers.brpl").read_bytes(), file=folder.name)
    assert [plain(batches) for batches in asked] == [plain(batches) for batches in recorded]


def test_the_cases_say_something():
    events = [f for f in FOLDERS if (f / "expected.jsonl").exists()]
    assert sum((f / "expected.jsonl").stat().st_size > 0 for f in events) >= 20
    assert sum('"values"' in (f / "http.json").read_text() for f in events) >= 20

"""Each folder in ``cases`` gives what a real Kapacitor gave. A new folder is a new case."""

import json

import pytest

from bmtick.errors import BmtickError
from tests.engine.live import Outcome, here, shifted
from tests.engine.record import CASES, read_case

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


def test_the_cases_say_something():
    events = [f for f in FOLDERS if (f / "expected.jsonl").exists()]
    assert sum((f / "expected.jsonl").stat().st_size > 0 for f in events) >= 20
    assert sum('"values"' in (f / "http.json").read_text() for f in events) >= 20

"""Random batch scripts over random points: a real Kapacitor queries the same, and says the same."""

from contextlib import suppress

import pytest

from bmtick.engine.batches import read_recording
from bmtick.errors import BmtickError
from tests.engine.generator import generate_batch
from tests.engine.live import (
    Outcome,
    batches_here,
    batches_on_kapacitor,
    plain,
    replayed_here,
)


@pytest.mark.parametrize("seed", range(20_000, 20_024))
def test_same_as_kapacitor(kapacitor, influx, tmp_path, seed):
    case = generate_batch(seed)
    if "|combine" in case.script:
        pytest.skip("the server may crash")
    if case.script.count("|groupBy(") > 1:
        pytest.skip("in which order a groupBy hands its groups to another one is chance")
    name = f"batch-{seed}"
    script = case.script.replace("{db}", name)
    influx.execute(f'CREATE DATABASE "{name}"')
    try:
        for line in case.lines:  # one by one: those whose field has another type are refused
            with suppress(AssertionError):
                influx.write(line, db=name)
        compare(kapacitor, influx, script, case, name, tmp_path)
    finally:
        influx.execute(f'DROP DATABASE "{name}"')


def compare(kapacitor, influx, script, case, name, folder):
    span = {"begin": case.begin, "end": case.end}
    data, real = batches_on_kapacitor(kapacitor, script, name=name, folder=folder, db=name, **span)
    try:
        asked = batches_here(script, influx, name=name, **span)
        recorded = read_recording(data, file="r") if data else asked
        found = replayed_here(script, recorded, name=name)
    except BmtickError as error:
        asked, recorded, found = [], [], Outcome([], {}, str(error))
    assert bool(found.problem) == bool(real.problem), (found.problem, real.problem, script)
    if not real.problem:
        assert [plain(b) for b in asked] == [plain(b) for b in recorded], script
        assert found.by_id() == real.by_id(), script

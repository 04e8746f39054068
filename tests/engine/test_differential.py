"""Random scripts over random points: a real Kapacitor and the engine say the same."""

import pytest

from bmtick.errors import BmtickError
from tests.engine.generator import generate
from tests.engine.live import Outcome, here, on_kapacitor

# Groups that share an alert id share its state: which comes first is chance in Kapacitor where
# a batch is split into groups, which its map of groups hands on in no order.
_RACY = (".id('one')", "index .Tags")


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("seed", range(10_000, 10_012))
def test_same_as_kapacitor(kapacitor, tmp_path, seed, wild):
    case = generate(seed, wild=wild)
    name = f"random-{'wild' if wild else 'tame'}-{seed}"
    if any(text in case.script for text in _RACY) or "|combine" in case.script:
        pytest.skip("the order of groups counts here, or the server may crash")
    real = on_kapacitor(kapacitor, case.script, case.lines, name=name, folder=tmp_path)
    try:
        found = here(case.script, case.lines, name=name)
    except BmtickError as error:
        found = Outcome([], {}, str(error))
    assert bool(found.problem) == bool(real.problem), (found.problem, real.problem)
    if not real.problem:
        assert found.by_id() == real.by_id(), case.script
        assert found.series() == real.series(), case.script

"""Random scripts over random points: a restart in the middle changes nothing."""

import json

import pytest

from bmtick.engine import load_task
from bmtick.points import parse_lines
from tests.engine.generator import generate


def taken(task):
    events = [(e.to_json(), e.details, e.duration) for e in task.take_events()]
    written = [(w.database, w.point.to_line()) for w in task.take_written()]
    return events, written


def run(script, points, cut=None):
    task = load_task(script, file="s.tick", name="task")
    events, written = [], []
    for number, point in enumerate(points):
        if number == cut:
            events, written = taken(task)
            state = json.loads(json.dumps(task.snapshot()))
            task = load_task(script, file="s.tick", name="task")
            task.restore(state)
        task.advance(point.time)
        task.feed(point)
    task.close()
    more = taken(task)
    return events + more[0], written + more[1], task.http_outputs(), task.stopped


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("block", range(8))
def test_a_restart_changes_nothing(block, wild):
    for seed in range(block * 20, block * 20 + 20):
        case = generate(seed, wild=wild)
        points = list(parse_lines(case.lines))
        whole = run(case.script, points)
        if not whole[3]:
            assert run(case.script, points, cut=len(points) // 2) == whole, case.script


def test_a_state_of_another_version_is_refused():
    task = load_task("stream|from()|log()", file="s.tick", name="task")
    with pytest.raises(Exception, match="not of this version"):
        task.restore({"version": 0})

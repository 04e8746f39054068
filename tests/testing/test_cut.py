"""Thresholds that a node before the alert knows: judged from what came there, as by another run."""

import random

import pytest

from bmtick.alerts import find
from bmtick.durations import SECOND
from bmtick.engine import load_task
from bmtick.points import Point
from bmtick.testing.backtest import Run, Subject
from bmtick.testing.cut import Cut
from bmtick.testing.episodes import alert_nodes
from bmtick.testing.recorder import Counted, Recorder

BEGIN = 1_767_600_000 * SECOND
USERS = ("anna@example.org", "ben", "a'b$(c)", "")


def users(seed):
    """An hour or two of users who send, pause, and come again."""
    noise = random.Random(seed)
    time = BEGIN
    for _ in range(400):
        time += noise.choice((0, 10, 10, 10, 30, 900)) * SECOND
        tags = {"host": noise.choice(("a", "b")), "user": noise.choice(USERS)}
        if noise.random() < 0.3:
            tags["datalocation"] = "bm_master"
        fields = {"messages": noise.choice((0, 1, 5, 40)), "recipients": 1, "bytes": 1}
        if noise.random() < 0.03:
            fields = {"recipients": 1}
        if noise.random() < 0.02:
            fields["messages"] = 2.5
        late = noise.random() < 0.05
        yield Point("postfix_sender", tags, fields, time - late * 20 * SECOND)


def run_whole(track, points, threshold):
    task = track._with(threshold)
    (counted,) = [Counted(node) for node in alert_nodes(task)]
    for point in points:
        task.advance(point.time)
        task.feed(point, "", "")
    task.advance(max(point.time for point in points) + 5 * SECOND)
    task.close()
    return counted.changes.critical


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_another_run(seed):
    points = list(users(seed))
    run = Run([Subject("r", find("sender_messages"), {"crit": 20})], None)
    for point in points:
        run.feed(point)
    (result,) = run.finish()
    (track,) = run._tracks
    assert not track.points  # none is kept for another run
    counts = {row.threshold: row.episodes for row in result.rows}
    assert counts[20] == len(result.episodes) > 0
    for threshold, count in counts.items():
        assert count == run_whole(track, points, threshold), threshold


SCRIPT = """
var crit = 5
stream
    |from().measurement('m').groupBy('host'){above}
    |eval(lambda: "v", lambda: {made}).as('value', 'crit')
    |alert().crit(lambda: {condition}){more}
"""


@pytest.mark.parametrize(
    ("above", "made", "condition", "more", "cut"),
    [
        ("", "crit", '"value" >= "crit"', "", True),
        ("|where(lambda: \"v\" > 1)|default().field('x', 1)", "crit + 1", '"value" > "crit"', "", True),
        ('|where(lambda: "v" > crit)', "crit", '"value" >= "crit"', "", False),
        ("|default().field('x', crit)", "crit", '"value" >= "crit"', "", False),
        ("", "crit + count()", '"value" >= "crit"', "", False),
        ("", 'crit + hour("time")', '"value" >= "crit"', "", False),
        ("", "crit", 'sigma("value") >= "crit"', "", False),
        ("", "crit", '"value" >= "crit" AND hour("time") > 5', "", False),
        ("", "crit", '"value" >= "crit" AND unixNano(now()) > 5', "", False),
        ("", "crit", '"value" >= "crit"', '.critReset(lambda: "value" < 2)', False),
        ("", "crit", '"value" >= "crit"', '.warn(lambda: "value" > 2)', True),
    ],
)  # fmt: skip
def test_what_can_be_cut(above, made, condition, more, cut):
    text = SCRIPT.format(above=above, made=made, condition=condition, more=more)

    assert (Cut.between(loaded(text, 5), loaded(text, 6)) is not None) is cut


def loaded(text, crit):
    variables = {"crit": {"type": "int", "value": crit}}
    return load_task(text, file="x.tick", name="x", variables=variables)


ALIKE = (
    ({}, {"v": 7}),  # CRITICAL
    ({}, {"w": 7}),  # nothing to compare: the level stays
    ({}, {"v": 1}),
    ({}, {"w": 7}),
    ({}, {"v": 7.0}),  # another type, which the condition does not take
    ({"known": "true"}, {"v": 7}),  # another tag, which the condition reads
    ({"v": "7"}, {"v": 7}),  # both a field and a tag: no value
)


@pytest.mark.parametrize("crit", [1, 2, 3, 4])
def test_points_that_are_not_quite_alike_are_kept_apart(crit):
    condition = '"value" / 2 >= "crit" AND !isPresent("known")'
    text = SCRIPT.format(above="", made="crit", condition=condition, more="")
    cut_task, whole = loaded(text, 3), loaded(text, crit)
    cut = Cut.between(cut_task, loaded(text, 4))
    (counted,) = [Counted(node) for node in alert_nodes(whole)]
    for number, (tags, fields) in enumerate(ALIKE * 2):
        for task in (cut_task, whole):
            task.feed(Point("m", {"host": "a", **tags}, fields, BEGIN + number * SECOND))
    assert cut.count(loaded(text, crit)) == counted.changes.critical
    assert counted.changes.critical == (2 if crit < 4 else 0)


@pytest.mark.parametrize("crit", [1, 2, 3, 4])
def test_points_that_are_not_quite_alike_are_judged_apart(crit):
    text = """
        stream
            |from().measurement('m')
            |alert().crit(lambda: "v" / 2 >= crit AND !isPresent("known"))
        """
    text = f"var crit = 3{text}"
    one, whole = loaded(text, 3), loaded(text, crit)
    recorder = Recorder(alert_nodes(one)[0])
    counted = Counted(alert_nodes(whole)[0])
    for number, (tags, fields) in enumerate(ALIKE * 2):
        for task in (one, whole):
            task.feed(Point("m", tags, fields, BEGIN + number * SECOND))
    (node,) = alert_nodes(loaded(text, crit))
    assert recorder.count(node.levels) == counted.changes.critical


def test_what_is_no_number_is_no_value():
    text = SCRIPT.format(above="", made="crit", condition='"value" >= 0.5', more="")
    task = load_task(text, file="x.tick", name="x")
    recorder = Recorder(alert_nodes(task)[0])
    for number, value in enumerate((1.5, float("nan"), 1.5)):
        task.feed(Point("m", {"host": "a"}, {"v": value}, BEGIN + number * SECOND))
    assert recorder.values() == {1.5: 2}


@pytest.mark.parametrize("above", ["", "|barrier().period(2s).delete(TRUE)"])
def test_a_cut_task_gives_the_events_that_it_gives_uncut(above):
    text = SCRIPT.format(above=above, made="crit", condition='"value" >= "crit"', more="")
    whole, one, other = (load_task(text, file="x.tick", name="x") for _ in range(3))
    assert Cut.between(one, other)
    for task in (whole, one):
        for number, value in enumerate((1, 7, "x", 7, 2)):
            task.advance(BEGIN + number * SECOND)
            task.feed(Point("m", {"host": "a"}, {"v": value}, BEGIN + number * SECOND))
    assert whole.snapshot() == one.snapshot()
    assert whole.take_events() == one.take_events()
    assert whole.diagnostics() == one.diagnostics()


def test_an_operator_that_broke_is_noticed():
    """It fails from then on, whatever comes: alike points are no longer judged alike."""
    made = 'if((1.5 >= "c") OR (!"a"), crit, 0)'
    text = SCRIPT.format(above="", made=made, condition='"value" >= "crit"', more="")
    one, other = (load_task(text, file="x.tick", name="x") for _ in range(2))
    cut = Cut.between(one, other)
    one.feed(Point("m", {"host": "a"}, {"v": 1, "c": 1.0, "a": True}, BEGIN))
    assert not cut.broken
    one.feed(Point("m", {"host": "a"}, {"v": 1, "c": 2.0, "a": 5}, BEGIN))
    assert cut.broken

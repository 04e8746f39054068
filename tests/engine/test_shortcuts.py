"""Ways that save work change nothing: running sums of sliding windows, texts that are looked up."""

import json
from random import Random

import pytest

from bmtick.engine import load_task
from bmtick.engine.nodes.influxql import InfluxQLNode
from bmtick.engine.nodes.window import WindowNode
from bmtick.points import Point

SECOND = 10**9
START = 1_767_600_000 * SECOND

SLIDING = """
stream
    |from().measurement('m').groupBy('host')
    {barrier}
    |window().period({period}s).every(0s)
    |{method}('n').as('value')
    |log()
    |alert().crit(lambda: "value" > {crit}).message('{{{{ .Group }}}} {{{{ index .Fields "value" }}}}')
"""


def sliding(random):
    barrier = random.choice(("", "|barrier().idle(7s).delete(TRUE)", "|barrier().idle(4s)"))
    script = SLIDING.format(
        barrier=barrier,
        period=random.randint(1, 20),
        method=random.choice(("sum", "count")),
        crit=random.randint(0, 12),
    )
    wild = random.random() < 0.5
    points, now = [], START
    for _ in range(80):
        now += random.choice((0, 0, 1, 1, 2, 5, 12)) * SECOND
        late = random.randint(1, 9) * SECOND if wild and random.random() < 0.05 else 0
        value = random.randint(-3, 9)
        if random.random() < 0.02:
            value = 2**62
        if wild and random.random() < 0.05:
            value = random.choice((1.5, "text", True, None))
        fields = {"o": 1} if value is None else {"n": value}
        points.append(Point("m", {"host": random.choice("ab")}, fields, now - late))
    return script, points


def outcome(script, points, cut=None):
    task = load_task(script, file="s.tick", name="task")
    said = []
    for number, point in enumerate(points):
        if number == cut:
            state = json.loads(json.dumps(task.snapshot()))
            said += [event.to_json() for event in task.take_events()]
            task = load_task(script, file="s.tick", name="task")
            task.restore(state)
        task.advance(point.time)
        task.feed(point)
    task.advance(points[-1].time + 60 * SECOND)
    task.close()
    said += [event.to_json() for event in task.take_events()]
    problems = [] if cut else [(d.node, d.message, d.count) for d in task.diagnostics()]
    return said, problems, task.stopped


@pytest.mark.parametrize("block", range(6))
def test_running_sums_are_those_of_the_batches(block, monkeypatch):
    cases = [sliding(Random(seed)) for seed in range(block * 50, block * 50 + 50)]
    quick = [(outcome(*case), outcome(*case, cut=40)) for case in cases]
    monkeypatch.setattr(InfluxQLNode, "slides", False)
    for case, (whole, restarted) in zip(cases, quick, strict=True):
        assert whole == outcome(*case), case[0]
        assert restarted == outcome(*case, cut=40), case[0]


def test_a_sum_of_integers_makes_no_batch():
    script = SLIDING.format(barrier="", period=10, method="sum", crit=3)
    points = [Point("m", {"host": "a"}, {"n": 2}, START + n * SECOND) for n in range(5)]
    task = load_task(script, file="s.tick", name="task")
    window = next(node for node in task.nodes if isinstance(node, WindowNode))
    window.forward = pytest.fail
    for point in points:
        task.feed(point)
    assert [e.fields["value"] for e in task.take_events()] == [4, 6, 8, 10]


TEXTS = """
stream
    |from().measurement('m')
    |eval(lambda: 'x' + strReplace("who", '_', '%', -1), lambda: "who" =~ /^a/)
        .as('part', 'early')
    |alert().crit(lambda: TRUE).message('{{ index .Fields "part" }} {{ index .Fields "early" }}')
"""


def test_texts_are_looked_up_by_tags_alone():
    def said(*points):
        task = load_task(TEXTS, file="s.tick", name="task")
        for tags, fields in points:
            task.feed(Point("m", tags, fields, START))
        messages = [event.message for event in task.take_events()]
        return messages, [d.message for d in task.diagnostics()]

    one, other = {"who": "a_b"}, {"who": "b_c"}
    assert said((one, {"n": 1}), (other, {"n": 1}), (one, {"n": 2})) == (
        ["xa%b true", "xb%c false", "xa%b true"],
        [],
    )
    # a field of that name counts before a remembered tag, and the type that it brings stays
    assert said(({}, {"who": "f_g"}), (one, {"n": 1}), ({}, {"who": "a_x"}))[0] == [
        "xf%g false",
        "xa%b true",
        "xa%x true",
    ]
    messages, problems = said((one, {"n": 1}), ({}, {"n": 1}), (one, {"n": 1}))
    exactly, same = said(({}, {"n": 1}), (one, {"n": 1}))
    assert messages[:1] == ["xa%b true"]
    assert messages[1:] == exactly
    assert problems == same

"""Deadman, stats and barrier act on the clock of the data.

What is expected here was seen on a real Kapacitor 1.5.7 with the same script and the same times,
scaled to milliseconds.
"""

from bmtick.engine import load_task
from bmtick.points import Point

SECOND = 10**9
START = 1_767_600_000


def run(script, points, *, until):
    """Feed (second, host, value); return (second, id, level, fields) of the events."""
    task = load_task(script, file="s.tick", name="t")
    task.advance(START * SECOND)
    for second, host, value in points:
        time = START * SECOND + round(second * SECOND)
        task.advance(time)
        task.feed(Point("m", {"host": host}, {"v": value}, time))
    task.advance((START + until) * SECOND)
    return [
        (round(event.time / SECOND - START, 3), event.id, event.level, event.fields)
        for event in task.take_events()
    ]


def test_deadman_fires_and_recovers():
    script = "stream|from().groupBy('host')|deadman(1.0, 10s)"
    busy = [(second, "a", 1.0) for second in range(1, 40, 2)]
    again = [(second, "a", 1.0) for second in range(81, 99, 2)]
    events = run(script, busy + again, until=121)
    name = "host=a:from1 for task 't'"
    assert [(time, id_, level) for time, id_, level, _ in events] == [
        (50, name, "CRITICAL"),
        (60, name, "CRITICAL"),
        (70, name, "CRITICAL"),
        (80, name, "CRITICAL"),
        (90, name, "OK"),
        (110, name, "CRITICAL"),
        (120, name, "CRITICAL"),
    ]
    assert events[0][3] == {"emitted": 0.0}


def test_deadman_without_any_data_watches_the_nil_group():
    events = run("stream|from().groupBy('host')|deadman(0.0, 10s)", [], until=25)
    assert [(time, id_) for time, id_, *_ in events] == [(20, "nil:from1 for task 't'")]


BARRIER = """
stream
    |from().groupBy('host')
    |barrier().idle(3s){extra}
    |window().period(2s).every(2s)
    |count('v')
    |alert().info(lambda: TRUE).id('{{{{ .Group }}}}')
"""
POINTS = [(i + 0.37 if i else 0, "b" if i % 3 == 0 else "a", float(i)) for i in range(8)]


def test_an_idle_barrier_closes_windows_again_and_again():
    events = run(BARRIER.format(extra=""), POINTS, until=15)
    counts = [(time, fields["count"]) for time, id_, _, fields in events if id_ == "host=a"]
    assert counts == [(3.37, 2), (6.37, 2), (9.37, 1), (12.37, 0)]


def test_a_deleted_group_starts_afresh():
    events = run(BARRIER.format(extra=".delete(TRUE)"), POINTS, until=15)
    counts = [(time, fields["count"]) for time, id_, _, fields in events if id_ == "host=a"]
    assert counts == [(3.37, 2), (6.37, 2), (9.37, 1)]


def test_points_of_a_moment_come_before_its_timers():
    script = "stream|from()|barrier().idle(3s)|window().period(3s).every(3s)|count('v')"
    script += "|alert().info(lambda: TRUE)"
    events = run(script, [(0, "a", 1.0), (3, "a", 2.0)], until=5)
    assert [(time, fields["count"]) for time, _, _, fields in events] == [(3, 1)]

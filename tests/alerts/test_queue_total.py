"""The queue's total against a model: any gathers, jittered, with series missing, in any order."""

import json
import time
from datetime import datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bmtick.alerts import find, render
from bmtick.durations import SECOND
from bmtick.engine import load_task
from bmtick.names import QUEUES
from bmtick.points import Point
from tests.alerts.firing import START

Gather = tuple[int, list[tuple[str, int]]]  # seconds after the one before, lengths by queue
GATHERS = st.lists(
    st.tuples(
        st.integers(3, 20),  # every 10 s with up to 10 s of jitter
        st.lists(
            st.tuples(st.sampled_from(QUEUES), st.integers(0, 120)),
            min_size=1,
            unique_by=lambda length: length[0],
        ),
    ),
    min_size=1,
    max_size=25,
)


SCRIPT = render(find("postfix_queue"), {}).script


def expected(gathers: list[Gather], crit: int = 200) -> list[tuple[int, str, int]]:
    """(time, level, total) of each change: the last known lengths after each whole gather."""
    known: dict[str, int] = {}
    found, standing, now = [], False, 0
    for gap, lengths in gathers:
        now += gap
        known.update(lengths)
        total = sum(known.values())
        if (total >= crit) != standing:
            standing = not standing
            found.append((now, "CRITICAL" if standing else "OK", total))
    return found


def points(gathers: list[Gather]) -> list[Point]:
    found, now = [], START
    for gap, lengths in gathers:
        now += gap
        found += [
            Point("postfix_queue", {"host": "h", "datalocation": "d", "queue": q}, {"length": n}, now * SECOND)
            for q, n in lengths
        ]  # fmt: skip
    return found


@settings(max_examples=200, deadline=None)
@given(GATHERS)
def test_engine_changes_level_where_the_model_does(gathers):
    task = load_task(SCRIPT, file="q.tick", name="q")
    for point in points(gathers):
        task.advance(point.time)
        task.feed(point)
    task.advance(point.time + 5 * SECOND)
    events = [(e.time // SECOND - START, e.level, e.fields["value"]) for e in task.take_events()]
    assert events == expected(gathers)


def random_gathers(random: Random) -> list[Gather]:
    found = []
    for _ in range(random.randint(5, 40)):
        queues = random.sample(QUEUES, random.randint(1, 5))
        found.append((random.randint(3, 20), [(q, random.randint(0, 120)) for q in queues]))
    return found


def test_kapacitor_changes_level_where_the_model_does(kapacitor, tmp_path):
    """Fifty hosts at once, each with gathers of its own, on the real server."""
    random = Random(2019)
    log = tmp_path / "events"
    hosts = {f"h{n}": random_gathers(random) for n in range(50)}
    assert sum(len(expected(gathers)) for gathers in hosts.values()) > 150
    script = render(find("postfix_queue"), {"recipients": [], "log": str(log)}).script
    assert kapacitor.define("queue-model", script).status_code == 200
    lines = []
    for host, gathers in hosts.items():
        for point in points(gathers):
            point.tags.update(host=host, datalocation=host)
            lines.append((point.time, point.to_line()))
    kapacitor.write([line for _, line in sorted(lines, key=lambda pair: pair[0])])
    time.sleep(4)
    kapacitor.delete("queue-model")
    found: dict[str, list] = {host: [] for host in hosts}
    for event in map(json.loads, log.read_text().splitlines() if log.exists() else []):
        series = event["data"]["series"][0]
        fields = dict(zip(series["columns"], series["values"][0], strict=True))
        seconds = int(datetime.fromisoformat(event["time"]).timestamp()) - START
        found[series["tags"]["host"]].append((seconds, event["level"], fields["value"]))
    assert found == {host: expected(gathers) for host, gathers in hosts.items()}

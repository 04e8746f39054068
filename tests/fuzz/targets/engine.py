"""The embedded engine: a script is refused, or runs over points; what it knows survives a copy."""

import json

from bmtick.engine import load_task
from bmtick.points import Point

SEEDS = ["tests/engine/cases/*/script.tick", "tick-scripts/*.tick"]

_POINTS = [
    ("postfix_queue", {"queue": "active", "host": "a"}, {"length": 5, "size": 10**6, "age": 1.5}),
    ("postfix_queue", {"queue": "deferred", "host": "b"}, {"length": 500, "size": -1, "age": 0.0}),
    ("postfix_sender", {"user": "a b,c=d", "host": "a"}, {"messages": 7, "recipients": 2**62}),
    ("m", {"host": "a", "x": "{{"}, {"value": 1.0, "s": "text'\"\\", "b": True, "i": -(2**63)}),
    ("m", {}, {"value": 1e308, "s": "", "b": False, "i": 2**63 - 1}),
]
_NOW = 1_780_000_000_000_000_000


def fuzz(data: bytes) -> None:
    """Load a script and feed it."""
    text = data.decode("utf-8", "replace")
    task = load_task(text, file="x.tick", name="x", now=None)
    for second in range(0, 120, 7):
        for name, tags, fields in _POINTS:
            time = _NOW + second * 10**9
            task.advance(time)
            task.feed(Point(name, tags, fields, time), "", "")
            if task.stopped:
                return
    try:
        kept = json.loads(json.dumps(task.snapshot()))
    except ValueError as error:
        raise AssertionError(f"the state is no JSON: {error}") from error
    copy = load_task(text, file="x.tick", name="x", now=None)
    copy.restore(kept)
    task.close()
    for event in task.take_events():
        json.loads(event.to_json())
    for written in task.take_written():
        assert "\n" not in written.point.to_line()
    json.dumps(task.http_outputs())
    str([str(d.message) for d in task.diagnostics()])

"""Runs firing cases in the embedded engine, on the clock that the real server had."""

from __future__ import annotations

from bmtick.durations import SECOND
from bmtick.engine import load_task
from bmtick.points import parse_lines
from tests.alerts.firing import START, Case, event_line

CLOCK = 2_000_000_000 * SECOND  # the server's; the data is older, as in the recording


def run(case: Case, form: str) -> list[str]:
    rendered = case.render(form, recipients=[])
    task = load_task(
        rendered.script,
        file=f"{case.name}.tick",
        name=case.name,
        variables=rendered.variables or None,
    )
    now = CLOCK
    task.advance(now)
    for step in case.steps:
        for point in parse_lines(case.lines(step)):
            task.feed(point, case.database(form), "autogen")
        for _ in range(step["after"]):
            now += SECOND
            task.advance(now)
    task.advance(now + SECOND)
    assert not task.diagnostics(), task.diagnostics()
    return [line(event) for event in task.take_events()]


def line(event) -> str:
    seconds = event.time / SECOND - START
    return event_line(seconds if seconds < 10**7 else None, event.level, event.id, event.message)

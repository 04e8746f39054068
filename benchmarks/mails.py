"""How many mails an incident is, or a quiet week: ``python -m benchmarks.mails``.

The simulated logs of ``benchmarks.thresholds`` go through ``bmtick watch``'s alerts and outbox: once
with each alert a mail, once with one incident as one mail that grows.
"""

from __future__ import annotations

import argparse
from statistics import mean

from benchmarks.thresholds import judge
from benchmarks.thresholds.incidents import KINDS
from bmtick.alerts import catalogue, render
from bmtick.durations import HOUR, SECOND
from bmtick.watch.outbox import Outbox
from bmtick.watch.tasks import Tasks

_AFTER = 30  # hours after the last line: until all is over


def mails(case: judge.Case, alerts: list[str]) -> dict[bool, list[str]]:
    """Return the subjects, gathered and not."""
    rendered = [render(catalogue()[name], {"recipients": ["a@example.org"]}) for name in alerts]
    tasks = Tasks(rendered, "mail", print)
    boxes = {gather: Outbox(1 << 20, 1e12, print, gather=gather) for gather in (True, False)}
    events = tasks.feed(case.points)
    end = case.points[-1].time
    for hour in range(1, _AFTER + 1):
        events += tasks.advance(end + hour * HOUR)
    for event in sorted(events, key=lambda event: event.time):
        if "_silent" not in event.task:  # the log has ended
            for box in boxes.values():
                box.advance(event.time, event.time / SECOND)
                box.put(event, event.time / SECOND)
    return {gather: [d.event["message"] for d in box.waiting] for gather, box in boxes.items()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mails", description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--backgrounds", nargs="*", default=["filter_gateway"])
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--days", type=float, default=7, help="of one quiet run")
    parser.add_argument(
        "--all", action="store_true", help="the whole catalogue, not the recommended"
    )
    parser.add_argument("--show", action="store_true", help="the subjects of gathered mails")
    given = parser.parse_args(arguments)
    chosen = [
        name
        for name, alert in catalogue().items()
        if not alert.batch and (alert.recommended or given.all)
    ]
    for name in [*given.kinds, *given.backgrounds]:
        found = [
            mails(
                judge.incident(name, 1 + 2 * run)
                if name in KINDS
                else judge.quiet(name, 1 + 2 * run, given.days),
                chosen,
            )
            for run in range(given.runs)
        ]
        counts = {gather: mean(len(one[gather]) for one in found) for gather in (True, False)}
        print(
            f"{name:24} each alert {counts[False]:6.1f}   gathered {counts[True]:6.1f}", flush=True
        )
        if given.show:
            for one in found:
                print(*(f"    {subject[:150]}" for subject in one[True]), sep="\n")


if __name__ == "__main__":
    main()

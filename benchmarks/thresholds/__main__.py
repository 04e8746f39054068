"""``python -m benchmarks.thresholds``: every kind of incident, and quiet weeks, through the program.

Even seeds are for choosing thresholds, odd ones are kept aside: what is published is theirs.
``python -m benchmarks.thresholds.verdicts`` asks ``suspects`` and ``relays`` about the same logs.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from benchmarks.thresholds import judge, table
from benchmarks.thresholds.incidents import KINDS
from benchmarks.thresholds.server import FEATURES


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.thresholds", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each kind of incident")
    parser.add_argument("--quiet-runs", type=int, default=3, help="of each background")
    parser.add_argument("--days", type=float, default=14, help="of one quiet run")
    parser.add_argument(
        "--kinds", nargs="*", default=list(KINDS), choices=list(KINDS), metavar="KIND"
    )
    parser.add_argument(
        "--backgrounds",
        nargs="*",
        default=list(FEATURES),
        choices=list(FEATURES),
        metavar="BACKGROUND",
    )
    parser.add_argument("--half", choices=("tune", "aside", "both"), default="tune")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--alerts", nargs="*", default=[], metavar="ALERT", help="none: the recommended"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--details", action="store_true", help="each run on stderr")
    given = parser.parse_args(arguments)
    step = 1 if given.half == "both" else 2
    first = given.first_seed * step + (given.half == "aside")
    jobs = [("incident", kind, first + step * n) for kind in given.kinds for n in range(given.runs)]
    jobs += [
        ("quiet", name, first + step * n)
        for name in given.backgrounds
        for n in range(given.quiet_runs)
    ]
    one = partial(_job, days=given.days, alerts=tuple(given.alerts))
    found: dict[str, list[judge.Outcome]] = {"incident": [], "quiet": []}
    with ProcessPoolExecutor(given.processes) as pool:
        for job, outcome in zip(jobs, pool.map(one, jobs), strict=True):
            found[job[0]].append(outcome)
            if given.details:
                _tell(job[0], outcome)
    for sort, show in (("incident", table.incidents), ("quiet", table.backgrounds)):
        if found[sort]:
            print(show(found[sort]) + "\n")


def _job(job: tuple[str, str, int], *, days: float, alerts: tuple[str, ...]) -> judge.Outcome:
    sort, name, seed = job
    case = judge.incident(name, seed) if sort == "incident" else judge.quiet(name, seed, days)
    return judge.run(case, alerts)


def _tell(sort: str, outcome: judge.Outcome) -> None:
    if sort == "quiet":
        for time, alert, level, whom in outcome.alarms:
            sys.stderr.write(f"{outcome.name} {outcome.seed}: {level} {alert} {whom} {time:.0f}\n")
        return
    by = ", ".join(f"{alert} {delay:.0f} s" for alert, delay in outcome.by.items())
    sys.stderr.write(
        f"{outcome.name} {outcome.seed}: {'seen' if outcome.seen else 'MISSED'} after {outcome.before} "
        f"recipients, {outcome.named} of {outcome.guilty} named ({by})\n"
    )


if __name__ == "__main__":
    main()

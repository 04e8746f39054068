"""``python -m benchmarks.simulator --lines 1000000 --seed 1 -o mail.log --truth truth.json``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks.simulator.population import STYLES
from benchmarks.simulator.simulate import Options, simulate


def options_of(arguments: list[str] | None = None) -> tuple[Options, argparse.Namespace]:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--lines", type=int, default=0, help="exactly so many lines")
    length.add_argument("--days", type=float, default=0.0, help="so many days")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--per-day", type=float, default=5000, help="messages on an average day")
    parser.add_argument("--outbreaks", type=int, default=0, help="how many accounts are abused")
    parser.add_argument("--style", choices=["any", *STYLES], default="any")
    parser.add_argument("--start", default="2026-01-05T00:00:00", help="first second, UTC")
    parser.add_argument("--iso", action="store_true", help="ISO 8601 timestamps")
    parser.add_argument("--short-ids", action="store_true", help="short, reused queue ids")
    parser.add_argument("--tame", action="store_true", help="no hostile names, no folded lines")
    parser.add_argument("--noise", type=float, default=0.1, help="lines of other daemons, share")
    parser.add_argument("--utc-offset", type=int, default=0, help="seconds")
    parser.add_argument("--rotate", action="store_true", help="a file a day")
    parser.add_argument(
        "--filtered", type=float, default=0.0, help="share through a content filter"
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--truth", type=Path, help="where the ground truth goes, as JSON")
    given = parser.parse_args(arguments)
    options = Options(
        seed=given.seed,
        lines=given.lines,
        days=given.days,
        users=given.users,
        per_day=given.per_day,
        outbreaks=(given.style,) * given.outbreaks,
        start=given.start,
        iso=given.iso,
        long_ids=not given.short_ids,
        hostile=not given.tame,
        noise=given.noise,
        utc_offset=given.utc_offset,
        rotate=given.rotate,
        filtered=given.filtered,
    )
    return options, given


def main() -> None:
    options, given = options_of()
    facts = simulate(options, given.output)
    last = float(str(facts["last"]))
    os.utime(given.output, (last, last))  # a log without years is dated by its file
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    if given.truth:
        given.truth.write_text(text, "utf-8")
    sys.stderr.write(f"{facts['lines']} lines, {facts['messages']} messages\n")


if __name__ == "__main__":
    main()

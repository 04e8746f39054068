"""``python -m benchmarks.guard``: the guard beside its peers, in one run.

Mail that got out and innocents hit, replayed; time per request, of the real services.
"""

from __future__ import annotations

import argparse

from benchmarks.guard import latency, replay


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument(
        "--runs", default="3", help="of each kind of incident, and of each first time"
    )
    parser.add_argument("--quiet-runs", default="1", help="of each background, 14 days each")
    parser.add_argument("--first-seed", default="0")
    given = parser.parse_args()
    runs = ["--runs", given.runs, "--first-runs", given.runs, "--quiet-runs", given.quiet_runs]
    replay.main([*runs, "--first-seed", given.first_seed])
    print()
    latency.main([])


if __name__ == "__main__":
    main()

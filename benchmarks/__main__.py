"""``python -m benchmarks [collector|backtest]``: measured beside others, never a timed test."""

from __future__ import annotations

import sys

from benchmarks import backtest, collector

_SUITES = {"collector": collector.main, "backtest": backtest.main}


def main() -> None:
    wanted = sys.argv[1:2] or list(_SUITES)
    if wanted[0] not in _SUITES:
        sys.exit(f"there is no benchmark '{wanted[0]}': one of {', '.join(_SUITES)}")
    for name in wanted:
        _SUITES[name](sys.argv[2:])


if __name__ == "__main__":
    main()

"""``python -m benchmarks [collector|backtest]``: measured beside others, never a timed test."""

from __future__ import annotations

import sys
from importlib import import_module

_SUITES = ("collector", "backtest")


def main() -> None:
    wanted = sys.argv[1:2] or _SUITES
    if wanted[0] not in _SUITES:
        sys.exit(f"there is no benchmark '{wanted[0]}': one of {', '.join(_SUITES)}")
    for name in wanted:
        # Not before: a child's peak of memory counts what its parent had loaded when it started.
        import_module(f"benchmarks.{name}").main(sys.argv[2:])


if __name__ == "__main__":
    main()

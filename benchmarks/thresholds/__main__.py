"""``python -m benchmarks.thresholds``: alert x threshold x false alarms and detections, as Markdown."""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from statistics import median

from benchmarks.simulator.population import RELAY
from benchmarks.thresholds.signals import SIGNALS, Signal, episodes
from benchmarks.thresholds.worlds import World, abused, quiet

Key = tuple[str, float]


class Figures:
    """What is counted for each alert and threshold."""

    def __init__(self) -> None:
        self.weeks = 0.0
        self.outbreaks: Counter[str] = Counter()  # by what an alert can see
        self.false: Counter[Key] = Counter()
        self.accused: dict[Key, set[str]] = defaultdict(set)
        self.seen: Counter[Key] = Counter()
        self.delays: dict[Key, list[float]] = defaultdict(list)

    def add_quiet(self, number: int, world: World) -> None:
        """Count every alert of a quiet world as a false one."""
        self.weeks += world.days / 7
        for signal in SIGNALS:
            for group, rows in signal.series(world.points).items():
                for threshold in signal.thresholds:
                    count = sum(1 for _ in episodes(rows, threshold))
                    if count and not _attacker(signal):
                        self.false[signal.alert, threshold] += count
                        self.accused[signal.alert, threshold].add(f"{number}:{group}")
                    elif count:
                        self.seen[signal.alert, threshold] += count

    def add_abused(self, world: World) -> None:
        """Count whether, and how late, each alert saw the outbreak."""
        for signal in SIGNALS:
            if _attacker(signal) or (signal.group and (signal.group == "user") != bool(world.user)):
                continue
            self.outbreaks[signal.alert] += 1
            groups = {"user": world.user, "client": RELAY[0], "": ""}
            rows = signal.series(world.points).get(groups[signal.group], [])
            rows = [row for row in rows if world.first - 10 <= row[0] <= world.last + 600]
            for threshold in signal.thresholds:
                first = next(episodes(rows, threshold), None)
                if first is not None:
                    self.seen[signal.alert, threshold] += 1
                    self.delays[signal.alert, threshold].append((first + 10 - world.first) / 60)


def _attacker(signal: Signal) -> bool:
    """Alerts about guessing fire rightly in quiet weeks too: there is always somebody guessing."""
    return signal.alert == "auth_failures"


def table(figures: Figures) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| alert | threshold | false alarms a week | innocents accused | outbreaks seen | median delay |",
        "|---|---|---|---|---|---|",
    ]
    for signal in SIGNALS:
        for threshold in signal.thresholds:
            key = (signal.alert, threshold)
            name = f"**{threshold:g}**" if threshold == signal.default else f"{threshold:g}"
            if _attacker(signal):
                rate = f"{figures.seen[key] / figures.weeks:.1f} attacks a week"
                lines.append(f"| {signal.alert} | {name} {signal.unit} | {rate} | | | |")
                continue
            delays = figures.delays[key]
            lines.append(
                f"| {signal.alert} | {name} {signal.unit} "
                f"| {figures.false[key] / figures.weeks:.2f} | {len(figures.accused[key])} "
                f"| {figures.seen[key]} of {figures.outbreaks[signal.alert]} "
                f"| {f'{median(delays):.1f} min' if delays else ''} |"
            )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.thresholds", description=__doc__)
    parser.add_argument("--worlds", type=int, default=3, help="quiet worlds of four weeks each")
    parser.add_argument("--attacks", type=int, default=10, help="outbreaks of each style")
    parser.add_argument("--per-day", type=float, default=5000)
    parser.add_argument("--users", type=int, default=300)
    given = parser.parse_args(arguments)
    if given.worlds < 1:
        parser.error("--worlds must be at least 1")
    figures = Figures()
    for number, world in enumerate(quiet(range(1, given.worlds + 1), given.per_day, given.users)):
        figures.add_quiet(number, world)
        sys.stderr.write(f"quiet world {number + 1}\n")
    for world in abused(range(100, 100 + given.attacks), given.per_day, given.users):
        figures.add_abused(world)
    print(table(figures))


if __name__ == "__main__":
    main()

"""Outcomes as Markdown tables, with 95 % intervals."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.thresholds.baselines import RULES
from benchmarks.thresholds.judge import Outcome


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share, in percent."""
    if not of:
        return 0.0, 100.0
    z, share = 1.96, hits / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (100 * (middle - half) / (1 + z * z / of), 100 * (middle + half) / (1 + z * z / of))


def share(hits: int, of: int) -> str:
    """Return ``95 % (80-99)``."""
    if not of:
        return ""
    low, high = wilson(hits, of)
    return f"{100 * hits / of:.0f} % ({max(0, low):.0f}-{min(100, high):.0f})"


def incidents(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each kind of incident."""
    rows = [
        ["kind", "runs", "seen", "after", "recipients before", "culprit named", "innocents", *RULES]
    ]
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.name].append(outcome)
    for name, found in [*kinds.items(), ("all", list(outcomes))]:
        seen = [o for o in found if o.seen]
        guilty = sum(o.guilty for o in found)
        rows.append(
            [
                name.replace("_", " "),
                str(len(found)),
                share(len(seen), len(found)),
                _time(median(o.delay for o in seen)) if seen and name != "all" else "",
                f"{median(o.before for o in seen):.0f}" if seen and name != "all" else "",
                share(sum(o.named for o in found), guilty),
                str(sum(o.innocents for o in found)),
                *(
                    f"{100 * sum(o.simple[rule][0] for o in found) / len(found):.0f} %"
                    for rule in RULES
                ),
            ]
        )
    return markdown(rows)


def backgrounds(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each background: false alarms in four quiet weeks."""
    head = ["background", "weeks", "false CRITICAL in 4 weeks", "a long queue", "by"]
    rows = [[*head, *RULES]]
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.name].append(outcome)
    for name, found in [*kinds.items(), ("all", list(outcomes))]:
        weeks = sum(o.days for o in found) / 7
        critical = [a for o in found for a in o.alarms if a[2] == "CRITICAL"]
        # 200 messages that wait do wait: that the queue is long is true, whoever filled it.
        alarms = [a for a in critical if a[1] != "postfix_queue"]
        long = len(critical) - len(alarms)
        by = ", ".join(
            f"{alert} {count}" for alert, count in Counter(a[1] for a in alarms).most_common()
        )
        rows.append(
            [
                name.replace("_", " "),
                f"{weeks:.0f}",
                f"{4 * len(alarms) / weeks:.2f}",
                f"{4 * long / weeks:.2f}",
                by,
                *(f"{4 * sum(o.simple_false[rule] for o in found) / weeks:.1f}" for rule in RULES),
            ]
        )
    return markdown(rows)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def markdown(rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first row is its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * lines[0].count(" | ") + "---|", *lines[1:]])

"""``python -m benchmarks.thresholds.verdicts``: what ``suspects`` and ``relays`` answer on the judge's logs.

A log holds a server's life with one incident on its last day, or none. *Convicted* is who is a
suspect, or a relay that is not ordinary; the guilty one is *first* where one of the two lists
begins with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.thresholds import judge, server, table
from benchmarks.thresholds.incidents import KINDS, Truth
from benchmarks.thresholds.server import DAY, FEATURES, Server
from bmtick.incident.analysis import analyse
from bmtick.incident.assessment import SUSPECT
from bmtick.incident.networks import parse_networks
from bmtick.incident.relays import ORDINARY, Trust, find_relays
from bmtick.incident.suspects import find_suspects


@dataclass
class Answer:
    """The answers to one log.

    Attributes:
        incident: whether there is one with somebody to name.
        first: a list begins with a guilty one.
        named: how many of the guilty are convicted.
        innocents: who is convicted for nothing.
    """

    name: str
    seed: int
    incident: bool
    first: bool
    named: int
    guilty: int
    innocents: tuple[str, ...]


def answer(job: tuple[str, str, int], days: float = 10.0) -> Answer:
    """Simulate one log and ask."""
    sort, name, seed = job
    if sort == "incident":
        built, truth, _, _ = judge.simulated(name, seed)
        return ask(name, seed, built, truth)
    random = Random(f"{name}/{seed}")
    return ask(name, seed, server.build(random.randrange(1 << 40), days, feature=name), None)


def ask(name: str, seed: int, built: Server, truth: Truth | None) -> Answer:
    """Write a server's log and ask ``suspects`` and ``relays`` about its last day."""
    hosts = truth.hosts if truth else 1
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"mail{number}.log" for number in range(hosts)]
        for number, path in enumerate(paths):
            built.log.write(path, share=(number, hosts))
        found = analyse([str(path) for path in paths], since=DAY, trusted=built.trusted)
    own = parse_networks(" ".join(built.trusted))
    convicted = [s for s in find_suspects(found, None) if s.verdict == SUSPECT]
    relays = [
        r.client
        for r in find_relays(found, Trust(own, parse_networks([]), complete=True))
        if r.verdict != ORDINARY
    ]
    # Who guesses at an account sends nothing, and the account is the victim.
    names = truth.guilty if truth and name != "guessing" else []
    guilty = {one for names_ in names for one in names_}
    guilty |= {f"uid={one}" for one in guilty if one.isdecimal()}
    # Under whatever name a guilty machine writes, it is the machine's mail.
    guilty |= {s.user for s in convicted if s.client in guilty}
    suspects = [s.user for s in convicted]
    return Answer(
        name,
        seed,
        incident=bool(names),
        first=any(answers and answers[0] in guilty for answers in (suspects, relays)),
        named=sum(bool({*one, *(f"uid={x}" for x in one)} & {*suspects, *relays}) for one in names),
        guilty=len(names),
        innocents=tuple(sorted({*suspects, *relays} - guilty)),
    )


def shown(answers: Sequence[Answer]) -> str:
    """Return a row for each kind of log."""
    rows = [["kind", "logs", "guilty first", "guilty convicted", "innocents convicted"]]
    kinds: dict[str, list[Answer]] = defaultdict(list)
    for one in answers:
        kinds[one.name].append(one)
    for name, found in [*kinds.items(), ("all", list(answers))]:
        asked = [a for a in found if a.incident]
        rows.append(
            [
                name.replace("_", " "),
                str(len(found)),
                table.share(sum(a.first for a in asked), len(asked)),
                table.share(sum(a.named for a in asked), sum(a.guilty for a in asked)),
                str(sum(len(a.innocents) for a in found)),
            ]
        )
    return table.markdown(rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.thresholds.verdicts", description=__doc__
    )
    parser.add_argument("--runs", type=int, default=3, help="of each kind of incident")
    parser.add_argument("--quiet-runs", type=int, default=1, help="of each background")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--backgrounds", nargs="*", default=list(FEATURES), choices=list(FEATURES))
    parser.add_argument("--half", choices=("tune", "aside"), default="tune")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    first = 2 * given.first_seed + (given.half == "aside")
    incidents = [("incident", k, first + 2 * n) for k in given.kinds for n in range(given.runs)]
    quiet = [
        ("quiet", b, first + 2 * n) for b in given.backgrounds for n in range(given.quiet_runs)
    ]
    with ProcessPoolExecutor(given.processes) as pool:
        for jobs in (incidents, quiet):
            found = []
            for one in pool.map(answer, jobs):
                found.append(one)
                if one.innocents or (one.incident and not one.first):
                    missed = "" if one.first or not one.incident else "guilty not first, "
                    sys.stderr.write(
                        f"{one.name} {one.seed}: {missed}innocents {list(one.innocents)}\n"
                    )
            if found:
                print(shown(found) + "\n")


if __name__ == "__main__":
    main()

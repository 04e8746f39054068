"""``make mutants``: does a test fail where the code that decides is broken?

Cosmic Ray breaks one thing at a time in a copy of the tree: a comparison, a number, a sign, an
``and``, a ``break``. The tests that reach the broken line, as coverage saw once, are run, the
quickest first, until one fails. A mutant that all of them pass has survived; so has one whose line
no test reaches. Left out is what changes nothing: annotations, and texts.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from coverage import CoverageData

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build/mutants"
# Where it is decided; what only prints, or is compiled where there is a compiler, is left out.
ROOMS = {
    "incident": ("assessment", "suspects", "relays", "traffic", "grouping", "origin", "account"),
    "watch": ("tasks", "outbox", "silences", "service", "dispatch", "history", "tail"),
    "collect": ("emit", "counter", "clock", "dating", "follow", "postfix", "blocked", "state"),
    "deploy": ("plan", "reconciler", "requests", "store", "apply", "status"),
    "alerts": ("resolve", "values", "weighing", "assign", "rule", "schedule"),
    "guard": ("core", "detector", "holds", "burst", "message", "protocol", "notify", "subject"),
}
_SECONDS = 30.0  # of tests for one mutant, as they took unbroken; the slowest are left out
_TIMEOUT = 180.0  # seconds: a mutant that never ends is killed
# What tests import that is not broken: imported once, before a process is forked for each mutant.
_WARM = ("aiosmtpd.controller", "click.testing", "hypothesis", "jinja2", "msgspec", "numpy",
         "pytest", "re2", "requests", "rich.console", "rich.progress", "rich.table", "yaml")  # fmt: skip
# Mostly annotations, and no decisions; of small numbers and of names in the code "is" says what
# "==" says.
_EQUAL = ("BitOr", "RemoveDecorator", "ExceptionReplacer", "_Eq_Is", "_NotEq_IsNot")


class Mutant(NamedTuple):
    """One place that is broken in one way."""

    room: str
    path: str
    line: int
    operator: str
    occurrence: int


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--rooms", nargs="*", default=list(ROOMS), choices=list(ROOMS))
    parser.add_argument("--again", metavar="FILE", help="only the survivors of a run before")
    given = parser.parse_args()
    _copy()
    wanted: list[Mutant] = []
    if given.again:
        told = [json.loads(line) for line in Path(given.again).read_text().splitlines()]
        wanted = [Mutant(*one["mutant"]) for one in told if one["outcome"] == "survived"]
    else:
        dice = random.Random(given.seed)
        for number, room in enumerate(given.rooms):
            share = given.count // len(given.rooms) + (number < given.count % len(given.rooms))
            wanted += _sample(room, share, dice)
    reach = {room: _reach(room) for room in {one.room for one in wanted}}
    for name in _WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    outcomes: Counter[str] = Counter()
    with (WORK / "outcomes.jsonl").open("w") as out:
        for number, mutant in enumerate(wanted, 1):
            outcome, diff = _try(number, mutant, reach[mutant.room])
            outcomes[outcome] += 1
            told = {"mutant": mutant, "outcome": outcome, "diff": diff}
            out.write(json.dumps(told) + "\n")
            out.flush()
            if outcome == "survived":
                print(f"{mutant.path}:{mutant.line}: survived\n{diff}", flush=True)
            if number % 20 == 0:
                print(f"{number} of {len(wanted)}: {dict(outcomes)}", flush=True)
    killed = len(wanted) - outcomes["survived"]
    print(f"{killed} of {len(wanted)} mutants killed: {100 * killed / max(1, len(wanted)):.0f} %")
    return int(outcomes["survived"] > 0.1 * len(wanted))


def _copy() -> None:
    """Copy what git knows: the tree itself stays as it is."""
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, known.stdout.split("\0")):
        source, there = ROOT / name, WORK / "tree" / name
        if source.is_file():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, there)


def _sample(room: str, count: int, dice: random.Random) -> list[Mutant]:
    """Return places by chance, each line with the same chance, each in one way by chance."""
    ways: dict[tuple[str, int], list[Mutant]] = {}
    for module in ROOMS[room]:
        path = f"bmtick/{room}/{module}.py"
        for mutant in _mutants(room, path):
            ways.setdefault((path, mutant.line), []).append(mutant)
    chosen = dice.sample(sorted(ways), min(count, len(ways)))
    return [dice.choice(ways[place]) for place in chosen]


def _mutants(room: str, path: str) -> Iterator[Mutant]:
    decides, texts = _deciding_lines(ROOT / path), (ROOT / path).read_text().splitlines()
    tree = get_ast_from_path(ROOT / path)
    for name in cosmic_ray.plugins.operator_names():
        operator = cosmic_ray.plugins.get_operator(name)
        if (
            operator.arguments()
            or any(word in name for word in _EQUAL[:3])
            or name.endswith(_EQUAL[3:])
        ):
            continue
        places = [
            start for node in ast_nodes(tree) for start, _ in operator().mutation_positions(node)
        ]
        for occurrence, (line, _) in enumerate(places):
            # that two lists are as long, zip() asserts for a reader's sake
            if line in decides and not ("strict=" in texts[line - 1] and "True" in name):
                yield Mutant(room, path, line, name, occurrence)


def _deciding_lines(path: Path) -> set[int]:
    """Return the lines of statements within functions, but no annotation's, and no text's."""
    found: set[int] = set()
    tree = ast.parse(path.read_text())
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                found |= set(range(statement.lineno, (statement.end_lineno or 0) + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found -= set(range(node.lineno, (node.end_lineno or 0) + 1))
        if isinstance(node, ast.AnnAssign) and node.value is None:
            found.discard(node.lineno)
    return found


class Reach(NamedTuple):
    """Which tests reach which line, and how long they take."""

    tests: dict[tuple[str, int], set[str]]
    seconds: dict[str, float]


def _reach(room: str) -> Reach:
    kept = WORK / f"{room}.reach.json"
    if not kept.exists():
        tree, report = WORK / "tree", WORK / f"{room}.xml"
        data = WORK / f"{room}.coverage"
        _pytest(
            [
                f"tests/{room}",
                f"--junit-xml={report}",
                f"--cov=bmtick/{room}",
                "--cov-context=test",
                "--cov-report=",
            ],
            {"COVERAGE_FILE": str(data)},
        )
        seconds = {
            _id(case): float(case.get("time", "0"))
            for case in ET.parse(report).iter("testcase")
            if not any(list(case.iter(other)) for other in ("skipped", "failure", "error"))
        }
        seen = CoverageData(str(data))
        seen.read()
        tests: dict[str, list[str]] = {}
        for file in seen.measured_files():
            name = os.path.relpath(file, tree)
            if name.startswith(f"bmtick/{room}/"):
                for line, contexts in seen.contexts_by_lineno(file).items():
                    names = {context.partition("|")[0] for context in contexts}
                    tests[f"{name}:{line}"] = sorted(names & seconds.keys())
        kept.write_text(json.dumps({"tests": tests, "seconds": seconds}))
    read = json.loads(kept.read_text())
    return Reach(
        {
            (place.rpartition(":")[0], int(place.rpartition(":")[2])): set(names)
            for place, names in read["tests"].items()
        },
        read["seconds"],
    )


def _id(case: ET.Element) -> str:
    module = (case.get("classname") or "").replace(".", "/")
    return f"{module}.py::{case.get('name')}"


def _try(number: int, mutant: Mutant, reach: Reach) -> tuple[str, str]:
    """Return ``killed``, ``killed by time``, ``survived``; and what was changed."""
    path = WORK / "tree" / mutant.path
    whole = path.read_text()
    broken = mutate_code(
        whole, cosmic_ray.plugins.get_operator(mutant.operator)(), mutant.occurrence
    )
    assert broken is not None, mutant
    diff = "".join(
        f"- {old}\n+ {new}\n"
        for old, new in zip(whole.splitlines(), broken.splitlines(), strict=False)
        if old != new
    )
    module = Path(mutant.path).stem
    tests = sorted(  # those of the module first, the quickest of them first
        reach.tests.get((mutant.path, mutant.line), ()),
        key=lambda test: (module not in test.partition("::")[0], reach.seconds.get(test, 1.0)),
    )
    chosen, spent = [], 0.0
    for test in tests:
        spent += reach.seconds.get(test, 1.0)
        if spent > _SECONDS and chosen:
            break
        chosen.append(test)
    if not chosen:
        return "survived", diff
    try:
        _write(path, broken, number)
        status = _forked(["-x", *chosen])
    finally:
        _write(path, whole, 0)
    if status not in (0, 1, None) and _forked(["-x", *chosen]) != 0:
        raise RuntimeError(f"{chosen}: they do not pass where nothing is broken")
    outcomes = {0: "survived", None: "killed by time"}
    return outcomes.get(status, "killed"), diff


def _write(path: Path, text: str, number: int) -> None:
    """Write with a time of its own, or what was compiled of another text of that length is taken."""
    path.write_text(text)
    os.utime(path, (_BEGIN + number, _BEGIN + number))


_OPTIONS = ("-q", "-p", "no:cacheprovider")
_BEGIN = 1_700_000_000


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": str(WORK / "tree"), "BMTICK_PURE": "1"}


def _pytest(arguments: Sequence[str], environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "pytest", *_OPTIONS, *arguments],
        cwd=WORK / "tree",
        env={**os.environ, **_environment(), **environment},
        capture_output=True,
        check=False,
    )


def _forked(arguments: Sequence[str]) -> int | None:
    """Run pytest in a child that has imported the libraries; None: it never ended."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setsid()  # with whatever it starts it can be killed
            os.chdir(WORK / "tree")
            os.environ.update(_environment())
            sys.path.insert(0, str(WORK / "tree"))
            for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
                del sys.modules[name]
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(nothing, descriptor)
            status = int(sys.modules["pytest"].main([*_OPTIONS, *arguments]))
        finally:
            os._exit(status)
    end = os.pidfd_open(child)
    try:
        ended = select.select([end], [], [], _TIMEOUT)[0]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) if ended else None
    finally:
        os.close(end)


if __name__ == "__main__":
    sys.exit(main())

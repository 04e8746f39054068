"""Runs one simulated log through the program itself: collector, points, the alerts' scripts, events."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import bmtick.collect
from benchmarks.thresholds import baselines, server
from benchmarks.thresholds.incidents import DAYS, KINDS, Truth
from benchmarks.thresholds.server import DAY, Server
from bmtick.alerts import catalogue, render
from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options
from bmtick.durations import SECOND
from bmtick.engine import Task, load_task
from bmtick.points import Point

LATE = 3600  # seconds after the end in which an alert still counts
Alarm = tuple[float, str, str, str]  # time, alert, level, whom it names


@dataclass
class Case:
    """One log as points, with what is true of it."""

    name: str
    seed: int
    points: list[Point]
    truth: Truth | None
    days: float
    simple: dict[str, list[tuple[float, str]]] = field(default_factory=dict)  # baselines' alarms


@dataclass
class Outcome:
    """What the alerts made of one case."""

    name: str
    seed: int
    alarms: list[Alarm]
    days: float
    seen: bool = False
    delay: float = 0.0  # seconds until the first alarm about a guilty one
    before: int = 0  # recipients until then
    guilty: int = 0
    named: int = 0
    innocents: int = 0  # accounts, machines and forwards that an alert named for nothing
    by: dict[str, float] = field(default_factory=dict)  # alert -> delay
    simple: dict[str, tuple[bool, int]] = field(default_factory=dict)
    simple_false: dict[str, int] = field(default_factory=dict)


def incident(kind: str, seed: int) -> Case:
    """Simulate a server with one incident on its last day; from the cache if it is there."""
    return _cached(f"incident-{kind}-{seed}", lambda: _incident(kind, seed))


def quiet(feature: str, seed: int, days: float) -> Case:
    """Simulate a server without an incident."""
    return _cached(f"quiet-{feature}-{seed}-{days}", lambda: _quiet(feature, seed, days))


def simulated(kind: str, seed: int) -> tuple[Server, Truth, float, Random]:
    """Return a server with one incident, what is true of it, its days, and the seed's next draws."""
    random = Random(f"{kind}/{seed}")
    days = random.choice(DAYS.get(kind, (2.0, 4.0, 8.0, 8.0, 10.0)))
    built = server.build(random.randrange(1 << 40), days)
    return built, KINDS[kind](built), days, random


def _incident(kind: str, seed: int) -> Case:
    built, truth, days, random = simulated(kind, seed)
    points = _points(built, random, truth.hosts)
    simple = {name: rule(points) for name, rule in baselines.RULES.items()}
    # The day before the incident is enough: what is older is in the points' own memory.
    since = (truth.start - DAY / 4) * SECOND
    return Case(kind, seed, [p for p in points if p.time >= since], truth, days, simple)


def _quiet(feature: str, seed: int, days: float) -> Case:
    random = Random(f"{feature}/{seed}")
    built = server.build(random.randrange(1 << 40), days, feature=feature)
    points = _points(built, random, 1)
    simple = {name: rule(points) for name, rule in baselines.RULES.items()}
    return Case(feature, seed, points, None, days, simple)


def _points(built: Server, random: Random, hosts: int) -> list[Point]:
    """Collect a server's log; its messages are dealt to several hosts where it has them."""
    known = tuple(built.trusted) if random.random() < 0.75 else ("127.0.0.0/8", "::1")
    found: list[Point] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(hosts):
            path = Path(folder) / f"mail{number}.log"
            built.log.write(path, share=(number, hosts))
            options = Options(now=built.end + DAY, known=known)
            tags = {"host": f"edge{number + 1}", "datalocation": "bm-master"}
            found += [
                Point(point.name, {**point.tags, **tags}, point.fields, point.time)
                for point in points_of_logs([str(path)], options=options)
            ]
        found += [
            Point(
                p.name, {**p.tags, "host": "edge1", "datalocation": "bm-master"}, p.fields, p.time
            )
            for p in baselines.queue(built)
        ]
    found.sort(key=lambda p: p.time)
    return found


def run(case: Case, alerts: tuple[str, ...] = ()) -> Outcome:
    """Feed a case's points to the alerts and compare with the truth."""
    outcome = Outcome(case.name, case.seed, _alarms(case.points, alerts), case.days)
    truth = case.truth
    if truth is None:
        outcome.simple_false = {name: len(found) for name, found in case.simple.items()}
        return outcome
    names = truth.guilty
    everybody = {name for names_ in names for name in names_}
    outcome.innocents = len(
        {
            whom
            for _, alert, level, whom in outcome.alarms
            if level == "CRITICAL" and alert in _PERSONS and whom not in everybody
        }
    )
    firsts: dict[str, float] = {}
    for time, alert, _, whom in outcome.alarms:
        if not truth.start <= time <= truth.end + LATE:
            continue
        about = whom in everybody or (not whom and alert in _ABOUT.get(case.name, ()))
        if about and (alert not in outcome.by or time < outcome.by[alert]):
            outcome.by[alert] = time
        if whom in everybody and whom not in firsts:
            firsts[whom] = time
    if outcome.by:
        first = min(outcome.by.values())
        outcome.seen, outcome.delay = True, first - truth.start
        outcome.before = sum(n for time, n in truth.writes if time < first)
        outcome.by = {alert: time - truth.start for alert, time in outcome.by.items()}
    if truth.named:
        outcome.guilty = len(names)
        outcome.named = sum(1 for one in names if one & firsts.keys())
    for name, found in case.simple.items():
        times = [
            t
            for t, whom in found
            if truth.start <= t <= truth.end + LATE and (whom in everybody or not whom)
        ]
        count = sum(n for time, n in truth.writes if times and time < min(times))
        outcome.simple[name] = (bool(times), count)
    return outcome


# Alerts that name an account, a machine or a mailbox; a sender may be anybody's invention.
_PERSONS = ("sender_outbreak", "relay_client", "forward_spam")

# Alerts about the whole server that tell of an incident without a name.
_ABOUT = {
    "guessing": ("login_guessing",),
    "relay_many": ("relay_open",),
    "relay_one": ("relay_open",),
}

_TASKS: dict[tuple[str, ...], dict[str, tuple[Task, str]]] = {}


def recommended() -> tuple[str, ...]:
    """The alerts that a first settings file switches on."""
    return tuple(name for name, alert in catalogue().items() if alert.recommended)


def _alarms(points: list[Point], alerts: tuple[str, ...]) -> list[Alarm]:
    """Return every WARNING and CRITICAL that the alerts would tell."""
    found: list[Alarm] = []
    readers: dict[str, list[tuple[Task, str, str]]] = defaultdict(list)
    for name in alerts or recommended():
        if name == "collector_silent":
            continue  # it is about the chain, not about mail
        alert = catalogue()[name]
        script = render(alert, {}).script
        task = load_task(script, file=name, name=f"bmtick-{name}", now=None)
        for measurement in task.measurements:
            readers[measurement].append((task, name, alert.culprit))
    now = 0
    for point in points:
        now = point.time
        for task, name, culprit in readers.get(point.name, ()):
            task.advance(now)
            task.feed(point, "", "")
            found += [
                (event.time / SECOND + 10, name, event.level, event.tags.get(culprit, ""))
                for event in task.take_events()
                if event.level in ("CRITICAL", "WARNING") and event.level != event.previous_level
            ]
            task.take_written()
    return sorted(found)


# -- cache ----------------------------------------------------------------------------------------


def _stamp() -> str:
    """What points depend on: the collector and the simulator."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted(
        [
            *Path(bmtick.collect.__file__).parent.glob("*.py*"),
            *(here / n for n in ("log.py", "server.py", "incidents.py", "baselines.py")),
        ]
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_CACHE = Path(
    os.environ.get("BMTICK_BENCHMARK_CACHE", str(Path(tempfile.gettempdir()) / "bmtick-thresholds"))
)


def _cached(name: str, make: object) -> Case:
    folder = _CACHE / _STAMP
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pickle"
    if path.exists():
        return pickle.loads(path.read_bytes())
    case: Case = make()  # type: ignore[operator]
    path.write_bytes(pickle.dumps(case, 5))
    return case


_STAMP = _stamp()

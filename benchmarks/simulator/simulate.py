"""One simulation: options in, log and truth out. The same options give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from benchmarks.simulator.noise import noise_line
from benchmarks.simulator.population import STYLES, World, build, outbreak
from benchmarks.simulator.render import Renderer
from benchmarks.simulator.traffic import Event, Traffic
from benchmarks.simulator.truth import Truth
from benchmarks.simulator.writer import LogWriter

_TAIL = 300  # lines kept back for what is still under way when --lines is nearly reached


@dataclass(frozen=True)
class Options:
    """What can be chosen; either ``lines`` or ``days`` ends the simulation."""

    seed: int = 1
    lines: int = 0
    days: float = 0.0
    users: int = 300
    per_day: float = 5000.0
    outbreaks: tuple[str, ...] = ()
    start: str = "2026-01-05T00:00:00"
    iso: bool = False
    long_ids: bool = True
    hostile: bool = True
    noise: float = 0.1
    utc_offset: int = 0
    rotate: bool = False
    filtered: float = 0.0

    def begin(self) -> float:
        """Return the first second, since the epoch."""
        return datetime.fromisoformat(self.start).replace(tzinfo=UTC).timestamp()


def prepare(options: Options) -> tuple[Random, World, Traffic]:
    """Draw the world and its outbreaks."""
    random = Random(options.seed)
    world = build(random, options.users, hostile=options.hostile)
    length = options.days or max(0.02, options.lines / 8 / options.per_day)
    victims = random.sample(world.people[24 : options.users], len(options.outbreaks))
    for number, (style, person) in enumerate(zip(options.outbreaks, victims, strict=True)):
        if style == "any":
            style = random.choice(list(STYLES))  # noqa: PLW2901
        share = (number + random.uniform(0.3, 0.7)) / len(options.outbreaks)
        start = options.begin() + share * length * 86400
        world.outbreaks.append(outbreak(random, style, person.name, start))
    return random, world, Traffic(random, world, options.per_day, hostile=options.hostile)


def events(options: Options) -> Iterator[Event]:
    """Yield the events alone, in order of time: for tuning alerts without a log."""
    _, _, traffic = prepare(options)
    end = options.begin() + options.days * 86400
    for minute in traffic.minutes(options.begin()):
        if minute and minute[0].time >= end:
            return
        yield from minute


def simulate(options: Options, path: Path) -> dict[str, object]:
    """Write the log to ``path`` and return its truth."""
    random, world, traffic = prepare(options)
    truth = Truth()
    renderer = Renderer(random, truth, long_ids=options.long_ids, filtered=options.filtered)
    begin = now = options.begin()
    with LogWriter(
        path, iso=options.iso, host="mail", utc_offset=options.utc_offset, rotate=options.rotate
    ) as writer:
        for minute in traffic.minutes(begin):
            for event in minute:
                if options.lines and writer.lines + writer.pending > options.lines - _TAIL:
                    break
                lines = renderer.event(event)
                writer.add(lines)
                if random.random() < options.noise * len(lines):
                    writer.add([(event.time, noise_line(random))])
            now += 60
            writer.flush(now)
            if _enough(options, now - begin, writer):
                break
        missing = options.lines - writer.lines - writer.pending if options.lines else 0
        writer.add([(now, noise_line(random)) for _ in range(missing)])
        writer.finish()
    return truth.to_json(
        world.outbreaks,
        lines=writer.lines,
        seed=options.seed,
        first=writer.first,
        last=writer.last,
        newsletters=[p.name for p in world.newsletters],
        list_writers=[p.name for p in world.list_writers],
        roaming=[p.name for p in world.people if p.roams],
    )


def _enough(options: Options, seconds: float, writer: LogWriter) -> bool:
    if options.lines:
        return writer.lines + writer.pending > options.lines - _TAIL
    return seconds >= options.days * 86400

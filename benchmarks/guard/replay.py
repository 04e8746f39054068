"""Runs a simulated log through the guard as Postfix would: it is asked first, then the log tells.

``python -m benchmarks.guard.replay``: recipients that got out of each kind of incident, and who is
held in quiet weeks. A message that is held is not delivered: its further lines are left out.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from collections import Counter, deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.guard.innocents import FIRST_TIMES
from benchmarks.guard.peers import PEERS, Peer
from benchmarks.thresholds import server as servers
from benchmarks.thresholds.incidents import KINDS, Truth
from benchmarks.thresholds.server import DAY, FEATURES, Server
from bmtick.collect.clock import LogClock
from bmtick.collect.known import KnownClients
from bmtick.collect.options import Options
from bmtick.collect.scan import Scanner
from bmtick.collect.session import Session
from bmtick.guard.core import Guard
from bmtick.guard.detector import MemoryDetector, scales
from bmtick.guard.holds import HOLD, Hold, Journal
from bmtick.guard.memory import GuardMemory, subject_of
from bmtick.guard.subject import LOCAL, UID, Subject
from bmtick.settings import Settings

_CLIENT = re.compile(
    r"smtpd\[\d+\]: (\w+): client=([^\[]*)\[([^\]]+)\](?:, sasl_method=[^,]*, sasl_username=(.*)|, orig_queue_id=.*)?$"
)
_ACTIVE = re.compile(r"qmgr\[\d+\]: (\w+): from=<(.*)>, size=(\d+), nrcpt=(\d+) \(queue active\)$")
_PICKUP = re.compile(r"pickup\[\d+\]: (\w+): uid=(\d+) from=<(.*)>$")
_TO = re.compile(r": (\w+): to=<([^>]*)>(?:, orig_to=<([^>]*)>)?")
_QUEUED_AS = re.compile(r"\]: (\w+): to=<.*queued as (\w+)\)$")
_QID = re.compile(r"\]: (\w+): ")
_BURSTS = {
    "botnet": "botnet",
    "webmail_fast": "webmail",
    "many_bcc": "many Bcc",
    "relay_many": "open relay, many",
    "relay_one": "open relay, one",
    "contact_form": "trusted machine",
    "pickup": "pickup",
}


@dataclass
class Result:
    """What became of one log: recipients that got out, those that were held, who else was held."""

    name: str
    seed: int
    out: int = 0
    held: int = 0
    innocents: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)
    days: float = 0.0
    first: str = ""
    peers: dict[str, PeerResult] = field(default_factory=dict)


@dataclass
class PeerResult:
    """What became of the same log with a peer: spam that got out, recipients of others refused."""

    out: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by account


class Replay:
    """A guard with a clock of the log's."""

    def __init__(self, folder: Path, known: tuple[str, ...], factors: tuple[float, float]) -> None:
        self.memory = GuardMemory()
        self.session = Session([], Options(interval=1, known=known), sys.stderr.write)
        self.session.emitter.memory = self.memory
        self.now = 0.0
        trusted = KnownClients(known)
        domains = self.session.counter.domains
        self.caught: list[Hold] = []
        self.guard = Guard(
            Journal(folder / "guard.state"),
            MemoryDetector(
                self.memory,
                scales(Settings()),
                factors,
                is_trusted=lambda client: client.removesuffix("/64") in trusted,
                is_ours=lambda domain: domain.encode() in domains if domains else None,
            ),
            HOLD,
            clock=lambda: self.now,
            warn=lambda text: None if text.startswith("holds") else sys.stderr.write(f"{text}\n"),
        )
        self.guard.on_hold = self.caught.append
        self.peers: dict[str, Peer] = {peer.name: peer() for peer in PEERS}
        self.scanner: Scanner | None = None

    def told(self, lines: list[str]) -> None:
        """Take the lines of a second, and weigh whom they are about."""
        session = self.session
        if self.scanner is None:
            self.scanner = Scanner(session.counter, session.buckets, LogClock(self.now + DAY))
        self.scanner.feed(("\n" + "\n".join(lines)).encode())
        for start, bucket in session.buckets.close(self.now - 1):
            session.emitter.rows(start, bucket, 0.0)
        touched, self.memory.touched = self.memory.touched, {}
        for entity in touched:
            if (who := subject_of(entity)) is not None:
                self.guard.evaluate(who)


def _run(  # noqa: C901, PLR0912 -- the log from its first line to its last
    built: Server, truth: Truth | None, known: tuple[str, ...], factors: tuple[float, float]
) -> Result:
    result = Result("", 0)
    guilty = {name for names in truth.guilty for name in names} if truth else set()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mail.log"
        built.log.write(path)
        replay = Replay(Path(folder), known, factors)
        times = sorted(built.log.lines)
        origins: dict[str, tuple[str, str, str]] = {}
        local: dict[str, tuple[str, str]] = {}
        seen: set[str] = set()
        dropped: set[str] = set()
        spam_times = {round(time, 3) for time, _ in truth.writes} if truth else set()
        second: list[str] = []
        at = 0
        recipients = _recipients(times)
        with path.open() as file:
            for (time, *_), line in zip(times, file, strict=True):
                text = line.rstrip("\n")
                if int(time) != at:
                    if second:
                        replay.now = time
                        replay.told(second)
                    second, at = [], int(time)
                replay.now = time
                if m := _CLIENT.search(text):
                    origins[m[1]] = (m[2], m[3], m[4] or "")
                elif m := _PICKUP.search(text):
                    local[m[1]] = (m[2], m[3])
                elif (m := _ACTIVE.search(text)) and m[1] not in seen and m[1] not in dropped:
                    to = recipients[m[1]].popleft() if recipients.get(m[1]) else ""
                    spam = spam_times & {round(time - 0.1, 3), round(time - 0.05, 3)}
                    spam_times -= spam
                    _decide(replay, result, bool(spam), m, origins, local, dropped, to)
                    seen.add(m[1])
                queue_id = _QID.search(text)
                if queue_id and queue_id[1] in dropped:
                    if m := _QUEUED_AS.search(text):
                        dropped.add(m[2])
                    continue
                if text.endswith(": removed") and queue_id:
                    seen.discard(queue_id[1])
                second.append(text)
        for hold in replay.caught:
            names = {hold.who.name.removeprefix(UID), hold.who.sender}
            if truth and hold.since >= truth.start and names & guilty:
                result.first = result.first or hold.reason
                result.caught.append(str(hold.who))
            elif _relays(truth) and hold.since >= truth.start:
                result.caught.append(str(hold.who))
            else:
                result.innocents.append(f"{hold.who}: {hold.reason}")
    return result


def _relays(truth: Truth | None) -> bool:
    return truth is not None and truth.kind.startswith("open relay")


def _recipients(times: list[tuple[float, int, str, int]]) -> dict[str, deque[str]]:
    """Return the first recipient of each message of a queue id, as it was in the session."""
    found: dict[str, deque[str]] = {}
    fresh: set[str] = set()
    for _, _, text, _ in times:
        if m := _ACTIVE.search(text):
            fresh.add(m[1])
        elif (m := _TO.search(text)) and m[1] in fresh:
            fresh.discard(m[1])
            found.setdefault(m[1], deque()).append(m[3] or m[2])
    return found


def _decide(
    replay: Replay,
    result: Result,
    spam: bool,
    m: re.Match[str],
    origins: dict[str, tuple[str, str, str]],
    local: dict[str, tuple[str, str]],
    dropped: set[str],
    to: str,
) -> None:
    queue_id, sender, size, count = m[1], m[2], m[3], int(m[4])
    name, client, login = origins.pop(queue_id, ("", "", ""))
    held = False
    if client:
        request = {
            "request": "smtpd_access_policy",
            "protocol_state": "END-OF-MESSAGE",
            "queue_id": queue_id,
            "instance": f"{queue_id}.{replay.now}",
            "sasl_username": login,
            "client_address": client,
            "client_name": name,
            "sender": sender,
            "recipient": to if count == 1 else "",
            "recipient_count": str(count),
            "size": size,
        }
        held = replay.guard.answer(request).startswith(b"action=HOLD")
    elif queue_id in local:
        uid, name = local.pop(queue_id)
        whom = (Subject(LOCAL, name.lower()), Subject(LOCAL, f"{UID}{uid}"))
        held = any(who in replay.guard.holds.held for who in whom)
    if held:
        dropped.add(queue_id)
    for name, peer in replay.peers.items():
        refused = peer.refused(login.lower(), count, replay.now) if login else 0
        of_peer = result.peers.setdefault(name, PeerResult())
        if spam:
            of_peer.out += count - refused
        elif refused:
            of_peer.refused[login.lower()] += refused
    if spam:
        result.held += count if held else 0
        result.out += 0 if held else count


def incident(kind: str, seed: int, factors: tuple[float, float]) -> Result:
    """Replay a server with one incident on its last day."""
    random = Random(f"{kind}/{seed}")
    days = random.choice((2.0, 4.0, 8.0, 8.0, 10.0))
    built = servers.build(random.randrange(1 << 40), days)
    truth = KINDS[kind](built)
    result = _run(built, truth, (*built.trusted, built.webmail), factors)
    result.name, result.seed, result.days = kind, seed, days
    return result


def quiet(feature: str, seed: int, days: float, factors: tuple[float, float]) -> Result:
    """Replay a server without an incident."""
    random = Random(f"{feature}/{seed}")
    built = servers.build(random.randrange(1 << 40), days, feature=feature)
    result = _run(built, None, (*built.trusted, built.webmail), factors)
    result.name, result.seed, result.days = feature, seed, days
    return result


def first_time(kind: str, seed: int, factors: tuple[float, float]) -> Result:
    """Replay a server on whose last day somebody honest does something for the first time."""
    random = Random(f"{kind}/{seed}")
    built = servers.build(random.randrange(1 << 40), random.choice((2.0, 4.0, 8.0)))
    FIRST_TIMES[kind](built)
    result = _run(built, None, (*built.trusted, built.webmail), factors)
    result.name, result.seed, result.days = kind, seed, built.days
    return result


def _job(
    job: tuple[str, str, int], *, days: float, factors: tuple[float, float]
) -> tuple[str, Result]:
    sort, name, seed = job
    if sort == "incident":
        return sort, incident(name, seed, factors)
    if sort == "first time":
        return sort, first_time(name, seed, factors)
    return sort, quiet(name, seed, days, factors)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.replay", description=__doc__)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--quiet-runs", type=int, default=2)
    parser.add_argument("--first-runs", type=int, default=6)
    parser.add_argument("--days", type=float, default=14)
    parser.add_argument("--kinds", nargs="*", default=list(_BURSTS))
    parser.add_argument("--backgrounds", nargs="*", default=list(FEATURES))
    parser.add_argument("--first-times", nargs="*", default=list(FIRST_TIMES))
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--factors", nargs=2, type=float, default=(1.5, 2.0))
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    first = given.first_seed
    jobs = [
        (sort, name, seed)
        for sort, names, runs in (
            ("incident", given.kinds, given.runs),
            ("quiet", given.backgrounds, given.quiet_runs),
            ("first time", given.first_times, given.first_runs),
        )
        for name in names
        for seed in range(first, first + runs)
    ]
    found: dict[str, dict[str, list[Result]]] = {"incident": {}, "quiet": {}, "first time": {}}
    job = partial(_job, days=given.days, factors=tuple(given.factors))
    with ProcessPoolExecutor(given.processes) as pool:
        for sort, result in pool.map(job, jobs):
            found[sort].setdefault(result.name, []).append(result)
            for who in result.innocents:
                sys.stderr.write(f"INNOCENT {result.name} {result.seed}: {who}\n")
            if sort == "incident":
                sys.stderr.write(
                    f"{result.name} {result.seed}: {result.out} out, {result.held} held; "
                    f"{result.first or result.caught[:3]}\n"
                )
    print(table(found), end="")


def table(found: dict[str, dict[str, list[Result]]]) -> str:
    """Return what got out of each kind of incident, and who was hit else."""
    names = [peer.name for peer in PEERS]
    lines = []
    if found["incident"]:
        lines += [
            f"| spam: recipients that got out, median | runs | guard | most | {' | '.join(names)} | sent |",
            f"|---|---|---|---|{'---|' * len(names)}---|",
        ]
    for name, results in found["incident"].items():
        out = [r.out for r in results]
        of_peers = [statistics.median(r.peers[n].out for r in results) for n in names]
        cells = [
            *(_BURSTS.get(name, name), len(results), f"{statistics.median(out):.0f}", max(out)),
            *(f"{one:.0f}" for one in of_peers),
            f"{statistics.median(r.out + r.held for r in results):.0f}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for sort in ("quiet", "first time"):
        if not found[sort]:
            continue
        lines += [
            "",
            f"| {sort}: innocents held or refused | runs | days | guard | {' | '.join(names)} |",
            f"|---|---|---|---|{'---|' * len(names)}",
        ]
        for name, results in found[sort].items():
            hit = [
                f"{sum(len(r.peers[n].refused) for r in results if n in r.peers):,} "
                f"({sum(sum(r.peers[n].refused.values()) for r in results if n in r.peers):,} recipients)"
                for n in names
            ]
            cells = [
                *(name.replace("_", " "), len(results), f"{sum(r.days for r in results):.0f}"),
                *(sum(len(r.innocents) for r in results), *hit),
            ]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines).lstrip("\n") + "\n"


if __name__ == "__main__":
    main()

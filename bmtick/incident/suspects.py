"""Who sends the spam: logins ranked by how unlike themselves they behave."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from bmtick.incident import score
from bmtick.incident.account import normal
from bmtick.incident.profile import CELL, CELLS_OF_AN_HOUR, Cell, Profile
from bmtick.incident.score import Evidence, Peers
from bmtick.incident.traffic import Traffic

_TOP_ADDRESSES = 10


@dataclass(frozen=True)
class AddressFact:
    """A client address that a suspect logged in from; times in seconds since the epoch."""

    address: str
    name: str
    first_seen: int
    messages: int
    recipients: int
    new: bool
    failures_before: int


@dataclass(frozen=True)
class Suspect:
    """One login and what speaks against it.

    Attributes:
        verdict: ``suspect``, or ``unusual``: stands out, but not accused.
        since: first suspicious moment, seconds since the epoch.
        queue_ids: messages of this login that are still queued.
        failed_logins: for this name, from anywhere, in all of the log.
    """

    user: str
    verdict: str
    score: float
    evidence: tuple[Evidence, ...]
    since: int
    messages: int
    recipients: int
    size: int
    addresses: int
    new_addresses: int
    refused: int
    blocked: int
    failed_logins: int
    past_days: int
    past_peak: int
    top_addresses: tuple[AddressFact, ...] = ()
    queue_ids: tuple[str, ...] = field(default=())


def find_suspects(traffic: Traffic, queued: Collection[str] | None = None) -> list[Suspect]:
    """Return suspects first, then what is unusual, each by points.

    Args:
        traffic: a finished pass over the logs.
        queued: the queue ids that Postfix has now; None where the queue cannot be read, so that
            the log alone says what is still queued.
    """
    peers = Peers.of(p.window.peak_recipients for p in traffic.users.values())
    found = []
    for user, profile in traffic.users.items():
        if not profile.window.messages:
            continue
        evidence = score.weigh(profile, peers)
        verdict, points = score.judge(evidence)
        if verdict != score.QUIET:
            found.append(_suspect(user, profile, verdict, points, evidence, peers, traffic, queued))
    return sorted(
        found, key=lambda s: (s.verdict != score.SUSPECT, -s.score, -s.recipients, s.user)
    )


def _suspect(
    user: str,
    profile: Profile,
    verdict: str,
    points: float,
    evidence: list[Evidence],
    peers: Peers,
    traffic: Traffic,
    queued: Collection[str] | None,
) -> Suspect:
    window = profile.window
    tried = sum(f.count for name, f in traffic.tried.items() if normal(name) == normal(user))
    ids = traffic.ledger.queue_ids(user)
    return Suspect(
        user=user,
        verdict=verdict,
        score=round(points, 1),
        evidence=tuple(evidence),
        since=first_moment(profile, evidence, peers),
        messages=window.messages,
        recipients=window.recipients,
        size=window.size,
        addresses=len(profile.addresses),
        new_addresses=len(score.new_sights(profile)) if score.has_past(profile) else 0,
        refused=window.refused,
        blocked=window.blocked,
        failed_logins=tried,
        past_days=profile.past.days,
        past_peak=profile.past.peak_recipients,
        top_addresses=_top(profile),
        queue_ids=tuple(i for i in ids if queued is None or i in queued),
    )


def first_moment(profile: Profile, evidence: list[Evidence], peers: Peers) -> int:
    """Return when it began: the first message of the first hour that is out of bounds.

    Where the mail comes from new addresses, a try-out from one of those, up to a day earlier,
    is the beginning.
    """
    kinds = {e.kind for e in evidence}
    limits = (
        score.volume_reference(profile, peers) if "volume" in kinds else float("inf"),
        score.spread_reference(profile) if "spread" in kinds else float("inf"),
    )
    cells = profile.window.cells
    hour = _first_hour(cells, *limits)
    if hour is None:
        return profile.window.first
    start = min(c.first for c in hour)
    if "novelty" in kinds:
        addresses = frozenset().union(*(c.addresses for c in hour))
        sights = (profile.addresses.get(a) for a in addresses)
        start = min([start, *(s.first for s in sights if s and s.new)])
    return start


def _first_hour(cells: list[Cell], volume: float, spread: float) -> list[Cell] | None:
    """Return the cells of the first hour beyond a limit, quiet ones before the rise left out."""
    begin = 0
    for index, cell in enumerate(cells):
        while cells[begin].start <= cell.start - CELLS_OF_AN_HOUR * CELL:
            begin += 1
        hour = cells[begin : index + 1]
        recipients = sum(c.recipients for c in hour)
        addresses = len(frozenset().union(*(c.addresses for c in hour)))
        if recipients > volume or addresses > spread:
            busiest = max(c.recipients for c in hour)
            while (
                len(hour) > 1 and hour[0].recipients * 10 < busiest and len(hour[0].addresses) < 3
            ):
                hour = hour[1:]
            return hour
    return None


def _top(profile: Profile) -> tuple[AddressFact, ...]:
    ranked = sorted(profile.addresses.items(), key=lambda item: (-item[1].recipients, item[0]))
    past = score.has_past(profile)
    return tuple(
        AddressFact(a, s.name, s.first, s.messages, s.recipients, s.new and past, s.failures)
        for a, s in ranked[:_TOP_ADDRESSES]
    )

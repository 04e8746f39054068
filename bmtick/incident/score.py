"""How unlike itself a sender behaves: evidence of several kinds, each with points and a sentence.

Points are binary logarithms of how many times a reference is exceeded, capped, so that no single
number decides:

========== ======================================================================== =====
kind       what                                                                     cap
========== ======================================================================== =====
volume     recipients in the busiest hour, against the busiest hour of the past     6
spread     client addresses in one hour, against the most of the past               5
novelty    recipients from networks never seen before, times how many those are     3
refusals   deliveries refused: bounced, and above all blocked as spam               4
forging    domains of envelope senders that were never used before                  3
guessing   failed logins from an address before its first success                   3
hours      mail in hours of the day that are always quiet otherwise                 1
========== ======================================================================== =====

Volume alone accuses nobody: a newsletter, a mailing list and an invitation to all look like it.
Spread alone does not: a telephone on a train has many addresses. A **suspect** has 4 points or
more, from volume or spread *and* at least one kind that innocent mail does not show with it. What
stands out without that is called **unusual**, and said to be not accused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from bmtick.incident.profile import Profile, Sight

SUSPECT, UNUSUAL, QUIET = "suspect", "unusual", "quiet"

SUSPECT_POINTS = 4.0
UNUSUAL_POINTS = 2.0
PAST_DAYS = 2  # active days before the window from which on the past is a yardstick

VOLUME_FLOOR = 50  # recipients an hour that are nobody's business
VOLUME_FLOOR_MOST = 500  # however much the others send
SPREAD_FLOOR = 4  # addresses an hour: office, home, telephone, train
NOVEL_RECIPIENTS = 50
NOVEL_MESSAGES = 5  # fewer are a mailing, or an invitation, sent from a journey
DOMAINS_FLOOR = 3
GUESSES_FLOOR = 10
REFUSED_FLOOR = 20


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence: its points, and why in words."""

    kind: str
    points: float
    text: str
    numbers: dict[str, float] = field(default_factory=dict)
    since: int = 0  # when it began, where that is known; seconds since the epoch


@dataclass(frozen=True)
class Peers:
    """What is usual among all senders of this server."""

    volume: float  # recipients in the busiest hour, the upper end of what is usual

    @classmethod
    def of(cls, peaks: Iterable[int]) -> Peers:
        """Take median and MAD of the logarithms: three quarters spammers would not bend them far."""
        logs = [math.log(p) for p in peaks if p > 0]
        if not logs:
            return cls(VOLUME_FLOOR)
        middle = median(logs)
        spread = 1.4826 * median(abs(x - middle) for x in logs)
        upper = math.exp(middle + 3 * spread)
        return cls(min(max(upper, VOLUME_FLOOR), VOLUME_FLOOR_MOST))


def judge(evidence: list[Evidence]) -> tuple[str, float]:
    """Return the verdict on a sender and its points."""
    points = {e.kind: e.points for e in evidence}
    total = sum(points.values())
    volume, spread = points.get("volume", 0.0) >= 1, points.get("spread", 0.0) >= 1
    others = {
        "spread": points.get("spread", 0.0) >= 1,
        "novelty": points.get("novelty", 0.0) >= 1,
        "forging": points.get("forging", 0.0) >= 1,
        "guessing": points.get("guessing", 0.0) >= 1,
        # A newsletter to an old list bounces too; being blocked as spam is another thing.
        "refusals": points.get("refusals", 0.0) >= 2,
    }
    corroborated = sum(others.values()) - (others["spread"] and not volume)
    if total >= SUSPECT_POINTS and (volume or spread) and corroborated >= 1:
        return SUSPECT, total
    return (UNUSUAL if total >= UNUSUAL_POINTS else QUIET), total


def weigh(profile: Profile, peers: Peers) -> list[Evidence]:
    """Return the evidence on one sender, heaviest first."""
    found = [
        _volume(profile, peers),
        _spread(profile),
        _novelty(profile),
        _refusals(profile),
        _forging(profile),
        _guessing(profile),
        _hours(profile),
    ]
    return sorted((e for e in found if e and e.points > 0), key=lambda e: -e.points)


def has_past(profile: Profile) -> bool:
    """Tell whether the time before the window is long enough to compare with."""
    return profile.past.days >= PAST_DAYS


def volume_reference(profile: Profile, peers: Peers) -> float:
    """Return how many recipients in an hour are still like this sender."""
    if has_past(profile):
        return max(VOLUME_FLOOR, profile.past.peak_recipients)
    return max(peers.volume, profile.past.peak_recipients)


def spread_reference(profile: Profile) -> int:
    """Return how many addresses in an hour are still like this sender."""
    return max(SPREAD_FLOOR, profile.past.peak_addresses)


def _volume(profile: Profile, peers: Peers) -> Evidence | None:
    peak = profile.window.peak_recipients
    reference = volume_reference(profile, peers)
    points = _doublings(peak, reference, cap=6)
    if points < 1:
        return None
    if has_past(profile):
        against = (
            f"{peak / max(1, profile.past.peak_recipients):,.0f} times the busiest hour of the "
            f"{profile.past.days} days before ({profile.past.peak_recipients:,})"
        )
    else:
        against = f"where up to {reference:,.0f} are usual on this server"
    return Evidence(
        "volume",
        points,
        f"{peak:,} recipients in one hour, {against}",
        {"recipients_per_hour": peak, "reference": reference},
    )


def _spread(profile: Profile) -> Evidence | None:
    peak = profile.window.peak_addresses
    points = _doublings(peak, spread_reference(profile), cap=5)
    if points < 1:
        return None
    before = f"; {profile.past.peak_addresses} at most before" if profile.past.messages else ""
    return Evidence(
        "spread",
        points,
        f"logged in from {peak:,} addresses within one hour{before}",
        {"addresses_per_hour": peak, "reference": spread_reference(profile)},
    )


def _novelty(profile: Profile) -> Evidence | None:
    if not has_past(profile):
        return None
    new = new_sights(profile)
    recipients = sum(s.recipients for s in new.values())
    total = sum(s.recipients for s in profile.addresses.values())
    messages = sum(s.messages for s in new.values())
    if recipients < NOVEL_RECIPIENTS or recipients * 2 < total or messages < NOVEL_MESSAGES:
        return None
    share = recipients / total
    if len(new) == 1 and not next(iter(new.values())).new_region:
        points, where = 0.5, "a neighbouring network"
    else:
        points = share * min(3.0, 1.5 + math.log2(len(new)) / 2)
        where = _plural(len(new), "address", "addresses") + " never seen before"
    return Evidence(
        "novelty",
        points,
        f"{share:.0%} of the recipients ({recipients:,}) got mail from {where}",
        {"recipients_from_new": recipients, "new_addresses": len(new)},
    )


def _refusals(profile: Profile) -> Evidence | None:
    window, past = profile.window, profile.past
    tries = window.delivered + window.refused
    if window.refused < REFUSED_FLOOR:
        return None
    share, blocked = window.refused / tries, window.blocked / tries
    before = past.refused / max(1, past.delivered + past.refused)
    if share < 2 * before:
        return None
    points = (1.0 if share >= 0.2 else 0.0) + (1.0 if share >= 0.4 else 0.0)
    points += (1.0 if blocked >= 0.05 else 0.0) + (1.0 if blocked >= 0.2 else 0.0)
    if not points:
        return None
    return Evidence(
        "refusals",
        points,
        f"{share:.0%} of the deliveries were refused ({window.refused:,} of {tries:,}), "
        f"{window.blocked:,} of them as spam",
        {"refused": window.refused, "blocked": window.blocked, "deliveries": tries},
    )


def _forging(profile: Profile) -> Evidence | None:
    foreign = [d for d in profile.domains if d and d not in profile.past_domains]
    if not has_past(profile):
        # Its own domain is the one it uses most; the others are not its own.
        foreign = sorted(foreign, key=lambda d: -profile.domains[d])[1:]
    points = _doublings(len(foreign) * 2, DOMAINS_FLOOR, cap=3)
    if points < 1:
        return None
    some = ", ".join(sorted(foreign)[:3])
    return Evidence(
        "forging",
        points,
        f"used sender addresses of {len(foreign)} domains that are not its own ({some})",
        {"domains": len(foreign)},
        min(profile.domains_since[d] for d in foreign),
    )


def _guessing(profile: Profile) -> Evidence | None:
    guessed = {a: s for a, s in profile.addresses.items() if s.failures and s.new}
    failures = sum(s.failures for s in guessed.values())
    points = _doublings(failures, GUESSES_FLOOR, cap=3)
    if points < 1:
        return None
    worst = max(guessed, key=lambda a: guessed[a].failures)
    return Evidence(
        "guessing",
        points,
        f"{failures:,} failed logins from {_plural(len(guessed), 'address', 'addresses')} before "
        f"the first success from there ({worst}: {guessed[worst].failures:,})",
        {"failures": failures},
    )


def _hours(profile: Profile) -> Evidence | None:
    if profile.past.days < 5 or profile.window.recipients < NOVEL_RECIPIENTS:
        return None
    odd = sum(
        n for n, usual in zip(profile.window.hours, profile.past.hours, strict=True) if not usual
    )
    share = odd / profile.window.recipients
    if share < 0.5:
        return None
    return Evidence(
        "hours",
        share,
        f"{share:.0%} of the recipients were written to at hours at which it never sent before",
        {"share": round(share, 3)},
    )


def new_sights(profile: Profile) -> dict[str, Sight]:
    """Return the addresses of the window whose network was not seen before it."""
    return {a: s for a, s in profile.addresses.items() if s.new}


def _doublings(value: float, reference: float, *, cap: float) -> float:
    """Return log2(value / reference), 0 where it is not exceeded, at most cap."""
    return min(cap, math.log2(value / reference)) if value > reference else 0.0


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"

"""Evaluate a log with the alerts' lambdas: accounts, machines, local senders and forwarders.

The logs go through the collector, as for the alerts, and the fields of each point through the
alerts' lambdas (:class:`bmtick.alerts.weighing.Scales`). So an answer never contradicts an alert,
and a baseline leaves out what the collector leaves out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bmtick import names as n
from bmtick.alerts import catalogue, desired, render
from bmtick.alerts.weighing import Scales, Weight
from bmtick.languages import _, _n, number
from bmtick.settings import Settings

SUSPECT, UNUSUAL = "suspect", "unusual"
UNUSUAL_SHARE = 0.5  # of the threshold, from which a sender is listed
_STEP = 60  # seconds: windows move in minutes, so one point a minute is enough
_QUIET = 0.05  # of the threshold: an attack begins where the evidence exceeds this
_NEAR = 0.2  # of the threshold: each point is evaluated from there
_PAUSE = 24 * 3600  # seconds without evidence that end an attack
_ENTITY = {  # measurement: the tag with the name of the sender
    n.SENDER: "user",
    n.CLIENT: "client",
    n.FROM: "sender",
    n.LOCAL: "sender",
    n.FORWARD: "forwarder",
}
_COUNTED = {  # measurement: indices and names of the fields that may be summed
    name: [(place, key) for place, key in enumerate(n.FIELDS[name]) if key in n.ADDITIVE]
    for name in _ENTITY
}
_OUTWARD = "hour_relayed"


@dataclass(frozen=True)
class Evidence:
    """One reason: its kind, its excess over the usual value in doublings, and its text."""

    kind: str
    points: float
    text: str
    numbers: dict[str, float] = field(default_factory=dict)
    since: int = 0  # when it began, if known; seconds since the epoch


@dataclass
class Assessment:
    """One account, machine, local sender or forwarder in the window.

    Attributes:
        measurement: ``postfix_sender`` for an account, ``postfix_client`` for a machine, ...
        name: the value of the tag with its name.
        tags: all tags.
        weight: the heaviest of any alert in the window; None: no point was evaluated.
        since: start of this attack's evidence, seconds since the epoch; it may be before the
            window. 0: no threshold was reached.
        facts: fields of the point with the heaviest weight.
        counts: sums over the window of the fields that may be summed.
        broken_in: a login succeeded after failures from other addresses.
        last: time of the last evidence at the threshold or above.
        first: time of the first point of the window.
    """

    measurement: str
    name: str
    tags: dict[str, str]
    weight: Weight | None = None
    since: int = 0
    facts: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    broken_in: bool = False
    last: int = 0
    first: int = 0

    @property
    def share(self) -> float:
        """The heaviest evidence as a share of its threshold."""
        return self.weight.value / self.weight.threshold if self.weight else 0.0

    @property
    def verdict(self) -> str:
        """``suspect``, ``unusual`` or empty."""
        if self.weight and self.weight.critical:
            return SUSPECT
        return UNUSUAL if self.share >= UNUSUAL_SHARE else ""

    def evidence(self) -> list[Evidence]:
        """Return the evidence of the heaviest weight, strongest first."""
        return sorted(_evidence(self), key=lambda e: -e.points)


class Assessor:
    """Evaluates the collector's rows in order of time.

    Args:
        scales: the alerts.
        start: seconds since the epoch; only later rows are evaluated.
    """

    def __init__(self, scales: Scales, start: int) -> None:
        self._scales = scales
        self._start = start
        # Of each series: minute and share of its last evaluation, and since when it rises.
        self._weighed: dict[tuple[str, tuple[str, ...]], tuple[int, float, int]] = {}
        self._skipped: dict[tuple[str, tuple[str, ...]], tuple[Sequence[float], int]] = {}
        self.found: dict[tuple[str, tuple[str, ...]], Assessment] = {}
        self.open_since = 0  # when untrusted machines together were an open relay
        self._accounts: dict[str, dict[str, float]] = {}

    def take(self, rows: Iterable[tuple[str, tuple[str, ...], Sequence[float], int]]) -> None:
        """Process the rows of one interval."""
        for name, tags, values, nanoseconds in rows:
            time = nanoseconds // 1_000_000_000
            if name in _ENTITY:
                if tags[0] != n.OTHER:
                    self._entity(name, tags, values, time)
            elif name == n.ACCOUNT and time >= self._start:
                facts = dict(zip(n.FIELDS[name], values, strict=False))
                known = self._accounts.setdefault(tags[0], {"broken_in": 0, "hour_failures": 0})
                for key in known:
                    known[key] = max(known[key], facts.get(key, 0))
            elif name == n.SERVER:
                facts = dict(zip(n.FIELDS[name], values, strict=False))
                critical = [w for w in self._scales.weigh(name, facts) if w.critical]
                if time >= self._start and any("relay" in w.alert for w in critical):
                    self.open_since = self.open_since or time

    def _entity(self, name: str, tags: tuple[str, ...], values: Sequence[float], time: int) -> None:
        key = name, tags
        if time >= self._start:
            one = self.found.get(key)
            if one is None:
                one = self.found[key] = self._new(name, tags)
            one.first = one.first or time
            counts = one.counts
            for place, field_name in _COUNTED[name]:
                if value := values[place]:
                    counts[field_name] = counts.get(field_name, 0) + value
        # One point a minute is enough, except at the start of an attack and at the end.
        minute, share, rising = self._weighed.get(key, (-1, 0.0, time))
        if minute == time // _STEP and (share < _NEAR or share >= 1):
            self._skipped[key] = values, time
        else:
            self._skipped.pop(key, None)
            self._weigh(key, values, time, share, rising)

    def _weigh(
        self,
        key: tuple[str, tuple[str, ...]],
        values: Sequence[float],
        time: int,
        share: float,
        rising: int,
    ) -> None:
        name, tags = key
        facts = dict(zip(n.FIELDS[name], values, strict=False))
        one = self.found.get(key)
        weights = self._scales.weigh(name, {**facts, **dict(zip(n.TAGS[name], tags, strict=True))})
        if not weights:
            self._weighed[key] = time // _STEP, 0.0, time
            return
        heaviest = max(weights, key=_heaviness)
        before, share = share, heaviest.value / (heaviest.threshold or 1)
        # The evidence rises since the last quiet point, if that was just before this one.
        if share < _QUIET or (before < _QUIET and time - rising > 2 * _STEP):
            rising = time
        self._weighed[key] = time // _STEP, share, rising
        if heaviest.critical:
            one = one or self.found.setdefault(key, self._new(name, tags))
            if time - one.last > _PAUSE:
                one.since = rising
            one.last = time
        if (
            one is not None
            and time >= self._start
            and (one.weight is None or _heaviness(heaviest) > _heaviness(one.weight))
        ):
            one.weight, one.facts = heaviest, facts

    @staticmethod
    def _new(name: str, tags: tuple[str, ...]) -> Assessment:
        named = dict(zip(n.TAGS[name], tags, strict=True))
        return Assessment(name, named[_ENTITY[name]], named)

    def close(self) -> dict[str, dict[str, Assessment]]:
        """Return the senders with activity in the window, by measurement and name.

        A name may have several series (a sender with several uids): the heaviest is kept.
        """
        for key, (values, time) in self._skipped.items():
            _, share, rising = self._weighed[key]
            self._weigh(key, values, time, share, rising)
        self._skipped.clear()
        by_kind: dict[str, dict[str, Assessment]] = {kind: {} for kind in _ENTITY}
        for one in self.found.values():
            if not one.counts.get("messages") and not (one.weight and one.weight.critical):
                continue
            account = self._accounts.get(one.name, {}) if one.measurement == n.SENDER else {}
            one.broken_in = bool(account.get("broken_in"))
            one.facts.setdefault("hour_failures", account.get("hour_failures", 0))
            heaviest = by_kind[one.measurement].get(one.name)
            if heaviest is None or one.share > heaviest.share:
                by_kind[one.measurement][one.name] = one
        return by_kind


def _heaviness(weight: Weight) -> tuple[bool, float]:
    return weight.critical, weight.value / (weight.threshold or 1)


def scales_of(settings: Settings) -> Scales:
    """Return the settings' alerts, and the recommended ones that they do not enable."""
    own = desired(settings, per_host=True)
    used = {str(settings.alerts[one.name].get("use", one.name)) for one in own}
    missing = [a for a in catalogue().values() if a.recommended and a.name not in used]
    return Scales(settings, [*own, *(render(a, {}, settings=settings) for a in missing)])


def _doublings(value: float, reference: float) -> float:
    return math.log2(value / reference) if value > reference > 0 else 0.0


def _evidence(one: Assessment) -> Iterator[Evidence]:
    """Yield the facts as text, if they exceed a minimum or the usual value."""
    facts: Mapping[str, float] = one.facts
    account = one.measurement == n.SENDER
    hour = int(facts.get("hour_recipients" if account else _OUTWARD, 0))
    day = int(facts.get("day_recipients" if account else "day_relayed", 0))
    usual, days = int(facts.get("usual", 0)), int(facts.get("days", 0))
    before = (
        _("where {usual} were its most on {days} earlier days", usual=number(usual), days=days)
        if days
        else _("without a known past")
    )
    if hour > max(usual, 20):
        yield Evidence(
            "volume",
            _doublings(hour, max(usual, 20)),
            _("{count} recipients in one hour, {before}", count=number(hour), before=before)
            if account
            else _(
                "{count} recipients elsewhere in one hour, {before}",
                count=number(hour),
                before=before,
            ),
            {"recipients_per_hour": hour, "reference": usual},
        )
    elif day >= 20:
        yield Evidence(
            "slow",
            0.5,
            _(
                "{day} recipients in 24 hours; in one hour {hour}, {before}",
                day=number(day),
                hour=number(hour),
                before=before,
            ),
            {"recipients_per_day": day, "reference": usual},
        )
    clients, new = int(facts.get("clients", 0)), int(facts.get("new_clients", 0))
    shared = int(facts.get("shared_clients", 0))
    if clients > 3:
        yield Evidence(
            "spread",
            _doublings(clients, 3),
            _("logged in from {count} addresses within one hour", count=number(clients)),
            {"addresses_per_hour": clients},
        )
    if new:
        text = _n(
            "{count} of its addresses is in a network that was new to it",
            "{count} of its addresses are in networks that were new to it",
            new,
            count=number(new),
        )
        if shared:
            text += ", " + _(
                "{count} of them new to other accounts at the same time", count=number(shared)
            )
        yield Evidence(
            "novelty", 1.0 + math.log2(new), text, {"new_addresses": new, "shared": shared}
        )
    yield from _refusals(facts, hour, day, account=account)
    domains = int(facts.get("domains", 0))
    if domains:
        yield Evidence(
            "forging",
            1.0 + math.log2(domains),
            _n(
                "{count} sender domain within one hour that was new to it",
                "{count} sender domains within one hour that were new to it",
                domains,
                count=number(domains),
            ),
            {"domains": domains},
        )
    own, usual_own = int(facts.get("hour_local", 0)), int(facts.get("usual_local", 0))
    if account and own > max(20, 2 * usual_own):
        yield Evidence(
            "internal",
            _doublings(own, max(20, 2 * usual_own)),
            _(
                "{count} of them in mailboxes of this server, where {usual} were its most",
                count=number(own),
                usual=number(usual_own),
            ),
            {"own_mailboxes": own, "reference": usual_own},
        )
    failures = int(facts.get("hour_failures", 0)) if account else 0
    if one.broken_in:
        yield Evidence(
            "guessing",
            2.0,
            _(
                "{count} failed logins for this name within one hour, then a login from a new "
                "network",
                count=number(failures),
            ),
            {"failures": failures},
        )
    elif failures >= 10:
        yield Evidence(
            "guessing",
            1.0,
            _("{count} failed logins for this name within one hour", count=number(failures)),
            {"failures": failures},
        )


def _refusals(
    facts: Mapping[str, float], hour: int, day: int, *, account: bool
) -> Iterator[Evidence]:
    refused, blocked = int(facts.get("hour_refused", 0)), int(facts.get("hour_blocked", 0))
    of, span = hour, _("one hour")
    if day and facts.get("day_refused", 0) > 2 * refused:
        refused, of, span = int(facts["day_refused"]), day, _("24 hours")
        blocked = int(facts.get("day_blocked", blocked)) if account else blocked
    if refused < 3:
        return
    yield Evidence(
        "refusals",
        1.0 + _doublings(refused, 3) / 2,
        _(
            "{refused} of {all} recipients refused it within {span}, {blocked} of them as spam",
            refused=number(refused),
            all=number(max(of, refused)),
            span=span,
            blocked=number(blocked),
        ),
        {"refused": refused, "blocked": blocked, "deliveries": of},
    )

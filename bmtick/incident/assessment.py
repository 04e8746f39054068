"""Evaluate a log with the alerts' lambdas: accounts, machines, local senders and forwarders.

The logs go through the collector, as for the alerts, and the fields of each point through the
alerts' lambdas (:class:`bmtick.alerts.weighing.Scales`). So an answer never contradicts an alert,
and a baseline leaves out what the collector leaves out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bmtick import names as n
from bmtick.alerts import catalogue, desired, render
from bmtick.alerts.weighing import Scales, Weight
from bmtick.languages import _, _n, number
from bmtick.settings import Settings

if TYPE_CHECKING:
    from bmtick.alerts.weights import Weights
    from bmtick.collect.emit import Row
    from bmtick.engine.chunks import RowChunk

SUSPECT, UNUSUAL = "suspect", "unusual"
UNUSUAL_SHARE = 0.5  # of the threshold, from which a sender is listed
_STEP = 60  # seconds: windows move in minutes, so one point a minute is enough
_QUIET = 0.05  # of the threshold: an attack begins where the evidence exceeds this
_NEAR = 0.2  # of the threshold: each point is evaluated from there
_PAUSE = 24 * 3600  # seconds without evidence that end an attack
_SECOND = 1_000_000_000  # nanoseconds
_TOGETHER = 8192  # rows that are weighed together; fewer do not pay for numpy's start
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


class _Course:
    """One series under way.

    Attributes:
        minute: of its last weighing.
        share: what that gave, of the threshold.
        rising: since when it is.
        skipped: fields and time of a later row that was not weighed.
        best: whether the heaviest weight in the window is critical, and its share.
    """

    __slots__ = ("best", "key", "minute", "one", "rising", "share", "skipped")

    def __init__(self, key: tuple[str, tuple[str, ...]], time: int) -> None:
        self.key = key
        self.minute, self.share, self.rising = -1, 0.0, time
        self.skipped: tuple[Sequence[float], int] | None = None
        self.one: Assessment | None = None
        self.best = (False, -math.inf)


class Assessor:
    """Evaluates the collector's rows in order of time.

    Args:
        scales: the alerts.
        start: seconds since the epoch; only later rows are evaluated.
    """

    def __init__(self, scales: Scales, start: int) -> None:
        self._scales = scales
        self._start = start
        self._waiting: list[Row] = []
        self._many = False  # whether more came than are weighed one by one
        self._courses: dict[tuple[str, tuple[str, ...]], _Course] = {}
        self.found: list[Assessment] = []
        self.open_since = 0  # when untrusted machines together were an open relay
        self._accounts: dict[str, dict[str, float]] = {}

    def take(self, rows: Iterable[Row]) -> None:
        """Process the rows of one interval."""
        self._waiting.extend(rows)
        if len(self._waiting) >= _TOGETHER:
            self._many = True
            self._work()

    def senders_of_machines(self) -> Counter[str]:
        """Return how many senders each machine without a login had, in the whole log."""
        place = n.TAGS[n.FROM].index("client")
        return Counter(tags[place] for name, tags in self._courses if name == n.FROM)

    def _work(self) -> None:
        """Work through the rows that wait."""
        kinds: dict[str, list[Row]] = {}
        for row in self._waiting:
            name, tags, values, nanoseconds = row
            if name in _ENTITY:
                if tags[0] != n.OTHER:
                    kinds.setdefault(name, []).append(row)
            elif name in (n.ACCOUNT, n.SERVER):
                self._notice(name, tags, values, nanoseconds // _SECOND)
        self._waiting = []
        for rows in kinds.values():
            weighed = _by_columns(self._scales, rows) if self._many else None
            if weighed is None:
                for name, tags, values, nanoseconds in rows:
                    self._entity(name, tags, values, nanoseconds // _SECOND)
            else:
                self._entities(rows, *weighed)

    def _notice(self, name: str, tags: tuple[str, ...], values: Sequence[float], time: int) -> None:
        """Take what is told of an account that is guessed at, or of the server as a whole."""
        if time < self._start:
            return
        facts = dict(zip(n.FIELDS[name], values, strict=False))
        if name == n.ACCOUNT:
            known = self._accounts.setdefault(tags[0], {"broken_in": 0, "hour_failures": 0})
            for key in known:
                known[key] = max(known[key], facts.get(key, 0))
        elif not self.open_since:
            critical = [w for w in self._scales.weigh(name, facts) if w.critical]
            if any("relay" in w.alert for w in critical):
                self.open_since = time

    def _entity(self, name: str, tags: tuple[str, ...], values: Sequence[float], time: int) -> None:
        """Take one row."""
        course = self._course((name, tags), time)
        if time >= self._start:
            counts = self._enter(course, time).counts
            for place, field_name in _COUNTED[name]:
                if value := values[place]:
                    counts[field_name] = counts.get(field_name, 0) + value
        # One point a minute is enough, except at the start of an attack and at the end.
        if course.minute == time // _STEP and (course.share < _NEAR or course.share >= 1):
            course.skipped = values, time
        else:
            self._weigh(course, values, time)

    def _entities(self, rows: Sequence[Row], chunk: RowChunk, weights: Weights) -> None:
        """Take the rows of one measurement, weighed by columns; as ``_entity`` one by one."""
        name, start = rows[0][0], self._start
        keys, numbers = chunk.keys
        courses = [self._courses.get((name, tags)) for tags in keys]
        times = chunk.time // _SECOND
        shares, criticals = weights.shares.tolist(), weights.critical.tolist()
        of_rows = zip(times.tolist(), numbers.tolist(), shares, criticals, strict=True)
        for place, (time, series, share, critical) in enumerate(of_rows):
            course = courses[series]
            if course is None:
                course = courses[series] = self._course((name, keys[series]), time)
            if time >= start and (course.one is None or not course.one.first):
                self._enter(course, time)
            if course.minute == time // _STEP and (course.share < _NEAR or course.share >= 1):
                course.skipped = rows[place][2], time
                continue
            course.skipped = None
            if share != share:  # noqa: PLR0124 -- NaN: nothing weighs it
                course.minute, course.share, course.rising = time // _STEP, 0.0, time
            elif self._rise(course, time, share, critical=critical) and course.one is not None:
                course.one.weight = weights.of(place)
                course.one.facts = dict(zip(n.FIELDS[name], rows[place][2], strict=False))
        inside = times >= start
        for place, key in _COUNTED[name]:
            for series, total in chunk.sums(place, inside):
                course = courses[series]
                if total and course is not None and course.one is not None:
                    course.one.counts[key] = course.one.counts.get(key, 0) + total

    def _course(self, key: tuple[str, tuple[str, ...]], time: int) -> _Course:
        course = self._courses.get(key)
        if course is None:
            course = self._courses[key] = _Course(key, time)
        return course

    def _enter(self, course: _Course, time: int) -> Assessment:
        """Return what is found about a series, of which a row in the window has come."""
        one = course.one or self._new(course)
        one.first = one.first or time
        return one

    def _weigh(self, course: _Course, values: Sequence[float], time: int) -> None:
        course.skipped = None
        name, tags = course.key
        facts = dict(zip(n.FIELDS[name], values, strict=False))
        weights = self._scales.weigh(name, {**facts, **dict(zip(n.TAGS[name], tags, strict=True))})
        if not weights:
            course.minute, course.share, course.rising = time // _STEP, 0.0, time
            return
        heaviest = max(weights, key=_heaviness)
        critical, share = _heaviness(heaviest)
        if self._rise(course, time, share, critical=critical) and course.one is not None:
            course.one.weight, course.one.facts = heaviest, facts

    def _rise(self, course: _Course, time: int, share: float, *, critical: bool) -> bool:
        """Take the weight of a row; return whether it is the heaviest of the window so far."""
        # The evidence rises since the last quiet point, if that was just before this one.
        if share < _QUIET or (course.share < _QUIET and time - course.rising > 2 * _STEP):
            course.rising = time
        course.minute, course.share = time // _STEP, share
        if critical:
            one = course.one or self._new(course)
            if time - one.last > _PAUSE:
                one.since = course.rising
            one.last = time
        if time < self._start or (critical, share) <= course.best:
            return False
        course.best = critical, share
        return True

    def _new(self, course: _Course) -> Assessment:
        name, tags = course.key
        named = dict(zip(n.TAGS[name], tags, strict=True))
        course.one = Assessment(name, named[_ENTITY[name]], named)
        self.found.append(course.one)
        return course.one

    def close(self) -> dict[str, dict[str, Assessment]]:
        """Return the senders with activity in the window, by measurement and name.

        A name may have several series (a sender with several uids): the heaviest is kept.
        """
        self._work()
        for course in self._courses.values():
            if course.skipped is not None:
                self._weigh(course, *course.skipped)
        by_kind: dict[str, dict[str, Assessment]] = {kind: {} for kind in _ENTITY}
        for one in self.found:
            if not one.counts.get("messages") and not (one.weight and one.weight.critical):
                continue
            account = self._accounts.get(one.name, {}) if one.measurement == n.SENDER else {}
            one.broken_in = bool(account.get("broken_in"))
            one.facts.setdefault("hour_failures", account.get("hour_failures", 0))
            heaviest = by_kind[one.measurement].get(one.name)
            if heaviest is None or one.share > heaviest.share:
                by_kind[one.measurement][one.name] = one
        return by_kind


def _by_columns(scales: Scales, rows: Sequence[Row]) -> tuple[RowChunk, Weights] | None:
    """Return rows as a chunk, and their weights; None: they are to be weighed one by one."""
    try:
        from bmtick.alerts.weights import weigh_rows  # noqa: PLC0415 -- numpy is an extra
    except ImportError:
        return None
    return weigh_rows(scales, rows)


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

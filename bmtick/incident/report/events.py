"""The events of an incident in order: when the queue was too long, and what happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bmtick.incident.assessment import SUSPECT, Evidence
from bmtick.incident.relays import ORDINARY, Relay
from bmtick.incident.report.timeline import Timeline
from bmtick.incident.suspects import Suspect
from bmtick.incident.traffic import Failures
from bmtick.incident.units import age
from bmtick.languages import _, _n, number

_MIN_GUESSES = 20  # failed logins from one address that are worth an entry
_MAX_GUESSERS = 5


@dataclass(frozen=True)
class Series:
    """The queue's length over time: starts of slots, lengths, and the source."""

    times: list[int]
    lengths: list[int]
    source: str


@dataclass(frozen=True)
class ResponseAction:
    """An action against the incident, by a person or the guard."""

    time: int
    text: str


@dataclass(frozen=True)
class Episode:
    """A period in which the queue reached the threshold; seconds since the epoch."""

    begin: int
    end: int
    peak: int
    over: bool  # whether it ended within the report's period


@dataclass(frozen=True)
class IncidentEvent:
    """One event of the incident."""

    time: int
    text: str
    kind: str


def _first(evidence: Sequence[Evidence]) -> str:
    return evidence[0].text if evidence else "see the alert"


def episodes(curve: Series, threshold: int) -> list[Episode]:
    """Return the periods in which the queue reached the threshold."""
    found: list[Episode] = []
    begin: int | None = None
    peak = 0
    for time, length in zip(curve.times, curve.lengths, strict=True):
        if length >= threshold:
            begin = time if begin is None else begin
            peak = max(peak, length)
        elif begin is not None:
            found.append(Episode(begin, time, peak, over=True))
            begin, peak = None, 0
    if begin is not None:
        found.append(Episode(begin, curve.times[-1], peak, over=False))
    return found


def incident_events(
    suspects: Iterable[Suspect],
    relays: Iterable[Relay],
    crises: Sequence[Episode],
    attackers: dict[str, Failures],
    timeline: Timeline,
    threshold: int,
    response_actions: Iterable[ResponseAction] = (),
) -> list[IncidentEvent]:
    """Return the events of the incident, in order of time."""
    start = timeline.window.start
    found = [
        IncidentEvent(
            s.since,
            _("{user} begins to send spam: {why}", user=s.user, why=_first(s.evidence)),
            "suspect",
        )
        for s in suspects
        if s.verdict == SUSPECT
    ]
    found += [
        IncidentEvent(
            r.since,
            _(
                "{client} ({name}) begins to relay spam: {why}",
                client=r.client,
                name=r.name,
                why=_first(r.evidence),
            ),
            "relay",
        )
        for r in relays
        if r.verdict != ORDINARY and r.evidence
    ]
    for crisis in crises:
        found.append(
            IncidentEvent(
                crisis.begin,
                _("the queue reaches {threshold} messages", threshold=number(threshold)),
                "queue",
            )
        )
        if crisis.over:
            lasted = age(crisis.end - crisis.begin)
            text = _(
                "the queue is below {threshold} again after {lasted}; its peak was {peak}",
                threshold=number(threshold),
                lasted=lasted,
                peak=number(crisis.peak),
            )
            found.append(IncidentEvent(crisis.end, text, "queue"))
    guessers = [
        (client, f)
        for client, f in attackers.items()
        if f.count >= _MIN_GUESSES and f.last >= start
    ]
    guessers.sort(key=lambda item: -item[1].count)
    for client, failures in guessers[:_MAX_GUESSERS]:
        lasted = age(failures.last - failures.first)
        text = _(
            "{client} begins to guess passwords: {failures} failures within {lasted}",
            client=client,
            failures=number(failures.count),
            lasted=lasted,
        )
        if failures.others:
            text += ", " + _n("{n} name tried", "{n} names tried", len(failures.others))
        found.append(IncidentEvent(max(failures.first, start), text, "guessing"))
    if timeline.first_blocked:
        text = _("another server refuses mail of this one as spam for the first time")
        found.append(IncidentEvent(timeline.first_blocked, text, "blocked"))
    found += [
        IncidentEvent(act.time, act.text, "act") for act in response_actions if start <= act.time
    ]
    return sorted(found, key=lambda m: (m.time, m.text))

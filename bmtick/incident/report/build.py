"""From a finished analysis to the page: what to show, in which words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bmtick.incident import score
from bmtick.incident.analysis import Analysis
from bmtick.incident.relays import ORDINARY, Relay
from bmtick.incident.report import figures
from bmtick.incident.report.figures import Bar
from bmtick.incident.report.page import Page, Table
from bmtick.incident.report.story import Curve, episodes, story
from bmtick.incident.report.timeline import BLOCKED, Timeline
from bmtick.incident.suspects import Suspect
from bmtick.incident.units import iso, plain

FROM_LOG = "as the log tells: messages that came and have not gone yet"
_ROWS = 15
_MOST_TOLD = 100


@dataclass(frozen=True)
class Facts:
    """All that the page is made of.

    Attributes:
        curve: the queue's length measured otherwise; None: derived from the log.
        threshold: messages in the queue from which on an alert is given.
        told: time, alert, level, by whom and message of the alerts' events; None: not recorded.
    """

    analysis: Analysis
    timeline: Timeline
    suspects: Sequence[Suspect]
    relays: Sequence[Relay]
    threshold: int
    curve: Curve | None = None
    told: Sequence[tuple[str, str, str, str, str]] | None = None
    notes: Sequence[str] = ()


def build(facts: Facts) -> Page:
    """Put the page together."""
    timeline, traffic = facts.timeline, facts.analysis.traffic
    curve = facts.curve or Curve(timeline.slots(), timeline.queue_curve(), FROM_LOG)
    crises = episodes(curve, facts.threshold)
    moments = story(
        facts.suspects, facts.relays, crises, traffic.attackers, timeline, facts.threshold
    )
    accused = [s for s in facts.suspects if s.verdict == score.SUSPECT]
    culprits = [r for r in facts.relays if r.verdict != ORDINARY]
    names = [*(s.user for s in accused), *(r.client for r in culprits)]
    window = traffic.window
    return Page(
        title="Mail: what happened",
        verdict=_verdict(accused, culprits),
        alarming=bool(accused or culprits),
        period=f"{plain(window.start)} to {plain(window.end)} (the newest line of the log, "
        f"{iso(window.end)[-6:]})",
        tiles=_tiles(facts, curve),
        moments=moments,
        figures=[
            figures.queue_figure(curve, crises, moments, facts.threshold),
            figures.deliveries_figure(timeline),
            figures.senders_figure(timeline, names),
            figures.ranking_figure("users", "Users by recipients", _user_bars(facts, accused)),
            figures.ranking_figure(
                "clients", "Clients without a login by recipients", _client_bars(facts, culprits)
            ),
        ],
        tables=_tables(facts, accused, culprits),
        notes=[
            f"Logs: {', '.join(facts.analysis.logs.names)}.",
            f"Queue: {curve.source}.",
            *facts.notes,
            "Points of suspects are explained in the documentation of bmtick suspects.",
        ],
    )


def _verdict(accused: Sequence[Suspect], culprits: Sequence[Relay]) -> str:
    parts = []
    if accused:
        parts.append(f"Behaves like a stolen account: {', '.join(s.user for s in accused)}.")
    if culprits:
        parts.append(f"Relays spam: {', '.join(r.client for r in culprits)}.")
    return " ".join(parts) or "Nobody behaves suspiciously."


def _tiles(facts: Facts, curve: Curve) -> list[tuple[str, str]]:
    users = facts.analysis.traffic.users.values()
    timeline = facts.timeline
    refused = sum(c.total() for n, c in timeline.outcomes.items() if n not in ("sent", "deferred"))
    return [
        (f"{max(curve.lengths, default=0):,}", "messages in the queue at most"),
        (f"{sum(p.window.messages for p in users):,}", "messages of users"),
        (f"{sum(p.window.recipients for p in users):,}", "recipients of users"),
        (f"{refused:,}", "deliveries refused"),
        (f"{timeline.outcomes[BLOCKED].total():,}", "of them as spam"),
        (f"{timeline.failures.total():,}", "failed logins"),
    ]


def _user_bars(facts: Facts, accused: Sequence[Suspect]) -> list[Bar]:
    known = {s.user: s for s in accused}
    bars = []
    for user, profile in facts.analysis.traffic.users.items():
        window = profile.window
        if not window.messages:
            continue
        hover = (
            f"{user}: {window.recipients:,} recipients, {window.messages:,} messages, "
            f"{len(profile.addresses):,} addresses, {window.refused:,} refused"
        )
        if user in known:
            hover += f" ({known[user].score} points)"
        bars.append(Bar(user, window.recipients, user in known, hover))
    return _largest(bars)


def _client_bars(facts: Facts, culprits: Sequence[Relay]) -> list[Bar]:
    bad = {r.client for r in culprits}
    bars = []
    for address, client in facts.analysis.traffic.clients.items():
        window = client.profile.window
        if window.messages:
            hover = (
                f"{address} ({client.name}): {window.recipients:,} recipients, "
                f"{client.relayed:,} of them elsewhere, {window.refused:,} refused"
            )
            bars.append(Bar(address, window.recipients, address in bad, hover))
    return _largest(bars)


def _largest(bars: Iterable[Bar]) -> list[Bar]:
    """Sort by number, the accused always among those that are shown."""
    ranked = sorted(bars, key=lambda b: (-b.value, b.name))
    accused = [b for b in ranked[_ROWS:] if b.accused]
    return [*ranked[: max(0, _ROWS - len(accused))], *accused]


def _tables(facts: Facts, accused: Sequence[Suspect], culprits: Sequence[Relay]) -> list[Table]:
    reasons = facts.timeline.reasons.most_common(_ROWS)
    told = [] if facts.told is None else [_told_table(facts.told)]
    return [
        *told,
        Table(
            "Suspects and why",
            ["user", "points", "since", "recipients", "addresses", "still queued", "evidence"],
            [
                [
                    s.user,
                    f"{s.score}",
                    plain(s.since),
                    f"{s.recipients:,}",
                    f"{s.addresses:,}",
                    f"{len(s.queue_ids):,}",
                    "; ".join(e.text for e in s.evidence),
                ]
                for s in accused
            ],
            numbers=(1, 3, 4, 5),
            empty="Nobody behaves suspiciously.",
        ),
        Table(
            "Relays without a login that went bad",
            ["client", "name", "since", "relayed", "evidence", "what to do"],
            [
                [
                    r.client,
                    r.name,
                    plain(r.since),
                    f"{r.relayed:,}",
                    "; ".join(e.text for e in r.evidence),
                    r.remedy,
                ]
                for r in culprits
            ],
            numbers=(3,),
            empty="None.",
        ),
        Table(
            "Unusual, but not accused",
            ["user", "points", "why it stands out"],
            [
                [s.user, f"{s.score}", "; ".join(e.text for e in s.evidence)]
                for s in facts.suspects
                if s.verdict != score.SUSPECT
            ][:_ROWS],
            numbers=(1,),
            empty="Nobody.",
        ),
        Table(
            "Refusals by their reason",
            ["deliveries", "kind", "what the other server said"],
            [[f"{n:,}", kind, text] for (kind, text), n in reasons],
            numbers=(0,),
            empty="No delivery was refused.",
        ),
    ]


def _told_table(told: Sequence[tuple[str, str, str, str, str]]) -> Table:
    return Table(
        "What the alerts told",
        ["when", "alert", "level", "told by", "message"],
        [list(row) for row in told[-_MOST_TOLD:]],
        numbers=(),
        empty="No alert had anything to tell.",
    )

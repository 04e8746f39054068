"""Build the report page from a finished analysis: select the data, write the texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bmtick import names as n
from bmtick.incident.analysis import Analysis
from bmtick.incident.assessment import SUSPECT
from bmtick.incident.relays import ORDINARY, Relay
from bmtick.incident.report import figures
from bmtick.incident.report.events import ResponseAction, Series, episodes, incident_events
from bmtick.incident.report.figures import RankedSender
from bmtick.incident.report.page import Page, Table
from bmtick.incident.report.timeline import BLOCKED, Timeline
from bmtick.incident.suspects import Suspect
from bmtick.incident.units import plain, zone_of
from bmtick.languages import _, number

_ROWS = 15
_MAX_ALERT_ROWS = 100


@dataclass(frozen=True)
class ReportData:
    """The data of the report.

    Attributes:
        curve: measured lengths of the queue; None: reconstruct them from the log.
        threshold: messages in the queue from which an alert fires.
        host: the server's name; "": unknown.
        response_actions: what people and the guard did about the incident.
        alert_events: time, alert, level, sender and message of alert events; None: not recorded.
    """

    analysis: Analysis
    timeline: Timeline
    suspects: Sequence[Suspect]
    relays: Sequence[Relay]
    threshold: int
    curve: Series | None = None
    alert_events: Sequence[tuple[str, str, str, str, str]] | None = None
    notes: Sequence[str] = ()
    host: str = ""
    response_actions: Sequence[ResponseAction] = ()


def build(data: ReportData) -> Page:
    """Build the page."""
    timeline, traffic = data.timeline, data.analysis.traffic
    curve = data.curve or Series(
        timeline.slots(),
        timeline.queue_curve(),
        _("as the log tells: messages that came and have not gone yet"),
    )
    crises = episodes(curve, data.threshold)
    events = incident_events(
        data.suspects,
        data.relays,
        crises,
        traffic.attackers,
        timeline,
        data.threshold,
        data.response_actions,
    )
    accused = [s for s in data.suspects if s.verdict == SUSPECT]
    culprits = [r for r in data.relays if r.verdict != ORDINARY]
    names = [*(s.user for s in accused), *(r.client for r in culprits)]
    window = traffic.window
    return Page(
        title=_("Mail on {host}: what happened", host=data.host)
        if data.host
        else _("Mail: what happened"),
        verdict=_verdict(accused, culprits),
        alarming=bool(accused or culprits),
        period=_(
            "{begin} to {end} (the newest line of the log), {zone}",
            begin=plain(window.start),
            end=plain(window.end),
            zone=zone_of(window.end),
        ),
        tiles=_tiles(data, curve),
        events=events,
        figures=[
            figures.queue_figure(curve, crises, events, data.threshold),
            figures.deliveries_figure(timeline),
            figures.senders_figure(timeline, names),
            figures.ranking_figure("users", _("Users by recipients"), _user_bars(data, accused)),
            figures.ranking_figure(
                "clients", _("Clients without a login by recipients"), _client_bars(data, culprits)
            ),
        ],
        tables=_tables(data, accused, culprits),
        notes=[
            _("Logs: {names}.", names=", ".join(data.analysis.logs.names)),
            _("Queue: {source}.", source=curve.source),
            *data.notes,
            _("Evidence is in percent of the threshold of the alert that weighs it."),
        ],
    )


def _verdict(accused: Sequence[Suspect], culprits: Sequence[Relay]) -> str:
    parts = []
    if accused:
        parts.append(
            _("Behaves like a stolen account: {names}.", names=", ".join(s.user for s in accused))
        )
    if culprits:
        parts.append(_("Relays spam: {names}.", names=", ".join(r.client for r in culprits)))
    return " ".join(parts) or _("Nobody behaves suspiciously.")


def _tiles(data: ReportData, curve: Series) -> list[tuple[str, str]]:
    users = data.analysis.assessments[n.SENDER].values()
    timeline = data.timeline
    refused = sum(c.total() for k, c in timeline.outcomes.items() if k not in ("sent", "deferred"))
    return [
        (number(max(curve.lengths, default=0)), _("messages in the queue at most")),
        (number(int(sum(u.counts.get("messages", 0) for u in users))), _("messages of users")),
        (number(int(sum(u.counts.get("recipients", 0) for u in users))), _("recipients of users")),
        (number(refused), _("deliveries refused")),
        (number(timeline.outcomes[BLOCKED].total()), _("of them as spam")),
        (number(timeline.failures.total()), _("failed logins")),
    ]


def _user_bars(data: ReportData, accused: Sequence[Suspect]) -> list[RankedSender]:
    known = {s.user: s for s in accused}
    bars = []
    analysis = data.analysis
    for user, one in analysis.assessments[n.SENDER].items():
        messages = int(one.counts.get("messages", 0))
        if not messages:
            continue
        recipients = int(one.counts.get("recipients", 0))
        account = analysis.traffic.users.get(user)
        hover = _(
            "{name}: {recipients} recipients, {messages} messages, {addresses} addresses, "
            "{refused} refused",
            name=user,
            recipients=number(recipients),
            messages=number(messages),
            addresses=number(len(account.addresses) if account else 0),
            refused=number(int(one.counts.get("refused", 0))),
        )
        if user in known:
            hover += " " + _("(evidence {score} %)", score=known[user].score)
        bars.append(RankedSender(user, recipients, user in known, hover))
    return _largest(bars)


def _client_bars(data: ReportData, culprits: Sequence[Relay]) -> list[RankedSender]:
    bad = {r.client for r in culprits}
    bars = []
    names = data.analysis.traffic.names
    for address, one in data.analysis.assessments[n.CLIENT].items():
        if one.counts.get("messages"):
            recipients = int(one.counts.get("recipients", 0))
            hover = _(
                "{address} ({name}): {recipients} recipients, {relayed} of them elsewhere, "
                "{refused} refused",
                address=address,
                name=names.get(address, ""),
                recipients=number(recipients),
                relayed=number(int(one.counts.get("relayed", 0))),
                refused=number(int(one.counts.get("refused", 0))),
            )
            bars.append(RankedSender(address, recipients, address in bad, hover))
    return _largest(bars)


def _largest(bars: Iterable[RankedSender]) -> list[RankedSender]:
    """Sort by value; suspects are always among the bars that are shown."""
    ranked = sorted(bars, key=lambda b: (-b.value, b.name))
    accused = [b for b in ranked[_ROWS:] if b.accused]
    return [*ranked[: max(0, _ROWS - len(accused))], *accused]


def _tables(data: ReportData, accused: Sequence[Suspect], culprits: Sequence[Relay]) -> list[Table]:
    reasons = data.timeline.reasons.most_common(_ROWS)
    alert_events = [] if data.alert_events is None else [_alert_table(data.alert_events)]
    return [
        *alert_events,
        Table(
            _("Suspects and why"),
            [
                _("user"),
                _("evidence %"),
                _("since"),
                _("recipients"),
                _("addresses"),
                _("still queued"),
                _("evidence"),
            ],
            [
                [
                    s.user,
                    number(s.score),
                    plain(s.since),
                    number(s.recipients),
                    number(s.addresses),
                    number(len(s.queue_ids)),
                    "; ".join(e.text for e in s.evidence),
                ]
                for s in accused
            ],
            numbers=(1, 3, 4, 5),
            times=(2,),
            empty=_("Nobody behaves suspiciously."),
        ),
        Table(
            _("Relays without a login that went bad"),
            [
                _("client"),
                _("name"),
                _("since"),
                _("taken elsewhere"),
                _("evidence"),
                _("what to do"),
            ],
            [
                [
                    r.client,
                    r.name,
                    plain(r.since),
                    number(r.relayed),
                    "; ".join(e.text for e in r.evidence),
                    r.remedy,
                ]
                for r in culprits
            ],
            numbers=(3,),
            times=(2,),
            empty=_("None."),
        ),
        Table(
            _("Unusual, but not accused"),
            [_("user"), _("evidence %"), _("why it stands out")],
            [
                [s.user, number(s.score), "; ".join(e.text for e in s.evidence)]
                for s in data.suspects
                if s.verdict != SUSPECT
            ][:_ROWS],
            numbers=(1,),
            empty=_("Nobody."),
        ),
        Table(
            _("Refusals by their reason"),
            [_("deliveries"), _("kind"), _("what the other server said")],
            [[number(count), figures.outcome_name(kind), text] for (kind, text), count in reasons],
            numbers=(0,),
            empty=_("No delivery was refused."),
        ),
    ]


def _alert_table(alert_events: Sequence[tuple[str, str, str, str, str]]) -> Table:
    return Table(
        _("What the alerts told"),
        [_("when"), _("alert"), _("level"), _("told by"), _("message")],
        [list(row) for row in alert_events[-_MAX_ALERT_ROWS:]],
        times=(0,),
        empty=_("No alert had anything to tell."),
    )

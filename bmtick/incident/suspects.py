"""Suspects by evidence: accounts, senders without a login, local senders and forwarders."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from bmtick import names as n
from bmtick.collect.emit import ALL
from bmtick.incident.account import normal
from bmtick.incident.analysis import Analysis
from bmtick.incident.assessment import SUSPECT, UNUSUAL, Assessment, Evidence
from bmtick.incident.traffic import Account, Traffic
from bmtick.languages import _

_TOP_ADDRESSES = 10
KINDS = {  # what a suspect's name stands for
    n.SENDER: "account",
    n.FROM: "sender",  # mail of a trusted machine without a login, such as a webmail
    n.LOCAL: "local",  # by sendmail on this machine
    n.FORWARD: "forwarder",
}


@dataclass(frozen=True)
class AddressFact:
    """A client address of a suspect's logins; times in seconds since the epoch."""

    address: str
    name: str
    first_seen: int
    messages: int
    recipients: int
    new: bool
    failures_before: int


@dataclass(frozen=True)
class Suspect:
    """One suspect and its evidence.

    Attributes:
        user: the login; for other kinds the sender or the forwarding address.
        kind: ``account``, ``sender``, ``local`` or ``forwarder``.
        verdict: ``suspect``; or ``unusual``: conspicuous, but not a suspect.
        score: the evidence as percent of its alert's threshold.
        alert: the name of that alert.
        since: first suspicious activity, seconds since the epoch.
        client: the trusted machine that a ``sender`` sends through; the uid of a ``local`` one.
        queue_ids: messages of this login that are still queued.
        failed_logins: for this name, from any address, in the whole log.
    """

    user: str
    kind: str
    verdict: str
    score: int
    alert: str
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
    client: str = ""
    top_addresses: tuple[AddressFact, ...] = ()
    queue_ids: tuple[str, ...] = field(default=())


def find_suspects(analysis: Analysis, queued: Collection[str] | None = None) -> list[Suspect]:
    """Return suspects, then unusual senders; the heaviest evidence first.

    Args:
        analysis: a finished pass over the logs.
        queued: the queue ids that Postfix has now; None if the queue cannot be read: then the log
            alone determines which messages are still queued.
    """
    found = [
        _suspect(one, analysis, queued)
        for kind in KINDS
        for one in analysis.assessments[kind].values()
        if one.verdict
    ]
    sole = _sole_senders(analysis)
    found = [_of_machine(s) if s.kind == "sender" and s.client in sole else s for s in found]
    # A webmail's sender may also be an account: it is listed once.
    named = {s.user for s in found if s.kind == "account" and s.verdict == SUSPECT}
    found = [s for s in found if s.kind in ("account", "forwarder") or s.user not in named]
    return sorted(found, key=lambda s: (s.verdict != SUSPECT, -s.score, -s.recipients, s.user))


def suspected_machines(analysis: Analysis) -> list[str]:
    """Return the machines that an alert would name, the heaviest evidence first."""
    found = [one for one in analysis.assessments[n.CLIENT].values() if one.verdict == SUSPECT]
    return [one.name for one in sorted(found, key=lambda one: (-one.share, one.name))]


def _sole_senders(analysis: Analysis) -> set[str]:
    """Return the machines with one sender that are suspects themselves.

    A webmail writes as many people, a web form or a printer always as the same one: there the
    machine is compromised, not somebody's password.
    """
    machines = suspected_machines(analysis)
    return {client for client in machines if analysis.machine_senders.get(client) == 1}


def _of_machine(suspect: Suspect) -> Suspect:
    text = _("nobody else sends through {client}: see 'bmtick relays'", client=suspect.client)
    evidence = (*suspect.evidence, Evidence("machine", 0.0, text))
    return replace(suspect, verdict=UNUSUAL, evidence=evidence)


def _suspect(one: Assessment, analysis: Analysis, queued: Collection[str] | None) -> Suspect:
    traffic = analysis.traffic
    account = one.measurement == n.SENDER
    profile = (traffic.users.get(one.name) if account else None) or Account()
    tried = sum(f.count for name, f in traffic.tried.items() if normal(name) == normal(one.name))
    ids = traffic.queue_ids(one.name) if account else []
    counts = one.counts
    recipients = counts.get("recipients", 0) if account else counts.get("relayed", 0)
    return Suspect(
        user=f"uid={one.tags['uid']}" if one.name == ALL else one.name,
        kind=KINDS[one.measurement],
        verdict=one.verdict,
        score=round(100 * one.share),
        alert=one.weight.alert if one.weight else "",
        evidence=tuple(one.evidence()),
        since=one.since or _first(profile, traffic),
        messages=int(counts.get("messages", 0)),
        recipients=int(recipients),
        size=int(counts.get("bytes", 0)),
        addresses=len(profile.addresses),
        new_addresses=sum(sight.new for sight in profile.addresses.values())
        if one.facts.get("days")
        else 0,
        refused=int(counts.get("refused", 0)),
        blocked=int(counts.get("blocked", 0)),
        failed_logins=tried if account else 0,
        past_days=int(one.facts.get("days", 0)),
        past_peak=int(one.facts.get("usual", 0)),
        client=one.tags.get("client", "") or one.tags.get("uid", ""),
        top_addresses=_top(profile, traffic, past=bool(one.facts.get("days"))),
        queue_ids=tuple(i for i in ids if queued is None or i in queued),
    )


def _first(profile: Account, traffic: Traffic) -> int:
    return profile.first or traffic.window.start


def _top(profile: Account, traffic: Traffic, *, past: bool) -> tuple[AddressFact, ...]:
    ranked = sorted(profile.addresses.items(), key=lambda item: (-item[1].recipients, item[0]))
    return tuple(
        AddressFact(
            address=address,
            name=traffic.names.get(address, ""),
            first_seen=sight.first,
            messages=sight.messages,
            recipients=sight.recipients,
            new=sight.new and past,
            failures_before=sight.failures,
        )
        for address, sight in ranked[:_TOP_ADDRESSES]
    )

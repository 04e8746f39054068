"""Machines that relay through this server without a login, and which of them are compromised."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bmtick import names as n
from bmtick.incident.analysis import Analysis
from bmtick.incident.assessment import SUSPECT, Assessment, Evidence
from bmtick.incident.networks import TrustedNetworks, parse_address
from bmtick.languages import _, _n, number

COMPROMISED, UNAUTHORISED, ORDINARY = "culprit", "intruder", "ordinary"

_FOREIGN_MESSAGES = 20
_FORGED_DOMAINS = 5
_FORGED_SHARE = 0.8
_FORGED_RECIPIENTS = 20


@dataclass(frozen=True)
class Relay:
    """One client without login with mail that was relayed outside, or waits for it.

    Attributes:
        known: whether mynetworks or the settings trust it.
        trusted_by: the network that trusts it, and where that is set.
        verdict: ``culprit`` (a trusted relay, but compromised), ``intruder`` (relays without being
            trusted), ``ordinary``.
        relayed: outside recipients who got mail from it.
        waiting: its messages for outside that no server has accepted yet.
        score: the evidence as percent of its alert's threshold.
        remedy: what to do; empty for ordinary ones.
    """

    client: str
    name: str
    known: bool
    trusted_by: str
    verdict: str
    score: int
    evidence: tuple[Evidence, ...]
    since: int
    messages: int
    recipients: int
    relayed: int
    waiting: int
    local: int
    refused: int
    blocked: int
    sender_domains: int
    remedy: str


@dataclass(frozen=True)
class Trust:
    """Clients that may relay without a login.

    Args:
        mynetworks: Postfix's; None if it cannot be read.
        settings: ``known_clients`` of bmtick.toml.
        complete: whether a client in neither list is unauthorised. False if mynetworks is unknown,
            and if Postfix rejects untrusted clients: then something else trusts the client.
    """

    mynetworks: TrustedNetworks | None
    settings: TrustedNetworks
    complete: bool = False

    def of(self, client: str) -> tuple[bool, str]:
        """Return whether a client is trusted, and by what."""
        network = self.mynetworks.which(client) if self.mynetworks else None
        if network is not None:
            return True, f"mynetworks: {network}"
        network = self.settings.which(client)
        if network is not None:
            return True, f"known_clients: {network}"
        return False, ""


def find_relays(analysis: Analysis, trust: Trust) -> list[Relay]:
    """Return the clients that relayed, or have mail waiting for it, most suspicious first.

    Clients whose mail only went to local people, or on by their own aliases, are not relays.
    """
    waiting = analysis.traffic.waiting_outward()
    found = []
    for address, one in analysis.assessments[n.CLIENT].items():
        known, by = trust.of(address)
        relayed = _relayed(one, analysis)
        refused = one.counts.get("refused", 0) if known else 0
        queued = waiting.get(address, 0)
        if one.counts.get("messages") and (relayed or refused or queued):
            found.append(_relay(one, analysis, trust, queued, by))
    order = {UNAUTHORISED: 0, COMPROMISED: 0, ORDINARY: 1}
    return sorted(found, key=lambda r: (order[r.verdict], -r.score, -r.relayed, r.client))


def _relayed(one: Assessment, analysis: Analysis) -> int:
    """Return the number of outside recipients of its relayed mail; the points count attempts."""
    unsent = analysis.traffic.unsent.get(one.name, 0)
    return max(0, int(one.counts.get("relayed", 0)) - unsent)


def _relay(one: Assessment, analysis: Analysis, trust: Trust, waiting: int, by: str) -> Relay:
    address, known = one.name, bool(by)
    relayed, messages = _relayed(one, analysis), int(one.counts.get("messages", 0))
    evidence = one.evidence()
    domains = analysis.traffic.domains_of(address)
    foreign = _foreign(address, domains, messages, analysis)
    if foreign:
        evidence = [*(e for e in evidence if e.kind != "forging"), foreign]
    outward = bool(relayed or waiting)
    if not known and outward:
        evidence.append(_unknown(relayed, waiting, complete=trust.complete))
    evidence.sort(key=lambda e: -e.points)
    fired = one.verdict == SUSPECT
    # An open relay is used from many addresses, so each untrusted client counts as one of them.
    together = (fired or analysis.open_since) and not _is_inner(address)
    if not known and outward and (trust.complete or together):
        verdict = UNAUTHORISED
    elif fired or (foreign is not None and _is_forger(foreign, messages, relayed)):
        verdict = COMPROMISED
    else:
        verdict = ORDINARY
    return Relay(
        client=address,
        name=analysis.traffic.names.get(address, ""),
        known=known,
        trusted_by=by,
        verdict=verdict,
        score=round(100 * one.share),
        evidence=tuple(evidence),
        since=one.since or one.first,
        messages=messages,
        recipients=int(one.counts.get("recipients", 0)),
        relayed=relayed,
        waiting=waiting,
        local=int(one.counts.get("local", 0)),
        refused=int(one.counts.get("refused", 0)),
        blocked=int(one.counts.get("blocked", 0)),
        sender_domains=len(domains),
        remedy=_remedy(address, verdict, by),
    )


def _is_inner(address: str) -> bool:
    parsed = parse_address(address.partition("/")[0])
    return parsed is None or parsed.is_private


def _foreign(
    address: str, domains: dict[str, int], total: int, analysis: Analysis
) -> Evidence | None:
    """Weigh sender domains that are neither this server's nor usual for this machine."""
    traffic = analysis.traffic
    usual = traffic.own_domains | traffic.past_domains_of(address) | {""}
    foreign = {d: count for d, count in domains.items() if d not in usual}
    messages = sum(foreign.values())
    if messages < _FOREIGN_MESSAGES or messages * 2 < total:
        return None
    some = ", ".join(sorted(foreign, key=lambda d: -foreign[d])[:3])
    return Evidence(
        "forging",
        min(3.0, 2.0 + math.log2(len(foreign)) / 3),
        _(
            "{messages} of {total} messages bear sender addresses of strange domains ({some})",
            messages=number(messages),
            total=number(total),
            some=some,
        ),
        {"foreign_messages": messages, "domains": len(foreign)},
    )


def _is_forger(foreign: Evidence, total: int, relayed: int) -> bool:
    """Whether foreign senders alone are proof: most mail, under many names, and relayed outside."""
    messages, domains = foreign.numbers["foreign_messages"], foreign.numbers["domains"]
    return (
        domains >= _FORGED_DOMAINS
        and messages >= _FORGED_SHARE * total
        and relayed >= _FORGED_RECIPIENTS
    )


def _unknown(relayed: int, waiting: int, *, complete: bool) -> Evidence:
    done = (
        _n(
            "mail for {n} recipient elsewhere passed on",
            "mail for {n} recipients elsewhere passed on",
            relayed,
        )
        if relayed
        else _n(
            "{n} message for elsewhere in the queue",
            "{n} messages for elsewhere in the queue",
            waiting,
        )
    )
    numbers: dict[str, float] = {"relayed": relayed, "waiting": waiting}
    if complete:
        return Evidence("unknown", 4.0, _("{done}, but in no trusted network", done=done), numbers)
    text = _("{done}, but in no trusted network that is known here", done=done)
    return Evidence("unknown", 0.5, text, numbers)


def _console() -> str:
    return _(
        "BlueMind's administration console, System management > System configuration > Mail, "
        "field 'My networks'"
    )


def _remedy(address: str, verdict: str, by: str) -> str:
    parsed = parse_address(address)
    if verdict == ORDINARY:
        return ""
    if parsed is not None and parsed.is_loopback:
        return _(
            "this is the machine itself: a program on it, or a user of the webmail, sends; the "
            "log's Message-IDs and BlueMind's own logs tell which"
        )
    if verdict == UNAUTHORISED:
        return _(
            "this server relays for strangers: see the analysis of its restrictions; if the "
            "machine is meant to relay, add it in {console}",
            console=_console(),
        )
    where = _("known_clients in bmtick.toml") if by.startswith("known_clients") else _console()
    network = by.partition(": ")[2]
    if network in ("", address, f"{address}/32", f"{address}/128"):
        own = _("remove {address} in {where} and save", address=address, where=where)
    else:
        own = _(
            "{address} is trusted as part of {network}: in {where} replace that by the addresses "
            "that need it, without this one, and save",
            address=address,
            network=network,
            where=where,
        )
    return _("{own}; then clean that machine, and put it back when it is clean", own=own)

"""Rules for settings and plugins that make an outbreak easy; each finding has a reason and remedy.

Pure: a rule gets the facts and returns a finding or None. To add a rule, add a function to
``RULES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bmtick.incident.audit.blocklists import CLEAN, LISTED, Listing
from bmtick.incident.networks import parse_networks
from bmtick.incident.openrelay import CLOSED, OPEN
from bmtick.incident.openrelay import analyse as analyse_restrictions
from bmtick.incident.postconf import PostfixSettings

BAD, WEAK, GOOD, UNKNOWN = "bad", "weak", "good", "unknown"
_ORDER = {BAD: 0, WEAK: 1, UNKNOWN: 2, GOOD: 3}


@dataclass(frozen=True)
class Machine:
    """The facts about this machine; None if unknown.

    Attributes:
        postfix: Postfix's settings.
        packages: installed packages and their versions, by dpkg or rpm.
        bluemind: whether BlueMind is installed here.
        jails: fail2ban's active jails.
        listings: answers of the block lists.
        unreadable: facts that could not be read, and why.
    """

    postfix: PostfixSettings | None = None
    packages: Mapping[str, str] | None = None
    bluemind: bool | None = None
    jails: tuple[str, ...] | None = None
    listings: tuple[Listing, ...] = ()
    unreadable: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        state: ``bad``, ``weak``, ``good`` or ``unknown``.
        subject: the topic, in few words.
        found: the state of this machine.
        reason: why that matters.
        remedy: what to do; empty if nothing.
    """

    state: str
    subject: str
    found: str
    reason: str
    remedy: str = ""


Rule = Callable[[Machine], Finding | None]


def audit(machine: Machine) -> list[Finding]:
    """Return all findings, worst first."""
    found = [finding for rule in RULES if (finding := rule(machine))]
    found += [_listed(listing) for listing in machine.listings]
    return sorted(found, key=lambda a: _ORDER[a.state])


def _listed(listing: Listing) -> Finding:
    reason = "servers that ask the list refuse this server's mail, that of everybody here"
    subject = f"block list {listing.list}"
    if listing.state == LISTED:
        return Finding(
            BAD,
            subject,
            f"{listing.address} is listed: {listing.said}",
            reason,
            f"once no spam leaves any more ('bmtick incident'), ask for delisting: {listing.page}",
        )
    if listing.state == CLEAN:
        return Finding(GOOD, subject, f"{listing.address} is not listed", reason)
    remedy = "name a resolver of your own as [blocklists] resolver, or take the list out"
    return Finding(UNKNOWN, subject, listing.said, reason, remedy)


def _submission(postfix: PostfixSettings) -> str:
    """Return the submission service: the first with its own login settings, or main.cf."""
    for service in postfix.smtp_servers():
        if service and postfix.get("smtpd_sasl_auth_enable", service) == "yes":
            return service
    return ""


def _open_relay(machine: Machine) -> Finding | None:
    if machine.postfix is None:
        return None
    verdicts = analyse_restrictions(machine.postfix)
    worst = next((v for v in verdicts if v.state == OPEN), None) or next(
        (v for v in verdicts if v.state != CLOSED), verdicts[0]
    )
    state = {OPEN: BAD, CLOSED: GOOD}.get(worst.state, WEAK)
    return Finding(
        state,
        "open relay",
        "; ".join(worst.reasons),
        "spammers find an open relay within hours",
        ""
        if state == GOOD
        else "'bmtick relays --probe' asks the server itself; end the list "
        "smtpd_relay_restrictions with reject_unauth_destination before any table",
    )


def _trusted_networks(machine: Machine) -> Finding | None:
    if machine.postfix is None:
        return None
    networks = parse_networks(machine.postfix.get("mynetworks"))
    wide = [str(n) for n in networks.networks if not n.is_loopback and n.num_addresses > 256]
    return Finding(
        WEAK if wide else GOOD,
        "trusted networks",
        f"mynetworks = {machine.postfix.get('mynetworks')}",
        "every machine in them sends without a login; one that is taken over is a relay, and the "
        "wider the network, the harder to find",
        f"list single addresses instead of {', '.join(wide)}: BlueMind's administration console, "
        "System management > System configuration > Mail, field 'My networks'"
        if wide
        else "",
    )


def _sender_login(machine: Machine) -> Finding | None:
    postfix = machine.postfix
    if postfix is None:
        return None
    service = _submission(postfix)
    lists = " ".join(
        postfix.get(f"smtpd_{name}_restrictions", service)
        for name in ("sender", "recipient", "relay", "client", "data")
    )
    has_map = bool(postfix.get("smtpd_sender_login_maps", service))
    kinds = ("reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch")
    used = next((k for k in kinds if k in lists), "")
    good = bool(used) and has_map
    return Finding(
        GOOD if good else WEAK,
        "forged senders",
        f"{used or 'no reject_sender_login_mismatch'}, smtpd_sender_login_maps "
        f"{'set' if has_map else 'empty'}",
        "a stolen account may send under any address; spam nearly always does, and bounces then "
        "hit somebody else",
        ""
        if good
        else "give smtpd_sender_login_maps a table of addresses and their logins, and put "
        "reject_authenticated_sender_login_mismatch into smtpd_sender_restrictions; shared "
        "mailboxes and aliases must be in the table first",
    )


def _limit(name: str, subject: str, reason: str, value: str) -> Rule:
    def rule(machine: Machine) -> Finding | None:
        if machine.postfix is None:
            return None
        limit = machine.postfix.number(name, _submission(machine.postfix))
        off = not limit
        return Finding(
            WEAK if off else GOOD,
            subject,
            f"{name} = {machine.postfix.get(name)}" + (" (off)" if off else ""),
            reason,
            f"postconf -e '{name} = {value}', then postfix reload; clients in "
            "smtpd_client_event_limit_exceptions (by default mynetworks) are exempt"
            if off
            else "",
        )

    return rule


def _auth_rate(machine: Machine) -> Finding | None:
    if machine.postfix is None or "smtpd_client_auth_rate_limit" not in machine.postfix.values:
        return None  # introduced in Postfix 3.1
    return _limit(
        "smtpd_client_auth_rate_limit",
        "guessing passwords",
        "without it one address may try any number of passwords a minute (counted by anvil)",
        "20",
    )(machine)


def _plain_login(machine: Machine) -> Finding | None:
    postfix = machine.postfix
    if postfix is None:
        return None
    open_services = [
        s
        for s in postfix.smtp_servers()
        if postfix.get("smtpd_sasl_auth_enable", s) == "yes"
        and postfix.get("smtpd_tls_auth_only", s) != "yes"
        and postfix.get("smtpd_tls_security_level", s) != "encrypt"
        and postfix.get("smtpd_tls_wrappermode", s) != "yes"
    ]
    names = ", ".join(s or "main.cf" for s in open_services)
    return Finding(
        BAD if open_services else GOOD,
        "passwords in the clear",
        f"logins without TLS are offered by: {names}" if names else "logins need TLS everywhere",
        "whoever listens on the way has the password",
        "postconf -e 'smtpd_tls_auth_only = yes', then postfix reload" if names else "",
    )


def _login_on_25(machine: Machine) -> Finding | None:
    postfix = machine.postfix
    if postfix is None or postfix.get("smtpd_sasl_auth_enable") != "yes":
        return None
    return Finding(
        WEAK,
        "logins on port 25",
        "smtpd_sasl_auth_enable = yes in main.cf",
        "port 25 is for other servers; attackers try passwords there first",
        "once all programs submit on 587 or 465: set it to 'no' in main.cf and to 'yes' with -o "
        "for submission and smtps in master.cf",
    )


def _anonymous(machine: Machine) -> Finding | None:
    postfix = machine.postfix
    if postfix is None:
        return None
    bad = [
        s
        for s in postfix.smtp_servers()
        if postfix.get("smtpd_sasl_auth_enable", s) == "yes"
        and "noanonymous" not in postfix.get("smtpd_sasl_security_options", s)
    ]
    if not bad:
        return None
    return Finding(
        BAD,
        "anonymous logins",
        f"no 'noanonymous' in smtpd_sasl_security_options ({', '.join(s or 'main.cf' for s in bad)})",
        "an anonymous login passes permit_sasl_authenticated: an open relay",
        "postconf -e 'smtpd_sasl_security_options = noanonymous', then postfix reload",
    )


def _brute_force(machine: Machine) -> Finding:
    plugin = _package(machine, "bruteforce")
    jails = [j for j in machine.jails or () if "postfix" in j or "sasl" in j or "bluemind" in j]
    reason = "a password is found by trying; after a few failures further tries must be refused"
    if plugin or jails:
        found = f"package {plugin}" if plugin else f"fail2ban: {', '.join(jails)}"
        return Finding(GOOD, "brute-force protection", found, reason)
    remedy = (
        "install BlueMind's plugin password-bruteforce (3 failures block for 20 minutes)"
        if machine.bluemind is not False
        else "install fail2ban and enable its jail postfix-sasl"
    )
    if machine.packages is None and machine.jails is None:
        return Finding(UNKNOWN, "brute-force protection", "could not be found out", reason, remedy)
    return Finding(
        BAD,
        "brute-force protection",
        "neither BlueMind's plugin nor a fail2ban jail for Postfix",
        reason,
        f"{remedy}; 'bmtick render auth_failures' warns meanwhile",
    )


def _password_policy(machine: Machine) -> Finding | None:
    if machine.bluemind is False:
        return None
    reason = "most stolen accounts had a password that is in every list of the spammers"
    plugin = _package(machine, "password-size") or _package(machine, "sizestrength")
    if plugin:
        return Finding(GOOD, "password policy", f"package {plugin}", reason)
    return Finding(
        UNKNOWN if machine.packages is None else WEAK,
        "password policy",
        "could not be found out" if machine.packages is None else "no plugin for it is installed",
        reason,
        "install BlueMind's plugin password-sizestrength; where passwords come from a directory, "
        "set the policy there",
    )


def _package(machine: Machine, part: str) -> str:
    return next((p for p in sorted(machine.packages or ()) if part in p), "")


RULES: tuple[Rule, ...] = (
    _open_relay,
    _anonymous,
    _plain_login,
    _brute_force,
    _password_policy,
    _sender_login,
    _trusted_networks,
    _auth_rate,
    _limit(
        "smtpd_client_message_rate_limit",
        "messages from one client",
        "without it one stolen password sends as fast as the line allows, and the first warning "
        "comes after thousands of messages",
        "100",
    ),
    _limit(
        "smtpd_client_recipient_rate_limit",
        "recipients from one client",
        "spam often has dozens of recipients in one message, which a limit of messages misses",
        "500",
    ),
    _limit(
        "smtpd_recipient_limit",
        "recipients of one message",
        "bounds what one message can do",
        "200",
    ),
    _login_on_25,
)

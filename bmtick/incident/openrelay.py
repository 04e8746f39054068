"""Whether an untrusted client may relay, determined by walking Postfix's restriction lists.

An untrusted client is outside ``mynetworks``, has no login and no certificate, and sends to a
domain that this server does not serve. Postfix evaluates ``smtpd_relay_restrictions`` and
``smtpd_recipient_restrictions``. Each list ends at the first entry that permits or rejects, and
only a client that passes both may relay. Postfix refuses to serve SMTP at all if no entry of either
list can reject (seen on 3.7.11), so a server is open by its ``mynetworks`` or by a table that
permits too much. Source: Postfix's SMTPD_ACCESS_README and ``smtpd_check.c``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bmtick.incident.networks import parse_networks
from bmtick.incident.postconf import PostfixSettings

CLOSED, OPEN, UNSURE = "closed", "open", "unsure"
_PASS = "lets pass"  # noqa: S105 -- a state, not a password
_LISTS = ("smtpd_relay_restrictions", "smtpd_recipient_restrictions")
_STOPS = {
    "reject",
    "defer",
    "defer_if_permit",
    "reject_unauth_destination",
    "defer_unauth_destination",
    "check_relay_domains",
}
# These reject for reasons that a spammer can avoid, so they are no protection.
_PASSES = re.compile(
    r"permit_(mynetworks|sasl_authenticated|auth_destination|mx_backup|inet_interfaces"
    r"|tls_clientcerts|tls_all_clientcerts|naked_ip_address)"
    r"|reject_\w+|warn_if_reject|sleep|defer_if_reject"
)
_WITH_VALUE = re.compile(
    r"check_(?!relay_domains)\w+|reject_rbl_client|reject_rhsbl_\w+|permit_(dnswl|rhswl)_client|sleep"
)
_MAX_DEPTH = 5  # of nested restriction classes
_TOKENS = re.compile(r"\{[^}]*\}|[^\s,{}]+")


@dataclass(frozen=True)
class Verdict:
    """Whether untrusted clients may relay, and the reasons.

    Attributes:
        state: ``closed``, ``open`` or ``unsure``.
        service: the service of master.cf; empty: main.cf.
        reasons: sentences, each with its setting.
    """

    state: str
    service: str
    reasons: tuple[str, ...]


def analyse(settings: PostfixSettings) -> list[Verdict]:
    """Return a verdict for main.cf and one for each SMTP service with own settings."""
    decisive = {*_LISTS, "mynetworks", "smtpd_client_restrictions"}
    services = [
        s for s in settings.smtp_servers() if not s or decisive & set(settings.overrides.get(s, {}))
    ]
    return [_verdict(settings, service) for service in services]


def _verdict(settings: PostfixSettings, service: str) -> Verdict:
    reasons: list[str] = []
    wide = parse_networks(settings.get("mynetworks", service)).open_to_all
    if wide:
        names = ", ".join(str(n) for n in wide)
        return Verdict(OPEN, service, (f"mynetworks trusts {names}: the whole Internet is in it",))
    classes = _classes(settings, service)
    states: list[str] = []
    for name in _LISTS:
        state, why = _walk(settings.get(name, service), classes, name)
        states.append(state)
        reasons.append(why)
    client, why = _walk(settings.get("smtpd_client_restrictions", service), classes, "client")
    if client == CLOSED:
        # Only mynetworks and logins pass: usual on a submission port.
        return Verdict(CLOSED, service, (f"smtpd_client_restrictions: {why}",))
    if CLOSED in states:
        return Verdict(
            CLOSED, service, tuple(r for s, r in zip(states, reasons, strict=True) if s == CLOSED)
        )
    if UNSURE in states:
        return Verdict(UNSURE, service, tuple(reasons))
    return Verdict(
        CLOSED, service, (*reasons, "with such lists Postfix does not serve SMTP at all")
    )


def _classes(settings: PostfixSettings, service: str) -> dict[str, str]:
    names = re.split(r"[\s,]+", settings.get("smtpd_restriction_classes", service))
    return {n: settings.get(n, service) for n in names if n}


def _walk(text: str, classes: Mapping[str, str], name: str, depth: int = 0) -> tuple[str, str]:
    """Walk one list for an untrusted client; an empty list, or the end of one, permits."""
    entries = _entries(text)
    if not entries:
        return _PASS, f"{name} is empty: it stops nobody"
    unsure = ""
    for entry in entries:
        word = entry.split()[0]
        if word in _STOPS:
            if unsure:
                return UNSURE, f"{name}: {word} stops strangers, unless {unsure} permits before it"
            return CLOSED, f"{name}: {word} stops strangers"
        if word == "permit":
            return _PASS, f"{name}: 'permit' lets everybody pass"
        if word in classes and depth < _MAX_DEPTH:
            state, why = _walk(classes[word], classes, word, depth + 1)
            if state == CLOSED:
                return CLOSED, f"{name}: {why}"
            unsure = unsure or (word if state == UNSURE else "")
        elif not _PASSES.fullmatch(word):
            unsure = unsure or entry
    if unsure:
        return UNSURE, f"{name}: no entry stops strangers for sure; {unsure} may"
    return _PASS, f"{name}: no entry stops strangers"


def _entries(text: str) -> list[str]:
    """Split a list into its entries; a check includes its table, warn_if_reject is left out."""
    found: list[str] = []
    tokens = iter(t.strip("{} ") for t in _TOKENS.findall(text))
    for token in tokens:
        if token == "warn_if_reject":  # noqa: S105 -- a restriction, not a password
            next(tokens, None)
        elif _WITH_VALUE.fullmatch(token):
            found.append(f"{token} {next(tokens, '')}")
        elif token:
            found.append(token)
    return found

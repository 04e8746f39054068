"""Test whether the local SMTP server relays, without sending anything.

The dialogue ends after RCPT with RSET and QUIT, without DATA. Only an answer to an untrusted client
counts: a client in ``mynetworks`` may relay on any server. So the probe connects from an address
outside ``mynetworks`` if the machine has one, or claims one with XCLIENT if the server allows that;
otherwise the result is "no proof".
"""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bmtick.errors import BmtickError
from bmtick.incident.networks import TrustedNetworks
from bmtick.smtp import BoundedSMTP

RELAYS, REFUSES, NO_PROOF = "relays", "refuses", "no proof"
UNTRUSTED_ADDRESS = "192.0.2.66"  # RFC 5737: an address for documentation
_SENDER = "bmtick-probe@example.com"
# A plain outside recipient, and ones routed through this server (swap_bangpath, percent hack).
_TARGETS = (
    "bmtick-probe@example.net",
    "bmtick-probe%example.net@{host}",
    "example.net!bmtick-probe@{host}",
)
_TIMEOUT = 15.0  # seconds


@dataclass(frozen=True)
class Answer:
    """The server's answer to one recipient."""

    recipient: str
    code: int
    reply: str

    @property
    def accepted(self) -> bool:
        """Whether the server would accept the mail."""
        return 200 <= self.code < 300


@dataclass(frozen=True)
class Probe:
    """The result: ``relays``, ``refuses`` or ``no proof``, and the reason."""

    state: str
    client: str
    explanation: str
    answers: tuple[Answer, ...] = ()


def probe(host: str, port: int, trusted: TrustedNetworks, addresses: list[str]) -> Probe:
    """Run the dialogue.

    Args:
        host: the server's address, on this machine.
        port: its SMTP port.
        trusted: ``mynetworks``.
        addresses: source addresses, best first; the first one outside ``trusted`` is used.

    Raises:
        BmtickError: the server does not answer.
    """
    source = next((a for a in addresses if a not in trusted), "")
    try:
        with _session(host, port, source) as smtp:
            client = _claim_untrusted(smtp, source)
            code, text = smtp.mail(_SENDER)
            if code >= 300:
                return Probe(REFUSES, client or host, f"MAIL was refused: {_text(code, text)}")
            answers = tuple(_ask(smtp, host))
    except (OSError, smtplib.SMTPException) as error:
        raise BmtickError(
            f"the SMTP server at {host}:{port} does not answer: {error}",
            remedy="name its address with --server HOST:PORT",
        ) from None
    return _result(client, host, answers)


def _result(client: str, host: str, answers: tuple[Answer, ...]) -> Probe:
    taken = [a for a in answers if a.accepted]
    if not taken:
        who = "a stranger" if client else "even this machine itself"
        answer = f"{answers[0].code} {answers[0].reply}"
        return Probe(REFUSES, client or host, f"{who} is refused: {answer}", answers)
    if not client:
        return Probe(
            NO_PROOF,
            host,
            "accepted, but mynetworks trusts every address of this machine, and trusted clients "
            "may relay: go by the settings, or ask from another machine",
            answers,
        )
    route = "" if taken[0].recipient == _TARGETS[0] else " (by allow_untrusted_routing)"
    return Probe(
        RELAYS, client, f"a stranger may send to {taken[0].recipient}: open relay{route}", answers
    )


@contextmanager
def _session(host: str, port: int, source: str) -> Iterator[smtplib.SMTP]:
    smtp = BoundedSMTP(host, port, _TIMEOUT, source=source)
    try:
        smtp.ehlo_or_helo_if_needed()
        yield smtp
        smtp.rset()
    finally:
        smtp.close_quietly()


def _claim_untrusted(smtp: smtplib.SMTP, source: str) -> str:
    """Return the untrusted address that the server sees, or "" if it sees a trusted one."""
    if source:
        return source
    if "ADDR" not in smtp.esmtp_features.get("xclient", "").upper().split():
        return ""
    code, _ = smtp.docmd("XCLIENT", f"NAME=[UNAVAILABLE] ADDR={UNTRUSTED_ADDRESS}")
    if code != 220:
        return ""
    smtp.ehlo()
    return UNTRUSTED_ADDRESS


def _ask(smtp: smtplib.SMTP, host: str) -> Iterator[Answer]:
    literal = f"[IPv6:{host}]" if ":" in host else f"[{host}]"
    for target in _TARGETS:
        recipient = target.format(host=literal)
        code, text = smtp.docmd("RCPT", f"TO:<{recipient}>")
        yield Answer(recipient, code, text.decode("utf-8", "replace"))


def _text(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}"


def own_addresses(host: str, port: int) -> list[str]:
    """Return source addresses of this machine that reach the server, widest first.

    A "connected" UDP socket sends nothing; it only shows which address the kernel would use. On
    loopback, Linux accepts any 127.x address, and ``mynetworks`` may trust only 127.0.0.1.
    """
    found: list[str] = []
    for target in ("192.0.2.1", "2001:db8::1"):
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        if (family == socket.AF_INET6) != (":" in host):
            continue
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((target, port))
                found.append(sock.getsockname()[0])
        except OSError:
            continue
    if host.startswith("127."):
        return ["127.66.66.66"]  # a server on loopback is only reachable from there
    return found

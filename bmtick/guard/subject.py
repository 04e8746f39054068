"""Subjects of a hold: an account, a machine, or one sender of either.

Logins are folded to lower case; an IPv6 client is its /64, as in the points.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final, NamedTuple

from bmtick import names
from bmtick.collect.emit import ALL
from bmtick.errors import BmtickError

USER: Final = "user"  # a login
CLIENT: Final = "client"  # a machine that sends without a login
FROM: Final = "from"  # one envelope sender of such a machine, e.g. of a webmail
LOCAL: Final = "local"  # a sender of mail by sendmail and pickup
FORWARD: Final = "forward"  # a local address that forwards its mail

MEASUREMENTS: Final = {
    USER: names.SENDER,
    CLIENT: names.CLIENT,
    FROM: names.FROM,
    LOCAL: names.LOCAL,
    FORWARD: names.FORWARD,
}
"""The measurement that describes each kind."""

UID: Final = "uid="  # prefix of a local subject that is a system user, under any sender address
_LOCAL_PREFIX = "sendmail:"
_FORWARD_PREFIX = "forward:"
_MAX_NAME = 255  # characters of a login, as in the points


class Subject(NamedTuple):
    """One account, machine or sender. Only the kind ``from`` sets ``sender``.

    A local subject is an envelope sender, or ``uid=33``: all mail of a system user's programs.
    """

    kind: str
    name: str
    sender: str = ""

    def __str__(self) -> str:
        """Return the text that ``parse_subject`` and ``release`` accept."""
        if self.kind == FROM:
            return f"{self.name}/{self.sender}"
        prefix = {LOCAL: _LOCAL_PREFIX, FORWARD: _FORWARD_PREFIX}.get(self.kind, "")
        return prefix + self.name

    def document(self) -> dict[str, str]:
        """Return the JSON keys that name the subject: the tags of its points."""
        if self.kind == FROM:
            return {"client": self.name, "sender": self.sender}
        return {{LOCAL: "sender", FORWARD: "forwarder"}.get(self.kind, self.kind): self.name}


def user(name: str) -> Subject:
    """Return the subject of a login."""
    return Subject(USER, name[:_MAX_NAME].lower())


def local(sender: str, uid: str) -> Subject:
    """Return the local subject of a point's tags; ``*`` means all mail of the uid."""
    return Subject(LOCAL, f"{UID}{uid}" if sender == ALL else sender.lower())


def client_address(text: str) -> str:
    """Return an address as the points write it: IPv4 unchanged, IPv6 as its /64.

    Text that is no address, such as ``unknown``, is returned unchanged.
    """
    if ":" not in text:
        return text[:_MAX_NAME]
    try:
        address = ip_address(text.removeprefix("IPv6:").strip("[]").partition("%")[0])
    except ValueError:
        return text[:_MAX_NAME]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        if address.is_loopback:
            return str(address)
        return str(ip_network((address, 64), strict=False))
    return str(address)


def parse_subject(text: str) -> Subject:
    """Parse the WHO of a command or request: an address is a machine, other text a login.

    Raises:
        BmtickError: the text is empty or a network.
    """
    text = text.strip()
    if not text or any(character in text for character in "\r\n\0"):
        raise BmtickError("WHO is empty", remedy="give a login or an address, as in 'bmtick held'")
    for prefix, kind in ((_LOCAL_PREFIX, LOCAL), (_FORWARD_PREFIX, FORWARD)):
        if text.startswith(prefix):
            return Subject(kind, text.removeprefix(prefix).lower())
    address, slash, sender = text.partition("/")
    if slash and sender.isdigit():  # an IPv6 client is written with its prefix length
        if sender in ("64", "32") and _is_address(address):
            return Subject(CLIENT, client_address(address))
        raise BmtickError(f"'{text}' is a network", remedy="name one address; IPv6 as its /64")
    if _is_address(address):
        if slash:
            return Subject(FROM, client_address(address), sender.lower())
        return Subject(CLIENT, client_address(text))
    return user(text)


def _is_address(text: str) -> bool:
    text = text.removeprefix("IPv6:").strip("[]")
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return True
    return False


def from_tags(tags: Mapping[str, Any]) -> Subject | None:
    """Return the subject that the tags of an alert's points name, or None."""
    if name := tags.get("user"):
        return user(str(name))
    if (name := tags.get("client")) and (sender := tags.get("sender")):
        return Subject(FROM, client_address(str(name)), str(sender).lower())
    if name:
        return Subject(CLIENT, client_address(str(name)))
    if name := tags.get("sender"):
        return local(str(name), str(tags.get("uid", "")))
    if name := tags.get("forwarder"):
        return Subject(FORWARD, str(name).lower())
    return None

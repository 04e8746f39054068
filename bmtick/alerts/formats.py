"""Checks of values beyond their type: addresses, paths, hours, days.

Each takes the text and returns it, or raises a BmtickError that describes the expected form. To
add one, add a function to FORMATS; ``format = "NAME"`` in a params.toml uses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bmtick.alerts import schedule
from bmtick.errors import BmtickError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# RFC 5322 dot-atom; quoted local parts are not supported.
_LOCAL = re.compile(r"[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+(\.[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+)*")
_DOMAIN = re.compile(r"([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+|\[[0-9A-Fa-f:.]+\]")
_OID = re.compile(r"\.?[0-9]+(\.[0-9]+)+")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_SECRET_HEADERS = {"authorization", "authenticate", "proxy-authorization"}


def mail_address(text: str) -> str:
    """Accept ``local@domain``."""
    if not text.isascii():
        raise BmtickError(
            f"'{text}' has letters that Kapacitor's mailer cannot send to (it has no SMTPUTF8)",
            remedy="use an address in ASCII; a domain is written as xn--...",
        )
    local, _, domain = text.rpartition("@")
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise BmtickError(f"'{text}' is not a mail address", remedy="like admin@domain.net")
    return text


def url(text: str) -> str:
    """Accept an http or https address without password: it would end up in the script."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host or _CONTROL.search(text) or " " in text:
        raise BmtickError(f"'{text}' is not an address", remedy="like http://core:8090/path")
    if parts.password:
        raise BmtickError(
            "the address holds a password, which everybody who may read the script would see",
            remedy="name an [[httppost]] endpoint in kapacitor.conf",
        )
    return text


def absolute_path(text: str) -> str:
    """Accept an absolute path."""
    if not text.startswith("/") or _CONTROL.search(text):
        raise BmtickError(f"'{text}' is not an absolute path", remedy="begin it with '/'")
    return text


def address(text: str) -> str:
    """Accept HOST:PORT."""
    match = _ADDRESS.fullmatch(text)
    if not match or not 0 < int(match[2]) < 65536:
        raise BmtickError(f"'{text}' is not HOST:PORT", remedy="like loghost:5555")
    return text


def oid(text: str) -> str:
    """Accept an SNMP object identifier."""
    if not _OID.fullmatch(text):
        raise BmtickError(f"'{text}' is not an OID", remedy="like 1.3.6.1.4.1.1")
    return text


def snmp_data(text: str) -> str:
    """Accept ``OID TYPE VALUE``."""
    parts = text.split(" ", 2)
    if len(parts) != 3 or not _OID.fullmatch(parts[0]) or parts[1] not in ("c", "i", "n", "s", "t"):
        raise BmtickError(
            f"'{text}' is not OID TYPE VALUE", remedy="like '1.3.6.1.4.1.1 s text'; TYPE c i n s t"
        )
    return text


def command(items: list[str]) -> list[str]:
    """Accept a program with its absolute path, and arguments."""
    if not items:
        raise BmtickError("there is no program", remedy="give its absolute path")
    absolute_path(items[0])
    return items


def header(table: dict[str, Any]) -> dict[str, Any]:
    """Reject headers that carry a secret: they belong in Kapacitor's configuration."""
    for name in table:
        if name.lower() in _SECRET_HEADERS:
            raise BmtickError(
                f"the header '{name}' would put a secret into the script",
                remedy="set it for an [[httppost]] endpoint in kapacitor.conf",
            )
        if not re.fullmatch(r"[A-Za-z0-9-]+", name):
            raise BmtickError(f"'{name}' is not the name of a header", remedy="like X-Origin")
    return table


def link(table: dict[str, Any]) -> dict[str, Any]:
    """Accept addresses as keys."""
    for name in table:
        url(name)
    return table


FORMATS: dict[str, Callable[[Any], Any]] = {
    "mail address": mail_address,
    "url": url,
    "absolute path": absolute_path,
    "address": address,
    "oid": oid,
    "snmp data": snmp_data,
    "command": command,
    "header": header,
    "link": link,
    "hours": schedule.check_hours,
    "days": schedule.check_days,
    "maintenance": schedule.check_maintenance,
}
WHOLE = {"command", "header", "link"}  # checks of the whole list or table, not of each item


def refuse_control(text: str) -> str:
    """Reject control characters, which no value may contain.

    Raises:
        BmtickError: there is one.
    """
    if found := _CONTROL.search(text):
        raise BmtickError(
            f"{text!r} holds the control character {found[0]!r}", remedy="leave it out"
        )
    return text

"""BlueMind's ``core.log``: logins through webmail, ActiveSync, DAV and IMAP that failed.

Source: BlueMind 5, ``authentication.service`` (each failed login is told in one line) and the
logback pattern ``%date{ISO8601} [%thread] %c{1} %p - %m%n``, whose time is local. The login is an
attacker's text: origin and addresses are taken from the end of the line.
"""

from __future__ import annotations

from bmtick.collect.counter import Counter
from bmtick.collect.lazy import DOTALL, lazy
from bmtick.collect.raw import MAX_NAME, client, network, packed_address, text, username

_TIME = rb"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3}"
HEAD = lazy(rb"\n" + _TIME + rb" \[[^\n]*?\] [^ \n]+ (?:TRACE|DEBUG|INFO|WARN|ERROR) - ")
_MESSAGE = lazy(_TIME + rb" \[.*?\] [^ ]+ (?:TRACE|DEBUG|INFO|WARN|ERROR) - (.*)", DOTALL)
_FAILURE = lazy(
    rb"(?:result auth is (?!YES |EXPIRED )[A-Z_]+ for login: "
    rb"|validate (?:password or token )?failed for login: "
    rb"|authContext\.user not constructed for login: )"
    rb"(.*) origin: ([^ ]*) remoteIps: \[?([0-9A-Fa-f:., ]*)\]?$",
    DOTALL,
)
_RESULT = lazy(rb" result: [A-Za-z_]+$")
# A stack trace, whose lines belong to the one before.
_FOLLOWS = lazy(rb"\s|Caused by: |\.\.\. [0-9]+ |[\w.$]+(?:Exception|Error|Throwable|Fault)\b|$")
_MAX_ORIGIN = 64


def may_begin(block: bytes, look: int) -> bool:
    """Whether ``HEAD`` may be in a beginning of so many bytes: found without compiling it."""
    at = block.find(b" - ", 0, look)
    while at >= 0:
        start = block.rfind(b"\n", 0, at) + 1
        if block[start + 10 : start + 11] == b" " and block[start + 19 : start + 20] == b",":
            return True
        end = block.find(b"\n", at, look)
        at = block.find(b" - ", end, look) if end >= 0 else -1
    return False


def count_line(counter: Counter, line: bytes) -> bool:
    """Count what a line says; return whether it is one of this log."""
    head = _MESSAGE.match(line)
    if head is None:
        return _FOLLOWS.match(line) is not None
    said = head[1].rstrip(b"\r")
    if b" for login: " in said and (match := _FAILURE.match(said)):
        login, origin, addresses = match.groups()
        login = _RESULT.sub(b"", login)
        name = text(origin)[:_MAX_ORIGIN] or "unknown"
        counter.core_failure(_remote(addresses), name, username(login))
    return True


def _remote(addresses: bytes) -> str:
    """Return whose the login was: the first address that is not a private one, else the first."""
    listed = [a.strip() for a in addresses.split(b",") if packed_address(text(a.strip()))]
    names = [client(a) for a in listed]
    public = (name for name in names if network(name))
    return next(public, names[0] if names else "unknown")[:MAX_NAME]

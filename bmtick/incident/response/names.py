"""Find the account of a name: the full address of a bare login, or that there is none."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from bmtick.collect import events as ev
from bmtick.collect.clock import LogClock
from bmtick.collect.postfix import events
from bmtick.errors import BmtickError, nearest
from bmtick.incident.account import Account, normal
from bmtick.incident.logs import find_logs, open_lines
from bmtick.incident.postconf import read_parameter
from bmtick.incident.programs import Programs

_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+")
_TABLE = re.compile(r"(?:proxy:)?(?:hash|btree|lmdb|cdb|texthash|inline):[^\s,]+")
_MAX_LOGINS = 100_000  # logins that are remembered


def known_logins(paths: Sequence[str]) -> frozenset[str]:
    """Return every login that sent mail, from the logs and their rotated logs.

    Failed logins do not count: attackers choose those names. Empty if no log can be read.
    """
    found: set[str] = set()
    try:
        logs = find_logs(tuple(paths))
        for file in logs.files:
            with open_lines(file.path) as lines:
                telling = (x for x in lines if b": client=" in x and b", sasl_" in x)
                for _, event in events(telling, LogClock(logs.newest, file.first)):
                    if (
                        isinstance(event, ev.Client)
                        and event.sasl_username
                        and len(found) < _MAX_LOGINS
                    ):
                        found.add(event.sasl_username)
    except BmtickError:
        return frozenset(found)
    return frozenset(found)


def unknown_account(
    account: Account, logins: Collection[str], senders: Iterable[str]
) -> BmtickError:
    """Return the error for a name that is not in log or queue, with the nearest known name."""
    names = {normal(n): n for n in (*senders, *logins) if n}
    hint = nearest(normal(account.name), names)
    near = next((n for key, n in names.items() if f"'{key}'" in hint), "")
    alike = account.lookalikes(logins)
    suggestion = alike[0] if alike else near
    return BmtickError(
        f"no login '{account.name}' is in the log, the queue or the journal",
        remedy=(
            f"did you mean '{suggestion}'? " if suggestion else "'bmtick suspects' lists them; "
        )
        + "--force goes on all the same",
    )


def full_addresses(login: str, logins: Iterable[str], domains: Iterable[str]) -> list[str]:
    """Return the addresses that a bare login may stand for.

    A login ``LOGIN@DOMAIN`` in the log decides; otherwise this server's only mail domain, since
    BlueMind and Postfix complete a bare login with their own domain.

    Args:
        login: without ``@``.
        logins: all logins in the log.
        domains: the mail domains of this server.
    """
    start = f"{normal(login)}@"
    seen = sorted({normal(n) for n in logins if normal(n).startswith(start)})
    return seen or [start + d for d in sorted({d.lower() for d in domains})]


def mail_domains(programs: Programs) -> list[str]:
    """Return the domains for which this Postfix has mailboxes, as far as it shows them.

    They are in ``virtual_mailbox_domains`` and ``mydestination``, or in their tables, which
    ``postmap -s`` lists. If there are virtual domains, machine names are left out.
    """
    for name in ("virtual_mailbox_domains", "mydestination"):
        try:
            value = read_parameter(programs, name)
        except BmtickError:
            return []
        found = [w for w in re.split(r"[,\s]+", value) if _DOMAIN.fullmatch(w)]
        for table in _TABLE.findall(value):
            found += _keys(programs, table)
        if found:
            return list(dict.fromkeys(found))
    return []


def _keys(programs: Programs, table: str) -> list[str]:
    try:
        done = programs.run(programs.postfix("postmap", "-s", table.removeprefix("proxy:")))
    except BmtickError:
        return []
    lines = done.stdout.decode("utf-8", "replace").splitlines() if not done.status else []
    keys = (line.split()[0] for line in lines if line.strip())
    return [k for k in keys if _DOMAIN.fullmatch(k)]

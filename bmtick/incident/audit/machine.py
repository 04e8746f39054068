"""Collect the facts about this machine for ``bmtick audit``; read-only."""

from __future__ import annotations

from pathlib import Path

from bmtick.errors import BmtickError
from bmtick.incident.audit.rules import Machine
from bmtick.incident.postconf import PostfixSettings, read_settings
from bmtick.incident.programs import Programs

_BLUEMIND = ("/etc/bm", "/usr/share/bm-core", "/usr/bin/bm-cli")


def inspect_machine(programs: Programs) -> Machine:
    """Return the facts; unknown ones are None, with the reason in ``unreadable``."""
    unreadable: list[str] = []
    postfix: PostfixSettings | None = None
    try:
        postfix = read_settings(programs)
    except BmtickError as error:
        unreadable.append(f"Postfix: {error.message}")
    packages = _packages(programs)
    if packages is None:
        unreadable.append("packages: neither dpkg-query nor rpm answers")
    jails = _jails(programs)
    if jails is None:
        unreadable.append("fail2ban: not installed, or only root may ask it")
    return Machine(
        postfix=postfix,
        packages=packages,
        bluemind=_bluemind(packages, programs),
        jails=jails,
        unreadable=tuple(unreadable),
    )


def _packages(programs: Programs) -> dict[str, str] | None:
    queries = (
        ("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\n"),
        ("rpm", "-qa", "--qf", "ii %{NAME} %{VERSION}\n"),
    )
    for query in queries:
        if programs.find(query[0]) is None:
            continue
        done = programs.run(query)
        if done.status:
            continue
        rows = (line.split() for line in done.stdout.decode("utf-8", "replace").splitlines())
        return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "ii"}
    return None


def _jails(programs: Programs) -> tuple[str, ...] | None:
    if programs.find("fail2ban-client") is None:
        return None
    done = programs.run(("fail2ban-client", "status"))
    if done.status:
        return None
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if "Jail list:" in line:
            names = line.partition("Jail list:")[2].split(",")
            return tuple(n.strip() for n in names if n.strip())
    return ()


def _bluemind(packages: dict[str, str] | None, programs: Programs) -> bool | None:
    if any(Path(p).exists() for p in _BLUEMIND) or programs.find("bm-cli"):
        return True
    if packages is None:
        return None
    return any(p.startswith("bm-core") for p in packages)

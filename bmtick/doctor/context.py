"""What the doctor looks at, handed in by the caller so that every check can be broken in a test."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bmtick.deploy.answers import SeriesAnswer
from bmtick.httpclient import HttpError, Reply
from bmtick.incident.programs import Programs
from bmtick.settings import Settings


@dataclass
class Context:
    """The machine and its servers, as seen by the user who runs the doctor.

    Attributes:
        settings: the settings in force.
        now: the time, in seconds since the epoch.
        get: fetches a URL, whatever its status; raises BmtickError where there is no answer.
        query: runs InfluxQL on a database of the configured InfluxDB, returns its series,
            with times in nanoseconds.
        kapacitor: builds the client of one configured Kapacitor by name.
        ask_mail_server: asks a mail server (host, port, sender, recipients) whether it would take
            a mail; returns its refusal, or "".
        root: where ``/etc``, ``/proc`` and ``/var`` hang; ``/`` but in tests.
        test_mail: send a real test mail through Kapacitor's SMTP service.
        programs: runs Postfix's programs.
        sleep: waits, before something is looked at once more.
        standalone: 'bmtick watch' runs the alerts, without Telegraf, InfluxDB and Kapacitor.
    """

    settings: Settings
    now: float
    get: Callable[[str], Reply]
    query: Callable[[str, str], list[SeriesAnswer]]
    kapacitor: Callable[[str], Any]
    ask_mail_server: Callable[[str, int, str, list[str]], str]
    root: Path = field(default_factory=lambda: Path("/"))
    test_mail: bool = False
    programs: Programs = field(default_factory=Programs)
    sleep: Callable[[float], None] = time.sleep
    standalone: bool = False
    silent: set[str] = field(default_factory=set)  # servers that did not answer: HOST:PORT
    _begun: float = field(default_factory=time.monotonic)

    def present(self) -> float:
        """Return the time by now: some looks take their time."""
        return self.now + time.monotonic() - self._begun

    def no_answer(self, url: str) -> None:
        """Remember that a server did not answer, so that nothing waits for it once more."""
        self.silent.add(urlsplit(url).netloc)

    def is_silent(self, url: str) -> bool:
        """Tell whether a server did not answer before."""
        return urlsplit(url).netloc in self.silent

    def path(self, absolute: str) -> Path:
        """Return a path of this machine below ``root``."""
        return self.root / absolute.lstrip("/")


def asked_once(
    query: Callable[[str, str], list[SeriesAnswer]],
) -> Callable[[str, str], list[SeriesAnswer]]:
    """Return a query that asks a server that did not answer no second time."""
    failed: list[HttpError] = []

    def ask(statement: str, database: str) -> list[SeriesAnswer]:
        if failed:
            raise failed[0]
        try:
            return query(statement, database)
        except HttpError as error:
            if error.status == 0:
                failed.append(error)
            raise

    return ask


def may_read(path: Path, user: str) -> bool | None:
    """Tell whether a user may read a file by its mode; None where there is no such user.

    Every folder on the way must let the user through. ACLs are not looked at.
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    groups = {entry.pw_gid} | {g.gr_gid for g in grp.getgrall() if user in g.gr_mem}
    folders = [p for p in path.absolute().parents if p.exists()]
    return _allowed(path.stat(), entry.pw_uid, groups, 4) and all(
        _allowed(folder.stat(), entry.pw_uid, groups, 1) for folder in folders
    )


def _allowed(info: os.stat_result, uid: int, groups: set[int], bit: int) -> bool:
    if uid == 0:
        return True
    mode = stat.S_IMODE(info.st_mode)
    if info.st_uid == uid:
        return bool(mode & (bit << 6))
    if info.st_gid in groups:
        return bool(mode & (bit << 3))
    return bool(mode & bit)


def ago(seconds: float) -> str:
    """Return a span of time in the largest sensible unit."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"

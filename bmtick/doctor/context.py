"""The doctor's inputs, injected by the caller so that tests can break every check."""

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
        settings: the effective settings.
        now: the time, in seconds since the epoch.
        get: fetches a URL with any status; raises BmtickError if there is no answer.
        query: runs InfluxQL on a database of the configured InfluxDB; returns its series,
            with times in nanoseconds.
        kapacitor: returns the client of a configured Kapacitor by name.
        ask_mail_server: asks a mail server (host, port, sender, recipients) whether it accepts a
            mail; returns its refusal, or "".
        root: the folder of ``/etc``, ``/proc`` and ``/var``; ``/`` except in tests.
        test_mail: send a real test mail through Kapacitor's SMTP service.
        programs: runs Postfix's programs.
        sleep: waits before a check is repeated.
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
    _started: float = field(default_factory=time.monotonic)

    def present(self) -> float:
        """Return the current time: some checks take long."""
        return self.now + time.monotonic() - self._started

    def no_answer(self, url: str) -> None:
        """Remember that a server did not answer, so that no check waits for it again."""
        self.silent.add(urlsplit(url).netloc)

    def is_silent(self, url: str) -> bool:
        """Whether a server did not answer before."""
        return urlsplit(url).netloc in self.silent

    def path(self, absolute: str) -> Path:
        """Return the path of a file of this machine, below ``root``."""
        return self.root / absolute.lstrip("/")


def asked_once(
    query: Callable[[str, str], list[SeriesAnswer]],
) -> Callable[[str, str], list[SeriesAnswer]]:
    """Return a query that does not ask a silent server twice."""
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
    """Whether a user may read a file by its mode; None if the user does not exist.

    The user must be able to enter every folder of the path. ACLs are ignored.
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
    """Format a duration in its largest sensible unit."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"

"""Silences of ``bmtick watch``: a file beside its state, written by commands, read by the watch.

The watch reads the file before it processes events, so a silence takes effect without a restart. A
silenced event is recorded and changes the alert's state, but notifies nobody, like Kapacitor's
inhibition (``bmtick.deploy.silence``).
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bmtick.alerts import Rendered
from bmtick.deploy.plan import SILENCE_PREFIX
from bmtick.deploy.scripts import read_script
from bmtick.durations import parse_duration
from bmtick.engine import AlertEvent
from bmtick.errors import BmtickError, nearest
from bmtick.files import Folder
from bmtick.names import TASK_PREFIX

ALL: Final = "*"  # a silence of all alerts
_KEPT: Final = parse_duration("7d")  # a watch that was down may have so old events to judge
_MOST: Final = 1000  # silences in the file
_VERSION: Final = 1
_LONGEST: Final = 4 << 20  # bytes of the file


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """One silence; times in nanoseconds since the epoch."""

    id: str
    alert: str  # the alert's name, or ALL
    where: dict[str, str]
    begin: int
    until: int
    reason: str
    author: str

    def active(self, moment: int) -> bool:
        """Whether it is active at a time."""
        return self.begin <= moment < self.until


class _Document(msgspec.Struct):
    version: int
    silences: list[Silence]


def new_id() -> str:
    """Return an id for a new silence, in the format of those on a Kapacitor."""
    return SILENCE_PREFIX + secrets.token_hex(4)


def groups_of(alerts: Iterable[Rendered]) -> dict[str, frozenset[str]]:
    """Return the tags that identify the groups of each alert; ``*`` stands for all."""
    found = {}
    for alert in alerts:
        nodes = read_script(alert.script, {}, file=alert.name).alerts()
        found[alert.task_id.removeprefix(TASK_PREFIX)] = frozenset(
            tag for node in nodes for tag in node.groups
        )
    return found


def check(alert: str, where: Mapping[str, str], groups: Mapping[str, frozenset[str]]) -> None:
    """Refuse a silence that matches no alert.

    Args:
        alert: a name, or ALL.
        where: tag values.
        groups: the result of ``groups_of``.

    Raises:
        BmtickError: the alert does not exist, or its groups do not have the tag.
    """
    if alert != ALL and alert not in groups:
        hint = nearest(alert, groups) or f"there are: {', '.join(sorted(groups)) or 'none'}"
        raise BmtickError(f"the settings enable no alert '{alert}'", remedy=hint)
    if any(tells(groups[name], where) for name in groups if alert in (ALL, name)):
        return
    known = groups.get(alert, frozenset())
    missing = ", ".join(sorted(set(where) - known))
    if alert == ALL:
        raise BmtickError(f"no alert tells {missing} apart", remedy="leave --where out")
    tags = ", ".join(sorted(known)) or "nothing"
    raise BmtickError(
        f"'{alert}' does not tell {missing} apart; it groups by {tags}",
        remedy="leave --where out",
    )


def tells(groups: frozenset[str], where: Mapping[str, str]) -> bool:
    """Whether an alert with these groups can match these tag values."""
    return "*" in groups or set(where) <= groups


class SilenceFile:
    """The file: written atomically, mode 0600, with the owner of its folder.

    Args:
        path: path of the watch's state; the file adds ``.silences`` to it.
    """

    def __init__(self, state: str) -> None:
        self.path = Path(f"{state}.silences")

    def read(self) -> list[Silence]:
        """Return all silences, including ended ones; empty if there is no file.

        Raises:
            BmtickError: the file is unreadable or damaged.
        """
        try:
            with Folder(self.path.parent) as folder:
                document = msgspec.json.decode(
                    folder.read(self.path.name, _LONGEST), type=_Document
                )
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BmtickError(
                f"cannot read the silences {self.path}: {error.strerror}",
                remedy="run it as root, or as the user of bmtick watch",
            ) from None
        except (ValueError, RecursionError) as error:
            raise BmtickError(
                f"the silences {self.path} are damaged: {error}", remedy="remove that file"
            ) from None
        if document.version != _VERSION:
            raise BmtickError(f"the silences {self.path} are of another version of bmtick")
        return document.silences

    def stamp(self) -> tuple[int, int, int]:
        """Return a value that differs after every change; zeros if there is no file."""
        try:
            info = self.path.lstat()
        except OSError:
            return (0, 0, 0)
        return (info.st_ino, info.st_mtime_ns, info.st_size)

    @contextmanager
    def change(self, now: int) -> Iterator[list[Silence]]:
        """Yield the silences for changes; write them if the block ends without an error.

        Silences that ended long before ``now`` are removed.

        Raises:
            BmtickError: the file or its folder cannot be written.
        """
        try:
            # The watch has its own user and must read what root writes: a shared folder
            with Folder(self.path.parent, create=True) as folder:
                fcntl.flock(folder.fd, fcntl.LOCK_EX)
                silences = [s for s in self.read() if s.until > now - _KEPT]
                yield silences
                if len(silences) > _MOST:
                    raise BmtickError(
                        f"more than {_MOST} silences", remedy="end some by 'bmtick unsilence'"
                    )
                document = msgspec.json.encode(_Document(_VERSION, silences))
                folder.replace(self.path.name, msgspec.json.format(document))
        except OSError as error:
            raise BmtickError(
                f"cannot write the silences {self.path}: {error.strerror}",
                remedy="run it as root, or as the user of bmtick watch",
            ) from None


class Silences:
    """The silences as the watch applies them.

    Args:
        file: read by ``refresh``.
        groups: the result of ``groups_of``.
        warn: receives one line for the administrator.
    """

    def __init__(
        self,
        file: SilenceFile,
        groups: Mapping[str, frozenset[str]],
        warn: Callable[[str], None],
    ) -> None:
        self._file, self._groups, self._warn = file, groups, warn
        self._stamp: tuple[int, int, int] | None = None
        self._known: list[Silence] = []

    def refresh(self) -> None:
        """Read the file if it has changed; a damaged file silences nothing."""
        stamp = self._file.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._known = self._file.read()
        except BmtickError as error:
            self._warn(f"nothing is muted: {error}")
            self._known = []

    def muting(self, event: AlertEvent, now: int) -> Silence | None:
        """Return the silence that applies to an event, or None.

        It applies to events that arrive or happened during the silence: a watch that was down in the
        meantime does not report them afterwards.
        """
        name = event.task.removeprefix(TASK_PREFIX)
        groups = self._groups.get(name, frozenset())
        for silence in self._known:
            if (
                silence.alert in (ALL, name)
                and (silence.active(now) or silence.active(event.time))
                and tells(groups, silence.where)
                and all(event.tags.get(tag) == value for tag, value in silence.where.items())
            ):
                return silence
        return None

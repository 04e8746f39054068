"""Access of commands to ``bmtick watch`` on this machine, besides or instead of Kapacitor."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from bmtick import settings as settings_module
from bmtick.cli import _deploy
from bmtick.errors import BmtickError

if TYPE_CHECKING:
    from bmtick.deploy.status import Status
    from bmtick.settings import Settings
    from bmtick.watch.silences import Silence

NAME = "watch"  # its name in the column of servers

Result = TypeVar("Result")

watch_option: Callable[[Any], Any] = click.option(
    "--watch",
    "watch_only",
    is_flag=True,
    help="Only 'bmtick watch' of this machine. Default: that too where it runs, and only that "
    "where the settings have no [kapacitor].",
)


class CommandTargets(NamedTuple):
    """The servers for a command, and whether the local watch is one of them."""

    kapacitors: bool
    watch: bool


def chosen(settings: Settings, servers: tuple[str, ...], *, watch_only: bool) -> CommandTargets:
    """Return the targets of a command.

    Raises:
        BmtickError: both ``--watch`` and ``--server`` are given.
    """
    from bmtick.collect.state import in_use
    from bmtick.watch.status import exists

    if watch_only and servers:
        raise BmtickError("--watch and --server exclude each other")
    if watch_only or servers:
        return CommandTargets(kapacitors=not watch_only, watch=watch_only)
    state = settings.watch.state
    named = settings_module.has_section(settings, "kapacitor")
    spoken_of = exists(state) or settings_module.has_section(settings, "watch")
    here = spoken_of and (not named or in_use(state))
    return CommandTargets(kapacitors=named or not here, watch=here)


def attempt(work: Callable[[], Result]) -> Result | None:
    """Call a function on the watch; on an error, print it and return None."""
    try:
        return work()
    except BmtickError as error:
        _deploy.say(f"{NAME}: {error}")
        return None


def mute(
    settings: Settings, alert: str, where: dict[str, str], until: int, reason: str, author: str
) -> Silence:
    """Add a silence and return it."""
    from bmtick import alerts
    from bmtick.watch import silences

    silences.check(alert or silences.ALL, where, silences.groups_of(alerts.desired(settings)))
    now = time.time_ns()
    made = silences.Silence(
        id=silences.new_id(),
        alert=alert or silences.ALL,
        where=where,
        begin=now,
        until=until,
        reason=reason,
        author=author,
    )
    with silences.SilenceFile(settings.watch.state).change(now) as known:
        known.append(made)
    return made


def unmute(settings: Settings, wanted: Callable[[Silence], bool]) -> list[Silence]:
    """End the selected silences and return them."""
    from msgspec.structs import replace

    from bmtick.watch.silences import SilenceFile

    now = time.time_ns()
    with SilenceFile(settings.watch.state).change(now) as known:
        ended = [s for s in known if s.active(now) and wanted(s)]
        known[:] = [replace(s, until=now) if s in ended else s for s in known]
    return ended


def muted(settings: Settings) -> list[Silence]:
    """Return the active silences, sorted by end."""
    from bmtick.watch.silences import SilenceFile

    now = time.time_ns()
    known = [s for s in SilenceFile(settings.watch.state).read() if now < s.until]
    return sorted(known, key=lambda s: s.until)


def status(settings: Settings) -> list[Status]:
    """Return the state of the watch's alerts."""
    from bmtick.alerts import desired
    from bmtick.watch.silences import SilenceFile, groups_of
    from bmtick.watch.status import read_watch

    state, groups = settings.watch.state, groups_of(desired(settings))
    return read_watch(state, SilenceFile(state).read(), time.time_ns(), groups)

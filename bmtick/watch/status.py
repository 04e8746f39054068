"""The state of ``bmtick watch``'s alerts, from its state file, without a connection to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from bmtick.collect.state import in_use, read_state
from bmtick.deploy.status import LEVELS, Event, Status
from bmtick.durations import SECOND
from bmtick.engine.gotime import rfc3339_nano
from bmtick.errors import BmtickError
from bmtick.names import TASK_PREFIX
from bmtick.watch.silences import ALL, Silence, tells

_Time = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_LATE: Final = 60  # seconds without a write of the state; it writes each interval

_ANY: Final = frozenset("*")


class _Task(msgspec.Struct):
    last: dict[str, tuple[Literal["OK", "INFO", "WARNING", "CRITICAL"], _Time, str]] = {}
    points: int = 0
    errors: int = 0


class _Tasks(msgspec.Struct):
    tasks: dict[str, _Task]


class _State(msgspec.Struct):
    tasks: _Tasks


def exists(state: str) -> bool:
    """Whether a watch has run here."""
    return Path(state).exists() or Path(f"{state}.lock").exists()


def read_watch(
    state: str,
    silences: Iterable[Silence],
    now: int,
    groups: Mapping[str, frozenset[str]] | None = None,
) -> list[Status]:
    """Return the state of every alert of the watch.

    Args:
        state: path of its state.
        silences: all silences.
        now: nanoseconds since the epoch.
        groups: the tags that identify the groups of each alert, which decide whether a silence can
            match it; a missing alert matches all.

    Raises:
        BmtickError: the state is missing or unreadable.
    """
    kept, damage = read_state(state)
    try:
        tasks = msgspec.convert(kept.state, _State).tasks.tasks if kept else {}
    except (msgspec.ValidationError, RecursionError):
        kept, damage = None, "it is none of bmtick watch"
    if kept is None:
        raise BmtickError(
            f"cannot read the state of bmtick watch, {state}: {damage or 'there is none'}",
            remedy="is it [watch] state of the settings; run this as root"
            if damage
            else "has 'bmtick watch' been started, with [watch] state of these settings",
        )
    running, error = in_use(state), ""
    age = now // SECOND - int(Path(state).stat().st_mtime)
    if running and age > _LATE:
        error = f"it has not looked at anything for {age} seconds"
    active = [s for s in silences if s.active(now)]
    known = groups or {}
    found = []
    for task_id, task in sorted(tasks.items()):
        name = task_id.removeprefix(TASK_PREFIX)
        own = [s for s in active if tells(known.get(name, _ANY), s.where)]
        found.append(_status(name, task, own, error, running=running))
    return found


def _status(
    name: str, task: _Task, silences: list[Silence], error: str, *, running: bool
) -> Status:
    events = [
        Event(key, level, rfc3339_nano(time), message)
        for key, (level, time, message) in task.last.items()
    ]
    events.sort(key=lambda e: (-LEVELS.index(e.level), e.id))
    return Status(
        name=name,
        state="running" if running else "not running",
        error=error,
        points=task.points,
        node_errors=task.errors,
        drifted=False,
        level=events[0].level if events else "OK",
        events=tuple(events),
        silenced=tuple(s.id for s in silences if s.alert in (ALL, name)),
    )

"""The Kapacitors that the settings name, each with its client and its folder; all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from bmtick.deploy.client import KapacitorClient, connect
from bmtick.deploy.store import Store
from bmtick.errors import BmtickError, nearest
from bmtick.settings import Settings

Result = TypeVar("Result")
_AT_ONCE = 8  # servers worked on at the same time


@dataclass(frozen=True, slots=True)
class Target:
    """One server: the name of its section, its client, what is remembered about it."""

    name: str
    client: KapacitorClient
    store: Store


@dataclass(frozen=True, slots=True)
class Answer(Generic[Result]):
    """What came of the work on one server: a result or an error."""

    target: Target
    result: Result | None = None
    error: BmtickError | None = None


def open_targets(
    settings: Settings,
    names: Sequence[str],
    state: Path,
    environment: Mapping[str, str] | None = None,
) -> list[Target]:
    """Return the servers that ``names`` choose; none named: all.

    Raises:
        BmtickError: a name is not in the settings, or credentials are not in order.
    """
    for name in names:
        if name not in settings.kapacitor:
            hint = nearest(name, settings.kapacitor) or f"one of {', '.join(settings.kapacitor)}"
            raise BmtickError(f"there is no [kapacitor.{name}] in the settings", remedy=hint)
    chosen = {n: s for n, s in settings.kapacitor.items() if not names or n in names}
    targets = []
    for name, section in chosen.items():
        client = connect(name, section, environment if environment is not None else os.environ)
        targets.append(Target(name, client, Store(state, client.url)))
    return targets


def on_all(targets: Sequence[Target], work: Callable[[Target], Result]) -> list[Answer[Result]]:
    """Do the work on every server at the same time; an error on one leaves the others alone."""

    def guarded(target: Target) -> Answer[Result]:
        try:
            return Answer(target, work(target))
        except BmtickError as error:
            return Answer(target, error=error)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(guarded, targets))

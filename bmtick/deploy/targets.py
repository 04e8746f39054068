"""The Kapacitors of the settings, each with its client and its state folder."""

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
_MAX_PARALLEL = 8  # servers in parallel


@dataclass(frozen=True, slots=True)
class Target:
    """One server: the name of its section, its client, its state folder."""

    name: str
    client: KapacitorClient
    store: Store


@dataclass(frozen=True, slots=True)
class Answer(Generic[Result]):
    """The outcome for one server: a result or an error."""

    target: Target
    result: Result | None = None
    error: BmtickError | None = None


def open_targets(
    settings: Settings,
    names: Sequence[str],
    state: Path,
    environment: Mapping[str, str] | None = None,
) -> list[Target]:
    """Return the servers of these names; all if there are none.

    Raises:
        BmtickError: a name is not in the settings, or the credentials are invalid.
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
    """Run ``work`` for every server in parallel; an error on one does not affect the others."""

    def guarded(target: Target) -> Answer[Result]:
        try:
            return Answer(target, work(target))
        except BmtickError as error:
            return Answer(target, error=error)

    with ThreadPoolExecutor(max_workers=_MAX_PARALLEL) as pool:
        return list(pool.map(guarded, targets))

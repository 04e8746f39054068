"""Publish the holds in a file, of which ``bmtick collect`` makes points: ``collect/guarded.py``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bmtick.files import Folder
from bmtick.guard.core import Guard
from bmtick.guard.holds import HOLD, Hold
from bmtick.guard.subject import CLIENT, USER

_MAX_ROWS = 1000
_RELEASED_SECONDS = 300.0  # how long a release is published, so that its alert recovers
_MODE = 0o640  # the group may also read the mail log, which contains more


class Publisher:
    """Writes the file whenever it changes.

    Args:
        path: the file, or "" for none.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self._written: bytes | None = None

    def __call__(self, guard: Guard, now: float) -> None:
        """Write the current holds; a folder that is not writable is reported once a minute."""
        if self._path is None:
            return
        rows = [*_held(guard, now), *_released(guard, now)][:_MAX_ROWS]
        text = json.dumps({"rows": rows}, separators=(",", ":")).encode()
        if text == self._written:
            return
        part = f".{self._path.name}.new"
        try:
            with Folder(self._path.parent, create=True, mode=0o750) as folder:
                folder.remove(part)
                fd = folder.create_open(part, os.O_WRONLY)
                with os.fdopen(fd, "wb") as file:
                    os.fchmod(fd, _MODE)
                    file.write(text)
                folder.rename(part, self._path.name)
        except OSError as error:
            guard.warn(
                f"cannot write {self._path}, Bm-tick does not see the holds: {error.strerror}"
            )
        self._written = text


def _held(guard: Guard, now: float) -> Iterator[dict[str, Any]]:
    for hold in guard.holds.held.values():
        if hold.active(now):
            held = hold.mode == HOLD
            yield _row(hold, held=int(held), observed=int(not held), messages=hold.messages)


def _released(guard: Guard, now: float) -> Iterator[dict[str, Any]]:
    for who, (at, hold) in guard.holds.released.items():
        if now - at < _RELEASED_SECONDS and who not in guard.holds.held:
            yield _row(hold, held=0, observed=0, messages=0)


def _row(hold: Hold, **fields: int) -> dict[str, Any]:
    named = {hold.who.kind: hold.who.name} if hold.who.kind in (USER, CLIENT) else {}
    return {"who": str(hold.who), **named, **fields}

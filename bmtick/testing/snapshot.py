"""Snapshots: the recorded events of a case, in ``NAME.snapshot.json`` beside its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bmtick.documents import load_json, read_text
from bmtick.engine import AlertEvent
from bmtick.errors import BmtickError, Location, printable
from bmtick.files import write_output
from bmtick.testing.run import Outcome


def path_of(file: str) -> Path:
    """Return the path of the snapshots of a case file."""
    return Path(file).with_suffix(".snapshot.json")


def compare(outcome: Outcome) -> None:
    """Add the differences between events and snapshot to the failures of a case.

    Raises:
        BmtickError: the snapshot cannot be read.
    """
    path = path_of(outcome.case.file)
    known = _load(path).get(outcome.case.name) if path.exists() else None
    if known is None:
        outcome.failures.append("there is no snapshot of it yet: write one with --update")
        return
    came = [_shown(event) for event in outcome.events]
    for old in known:
        if old in came:
            came.remove(old)
        else:
            outcome.failures.append(f"- {_line(old)}  (in the snapshot only)")
    outcome.failures += [f"+ {_line(new)}  (not in the snapshot)" for new in came]


def update(outcomes: list[Outcome]) -> list[Path]:
    """Write the events as the snapshots of their cases; return the files.

    Raises:
        BmtickError: a file cannot be written.
    """
    files: dict[Path, dict[str, Any]] = {}
    for outcome in outcomes:
        path = path_of(outcome.case.file)
        events = [_shown(event) for event in outcome.events]
        files.setdefault(path, {})[outcome.case.name] = events
    for path, cases in files.items():
        try:
            write_output(path, json.dumps(cases, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise BmtickError(
                f"cannot write: {error.strerror}", location=Location(str(path))
            ) from None
    return list(files)


def _load(path: Path) -> dict[str, Any]:
    data = load_json(read_text(path), file=str(path))
    whole = isinstance(data, dict) and all(
        isinstance(events, list) and all(isinstance(event, dict) for event in events)
        for events in data.values()
    )
    if not whole:
        raise BmtickError(
            "this is no snapshot", location=Location(str(path)), remedy="write it with --update"
        )
    found: dict[str, Any] = data
    return found


def _shown(event: AlertEvent) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(event.to_json())
    return shown


def _line(event: dict[str, Any]) -> str:
    return printable("  ".join(str(event.get(key)) for key in ("time", "level", "id", "message")))

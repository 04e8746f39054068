"""The whole path on a recorded log: collector, every alert of the catalogue, engine, mails.

The log is from a real Postfix and covers seven minutes, in which a stolen account and a trusted
machine start to send spam: ``examples/outbreak``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bmtick.alerts import Rendered, catalogue, render
from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options
from bmtick.durations import SECOND
from bmtick.engine import AlertEvent, load_task
from bmtick.errors import BmtickError
from bmtick.points import Point, parse_lines
from bmtick.watch.mail import Mail, compose

HOST = "mail"
DATALOCATION = "bm-master"
SENDER = f"bmtick@{HOST}.example.org"
_QUARTER = 900  # seconds: all time zones differ by multiples of it


@dataclass(frozen=True)
class Example:
    """A recorded log and what is known about it."""

    folder: Path
    truth: dict[str, Any]

    @property
    def log(self) -> Path:
        """Postfix's log."""
        return self.folder / "mail.log"

    @property
    def lines(self) -> int:
        """The number of lines of the log."""
        return self.log.read_bytes().count(b"\n")


def copy_of(example: Example, folder: Path) -> Example:
    """Copy an example to a folder; the log's modification time is its end, which gives the year.

    Raises:
        BmtickError: the folder cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("mail.log", "queue.lp", "truth.json"):
            shutil.copyfile(example.folder / name, folder / name)
        os.utime(folder / "mail.log", (example.truth["end"],) * 2)
    except OSError as error:
        raise BmtickError(
            f"cannot write to the folder {folder}: {error.strerror}", remedy="name another with -o"
        ) from None
    return Example(folder, example.truth)


def shipped_example() -> Example:
    """Return the example shipped with bmtick, installed or in a source tree.

    Raises:
        BmtickError: it is missing in the installation.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "_examples" / "outbreak", package.parent / "examples" / "outbreak"):
        if (folder / "truth.json").is_file():
            return Example(folder, json.loads((folder / "truth.json").read_text("utf-8")))
    raise BmtickError("the shipped example log is missing", remedy="install bmtick again")


def points_of(example: Example) -> list[Point]:
    """Return the points that Telegraf would send, from the log and the queue, in order."""
    # The log's times have no year and no zone: the year is that of the recording, the zone is that
    # of this machine, as for any log here.
    options = Options(now=float(example.truth["end"]))
    points = list(points_of_logs([str(example.log)], options=options))
    if not points:
        raise BmtickError(f"no mail in {example.log}")
    first = min(p.time for p in points) // SECOND
    zone = round((first - example.truth["start"]) / _QUARTER) * _QUARTER * SECOND
    with (example.folder / "queue.lp").open(encoding="utf-8") as lines:
        for point in parse_lines(lines, file="queue.lp"):
            point.time += zone
            points.append(point)
    for point in points:
        point.tags |= {"host": HOST, "datalocation": DATALOCATION}
    return sorted(points, key=lambda p: p.time)


def rendered_catalogue(language: str) -> list[Rendered]:
    """Return every alert of the catalogue that reads points, with its defaults."""
    return [
        render(alert, {"language": language}) for alert in catalogue().values() if not alert.batch
    ]


def events_of(alerts: list[Rendered], points: list[Point]) -> Iterator[tuple[Rendered, AlertEvent]]:
    """Run the scripts over the points, each point at its own time; yield the events."""
    tasks = [
        (a, load_task(a.script, file=f"{a.name}.tick", name=a.task_id, hostname=HOST, now=None))
        for a in alerts
    ]
    for point in points:
        for alert, task in tasks:
            task.advance(point.time)
            task.feed(point)
            for event in task.take_events():
                yield alert, event
            task.drop_outputs()


def mail_of(event: AlertEvent) -> Mail | None:
    """Return the mail that ``bmtick watch`` would send; None if the event sends no mail."""
    recipients = [str(r) for h in event.handlers if h.kind == "email" for r in _flat(h.args)]
    if not recipients:
        return None
    content = {"message": event.message, "details": event.details}
    key = f"{event.task}.{event.time}"
    return compose(content, SENDER, recipients, key, event.time / SECOND)


def _flat(values: object) -> Iterator[object]:
    for value in values if isinstance(values, list | tuple) else [values]:
        yield from _flat(value) if isinstance(value, list | tuple) else [value]

"""Firing cases: an alert, its settings, points in steps, and the events that a server gave.

A case is ``tests/alerts/firing/NAME.toml``; ``[expected]`` was recorded from a real Kapacitor 1.5.7
(``python -m tests.alerts.record``). Times of points are seconds after START.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from bmtick.alerts import find, render
from bmtick.alerts.model import Rendered
from bmtick.settings import Settings
from bmtick.settings.model import InfluxDB

FOLDER = Path(__file__).parent / "firing"
START = 1_700_000_000  # 2023-11-14 22:13:20 UTC


@dataclass
class Case:
    name: str
    what: str
    alert: str
    values: dict
    steps: list[dict]
    expected: list[str]

    def database(self, form: str) -> str:
        """A database of its own, so that cases can run at once on one server."""
        return f"{self.name}_{form}"

    def render(self, form: str, **values: object) -> Rendered:
        settings = Settings(influxdb=InfluxDB(database=self.database(form)))
        return render(find(self.alert), {**self.values, **values}, form=form, settings=settings)

    def lines(self, step: dict) -> list[str]:
        """The points of a step with absolute times in nanoseconds."""
        found = []
        for line in step["points"].strip().splitlines():
            point, _, seconds = line.rpartition(" ")
            found.append(f"{point} {(START + int(seconds)) * 10**9}")
        return found


def load(path: Path) -> Case:
    raw = tomllib.loads(path.read_text())
    steps = raw["step"]
    return Case(path.stem, raw["what"], raw["alert"], raw["set"], steps, raw.get("expected", []))


def cases() -> list[Case]:
    return [load(path) for path in sorted(FOLDER.glob("*.toml"))]


def event_line(seconds: float | None, level: str, alert_id: str, message: str) -> str:
    """One event as the cases write it; without time where the server's clock sets it."""
    when = "any time" if seconds is None else f"{seconds:g} s"
    return f"{when}: {level} {alert_id}: {message}"

"""kapacitor-unit's test files, run without Kapacitor and InfluxDB.

Source: gpestana/kapacitor-unit 0.9: ``test/test.go``, ``io/kapacitor.go``, ``io/influxdb.go``. A test
sends lines to a stream script, or writes them to InfluxDB and runs the queries of a batch script
every second; then it compares how often each level was sent. Time is that of the lines, or goes on
by a millisecond a line where they have none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bmtick.documents import Positions, load_yaml, read_text, source_line
from bmtick.durations import MILLISECOND, SECOND, UNITS, parse_duration
from bmtick.engine import load_task
from bmtick.engine.node import DEFAULT_VERSION
from bmtick.errors import BmtickError, Location, nearest
from bmtick.points import Point, parse_lines
from bmtick.testing.batches import over_points
from bmtick.testing.coverage import Coverage
from bmtick.testing.inputs import DEFAULT_BEGIN, nanoseconds
from bmtick.testing.model import Case
from bmtick.testing.run import Outcome, replay
from bmtick.zones import local_zone

SUFFIXES: Final = (".yaml", ".yml")

_KEYS: Final = (
    *("name", "description", "task_name", "task_id", "db", "rp", "type", "data", "data_path"),
    *("expects", "precision", "clock", "offset_unit", "reset_topics", "shift"),
    *("recording_id", "recordind_id", "alert_name"),
)
_LEVELS: Final = {"ok": "OK", "warn": "WARNING", "crit": "CRITICAL"}
_EVERY: Final = re.compile(r"every\((.*?)\)")  # as kapacitor-unit replaces it
_BATCH_SECONDS: Final = 3  # how long it waits for the queries


@dataclass(frozen=True)
class UnitTest:
    """One test of a file."""

    file: str
    name: str
    script: Path
    kind: str
    database: str
    policy: str
    lines: list[str]
    precision: int
    offsets: str  # the unit of times that count from the begin; empty where they are times
    shift: int
    expects: dict[str, int] = field(default_factory=dict)


def load_unit_tests(path: Path, scripts: Path | None = None) -> list[UnitTest]:
    """Read a file of tests.

    Args:
        path: the file.
        scripts: the folder of the scripts; else they are looked for near the file.

    Raises:
        BmtickError: it is not such a file, or a script is not found; says where.
    """
    text = read_text(path)
    data, positions = load_yaml(text, file=str(path))
    reader = _Reader(str(path), text, positions)
    tests = data.get("tests") if isinstance(data, dict) else None
    if not isinstance(tests, list):
        remedy = "write tests: and a list of them, or a case file in TOML"
        raise reader.error("this is no file of kapacitor-unit", (), remedy)
    return [_test(entry, (("tests"), index), reader, scripts) for index, entry in enumerate(tests)]


class _Reader:
    def __init__(self, file: str, text: str, positions: Positions) -> None:
        self.file, self._text, self._positions = file, text, positions

    def error(self, message: str, at: tuple[str | int, ...], remedy: str = "") -> BmtickError:
        while at and at not in self._positions:
            at = at[:-1]
        line, column = self._positions.get(at, (1, 1))
        location = Location(self.file, line, column)
        excerpt = source_line(self._text, line)
        return BmtickError(message, location=location, remedy=remedy, excerpt=excerpt)


def _test(entry: Any, at: tuple[str | int, ...], reader: _Reader, scripts: Path | None) -> UnitTest:
    if not isinstance(entry, dict):
        raise reader.error("a test is a mapping of keys to values", at)
    for key in entry:
        if key not in _KEYS:
            raise reader.error(f"unknown key '{key}'", (*at, str(key)), nearest(str(key), _KEYS))
    if entry.get("recording_id") or entry.get("recordind_id"):
        remedy = "put its points under data, or write a case file with 'recordings'"
        raise reader.error(
            "a recording is on the Kapacitor server that made it", (*at, "recording_id"), remedy
        )
    name = str(entry.get("name") or f"test {at[-1]}")
    task = entry.get("task_name") or entry.get("task_id")
    if not isinstance(task, str):
        raise reader.error("the test names no script", at, "add task_name: NAME.tick")
    kind = entry.get("type", "stream")
    if kind not in ("stream", "batch"):
        raise reader.error(f"no type '{kind}'", (*at, "type"), "it is stream or batch")
    lines = _lines(entry, at, reader)
    unit = str(entry.get("precision") or "ns")
    if unit not in UNITS and unit != "us":
        raise reader.error(f"no precision '{unit}'", (*at, "precision"), "like ns, ms or s")
    relative = entry.get("clock") == "offset" or bool(entry.get("shift"))
    return UnitTest(
        reader.file,
        name,
        _script(task, Path(reader.file).parent, scripts, reader, at),
        kind,
        str(entry.get("db") or ""),
        str(entry.get("rp") or "autogen"),
        lines,
        UNITS["u" if unit == "us" else unit],
        str(entry.get("offset_unit") or "s") if relative else "",
        _shift(entry, at, reader),
        _expects(entry, at, reader),
    )


def _shift(entry: dict[str, Any], at: tuple[str | int, ...], reader: _Reader) -> int:
    text = str(entry.get("shift") or "0s")
    try:
        span = parse_duration(text.lstrip("+-"))
    except BmtickError as error:
        raise reader.error(error.message, (*at, "shift"), error.remedy) from None
    return -span if text.startswith("-") else span


def _expects(entry: dict[str, Any], at: tuple[str | int, ...], reader: _Reader) -> dict[str, int]:
    expects = entry.get("expects") or {}
    if not isinstance(expects, dict):
        raise reader.error("'expects' is no mapping", (*at, "expects"), "like {ok: 0, crit: 1}")
    for level, count in expects.items():
        if level not in _LEVELS:
            remedy = "the levels are ok, warn and crit"
            raise reader.error(f"no level '{level}'", (*at, "expects", str(level)), remedy)
        if not isinstance(count, int):
            raise reader.error(f"'{count}' is no number", (*at, "expects", str(level)))
    return {level: int(expects.get(level, 0)) for level in _LEVELS}


def _lines(entry: dict[str, Any], at: tuple[str | int, ...], reader: _Reader) -> list[str]:
    data = entry.get("data")
    if path := entry.get("data_path"):
        found = next(
            (p for p in (Path(reader.file).parent / path, Path(path)) if p.is_file()), None
        )
        if found is None:
            raise reader.error(f"there is no file '{path}'", (*at, "data_path"))
        data, _ = load_yaml(read_text(found), file=str(found))
    if not isinstance(data, list) or not all(isinstance(line, str) for line in data):
        remedy = "write data: and a list of lines like 'cpu,host=a usage=5.0'"
        raise reader.error("the test has no lines of data", (*at, "data"), remedy)
    return data


def _script(
    task: str, folder: Path, scripts: Path | None, reader: _Reader, at: tuple[str | int, ...]
) -> Path:
    if scripts is not None:
        candidates = [scripts / task]
    else:
        near = sorted(p for p in folder.resolve().parent.iterdir() if p.is_dir())
        candidates = [folder / task, folder.parent / task, *(p / task for p in near)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    remedy = "name the folder of the scripts: --scripts DIR"
    raise reader.error(f"the script '{task}' is not here", (*at, "task_name"), remedy)


def run_unit_test(
    test: UnitTest, version: tuple[int, ...] = DEFAULT_VERSION, coverage: Coverage | None = None
) -> Outcome:
    """Run a test.

    Raises:
        BmtickError: the script or a line is wrong, or a batch script has no InfluxDB to run on.
    """
    text = read_text(test.script)
    if test.kind == "batch":
        text = _EVERY.sub("every(1s)", text)
    task = load_task(
        text,
        file=str(test.script),
        name=test.script.name,
        variables=None,
        now=None,
        version=version,
    )
    if task.is_batch != (test.kind == "batch"):
        actual = "batch" if task.is_batch else "stream"
        raise BmtickError(
            f"'{test.name}' is of type {test.kind}, and its script is a {actual} script",
            location=Location(test.file),
            remedy=f"write type: {actual}",
        )
    if coverage is not None:
        coverage.watch(str(test.script), task)
    points = list(_points(test))
    if task.is_batch:
        begin = max((point.time for point in points), default=nanoseconds(DEFAULT_BEGIN))
        end = begin + _BATCH_SECONDS * SECOND
        where = (test.database, test.policy)
        events = []
        for _ in over_points(
            task, [(p, where) for p in points], local_zone(), begin=begin, end=end
        ):
            events += task.take_events()
        task.close()
        events += task.take_events()
    else:
        events = replay(task, points, place=(test.database, test.policy))
    failures = _compare(test, Counter(event.level for event in events))
    if task.stopped:
        failures.append(f"the task stopped, as in Kapacitor: {task.stopped}")
    failures += [f"{d.node}: {d.message} ({d.count} times)" for d in task.diagnostics()]
    case = Case(name=test.name, file=test.file, script=str(test.script))
    return Outcome(case, failures, events, len(points))


def _points(test: UnitTest) -> Iterable[Point]:
    begin = nanoseconds(DEFAULT_BEGIN)
    for number, line in enumerate(test.lines):
        now = begin + number * MILLISECOND
        offset = 0
        if test.offsets:
            line, _, written = line.rpartition(" ")  # noqa: PLW2901 -- without its time
            offset = parse_duration(written + test.offsets)
            now = begin + test.shift + offset
        for point in parse_lines([line], file=f"{test.file} ({test.name})", now=now):
            if point.time != now:
                point.time *= test.precision
            yield point


def _compare(test: UnitTest, levels: Counter[str]) -> list[str]:
    return [
        f"{level}: {levels[_LEVELS[level]]} events, not {wanted}"
        for level, wanted in test.expects.items()
        if levels[_LEVELS[level]] != wanted
    ]

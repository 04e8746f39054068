"""Logs beside the points that they give: folders that an administrator can read and extend."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options
from bmtick.names import ADDITIVE
from tests.support import program

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())
FEBRUARY_2024 = 1_706_745_600  # a log without years is dated by its file


@pytest.fixture
def log(request, tmp_path, monkeypatch):
    path = tmp_path / "mail.log"
    path.write_bytes((CASES / request.param / "mail.log").read_bytes())
    os.utime(path, (FEBRUARY_2024, FEBRUARY_2024))
    return path


def collect(*arguments: str) -> str:
    done = program.run_text("collect", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def collect_uncompiled(*arguments: str) -> str:
    """What is imported is decided when a process starts: this wants one of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bmtick", "collect", *arguments],
        capture_output=True, check=True, text=True, cwd=ROOT,
        env={**os.environ, "BMTICK_PURE": "1"},
    ).stdout  # fmt: skip


def shown(points: str) -> str:
    """Return points without the fields that are 0, for readers."""
    return re.sub(r" ,", " ", re.sub(r",?\b[a-z_]+=0i(?=[, ])", "", points))


@pytest.mark.parametrize("run", [collect, collect_uncompiled])
@pytest.mark.parametrize(("log", "name"), [(n, n) for n in NAMES], indirect=["log"])
def test_points_of_a_log(log, name, run):
    expected = (CASES / name / "expected.lp").read_text("utf-8")
    found = shown(run("--log", str(log), "--from-start", "--no-state"))
    assert found == expected


@pytest.mark.parametrize("log", NAMES, indirect=True)
def test_runs_in_pieces_give_the_same_sums(log, tmp_path):
    """Cut anywhere, run after each piece: what is counted does not depend on when."""
    data = log.read_bytes()
    whole = collect("--log", str(log), "--from-start", "--no-state")
    grown, state = tmp_path / "grown.log", tmp_path / "state"
    outputs = []
    for end in (*range(0, len(data), max(1, len(data) // 5)), len(data)):
        grown.write_bytes(data[:end])
        os.utime(grown, (FEBRUARY_2024, FEBRUARY_2024))
        outputs.append(collect("--log", str(grown), "--state", str(state), "--queue", "off"))
    assert _sums("".join(outputs)) == _sums(whole)


def _sums(lines: str) -> dict:
    """Add up the fields that can be added."""
    sums: dict = {}
    for line in lines.splitlines():
        head, fields, _ = line.replace("\\ ", "\0").split(" ")
        for pair in fields.split(","):
            key, value = pair.split("=")
            if key in ADDITIVE:
                sums[head, key] = sums.get((head, key), 0) + int(value[:-1])
    return {key: value for key, value in sums.items() if value}


def test_points_for_other_parts_of_bmtick(tmp_path, monkeypatch):
    log = CASES / "content_filter" / "mail.log"
    points = list(points_of_logs([str(log)], options=Options()))
    text = "".join(point.to_line() + "\n" for point in points)
    assert shown(text) == (CASES / "content_filter" / "expected.lp").read_text("utf-8")

"""Killed at any system call, under a parent that drops what a failed run printed, as Telegraf does.

Some calls are tried; each with ``BMTICK_KILLS=all``. What two runs print of the same series and time
is one point, as in InfluxDB. Left out is the very last call, the end itself: a kill there comes after
the state was committed, and a parent that drops the output loses it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.collect.test_shutdown import ROOT, Store, lines

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
OLD, NEW = 300, 500  # messages
SAMPLE = 12
OF_MEMORY = {"brk", "mmap", "munmap", "mremap", "madvise"}  # another number in each run


@pytest.fixture
def folder(tmp_path) -> Path:
    """A log and the state of a first run over its beginning."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "mail.log").write_text(lines(0, OLD))
    assert collect(made)[0] == 0
    with (made / "mail.log").open("a") as log:
        log.write(lines(OLD, NEW))
    return made


def collect(folder: Path, *strace: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "bmtick", "collect", "--queue=off"]
    command += [f"--log={folder}/mail.log", f"--state={folder}/state"]
    done = subprocess.run(
        [*strace, *command], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return done.returncode, done.stdout if done.returncode == 0 else ""


def calls(folder: Path, trace: Path) -> list[tuple[str, int]]:
    """Return each call of a run from its first look at the log on: its name, and the how many."""
    assert collect(folder, "strace", "-o", str(trace))[0] == 0
    seen: Counter[str] = Counter()
    found, begun = [], False
    for line in trace.read_text().splitlines():
        name = re.match(r"(\w+)\(", line)
        if name:
            seen[name[1]] += 1
            begun = begun or ("/mail.log" in line and name[1] != "execve")
            if begun and name[1] not in OF_MEMORY:
                found.append((name[1], seen[name[1]]))
    assert found.pop() == ("exit_group", 1)
    return found


def kept(folder: Path) -> dict[Path, bytes]:
    """Return what is there beside the log, which a state knows by its number."""
    return {path: path.read_bytes() for path in folder.iterdir() if path.name != "mail.log"}


def bring_back(folder: Path, was: dict[Path, bytes]) -> None:
    for path in kept(folder).keys() - was.keys():
        path.unlink()
    for path, data in was.items():
        path.write_bytes(data)


def test_nothing_is_lost_or_counted_twice(folder, tmp_path):
    was = kept(folder)
    moments = calls(folder, tmp_path / "trace")
    assert len(moments) > 30
    step = 1 if os.environ.get("BMTICK_KILLS") == "all" else len(moments) // SAMPLE + 1
    deaths = 0
    for name, number in moments[::step]:
        bring_back(folder, was)
        store = Store()
        inject = f"inject={name}:signal=SIGKILL:when={number}"
        status, printed = collect(folder, "strace", "-o", "/dev/null", "-e", inject)
        deaths += status != 0
        for output in (printed, collect(folder)[1], collect(folder)[1]):
            store.take(output)
        assert store.messages == NEW - OLD, f"killed at {name} number {number}"
    assert deaths > len(moments[::step]) // 2

"""Killed at any system call, under a parent that drops what a failed run printed, as Telegraf does.

Some calls are tried; each with ``BMTICK_KILLS=all``. What two runs print of the same series and time
is one point, as in InfluxDB.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bmtick.collect.command import run as collect
from tests.collect.test_shutdown import Store, lines
from tests.support import traced

OLD, NEW = 300, 500  # messages
SAMPLE = 6  # kills of a kind, and the last ones
LAST = 12  # calls: the end of a run, and of what it leaves behind to see that end
NEVER = 1 << 30
SLEEPS = {35, 230, 101, 115}  # nanosleep, clock_nanosleep of x86-64 and aarch64


@pytest.fixture(autouse=True, scope="module")
def tracer():
    if not traced.possible():
        pytest.skip("no process may be traced here")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A log and the state of a first run over its beginning."""
    (tmp_path / "mail.log").write_text(lines(0, OLD))
    return tmp_path


def once(folder: Path, *options: str) -> Callable[[], int]:
    words = ["--queue=off", f"--log={folder}/mail.log", f"--state={folder}/state", *options]
    return lambda: collect(words)


def kept(folder: Path) -> dict[Path, bytes]:
    """Return what is there beside the log, which a state knows by its number."""
    return {path: path.read_bytes() for path in folder.iterdir() if path.suffix != ".log"}


def bring_back(folder: Path, was: dict[Path, bytes]) -> None:
    for path in kept(folder).keys() - was.keys():
        path.unlink()
    for path, data in was.items():
        path.write_bytes(data)


def moments(calls: int) -> list[int]:
    if os.environ.get("BMTICK_KILLS") == "all":
        return list(range(calls + LAST))
    return [*range(calls // SAMPLE, calls - LAST, calls // SAMPLE), *range(calls - LAST, calls)]


@pytest.mark.parametrize(("first", "parent"), [(True, "another"), (False, "telegraf")])
def test_a_run_of_exec_loses_nothing(first, parent, folder, monkeypatch):
    if parent == "telegraf":
        monkeypatch.setattr("bmtick.collect.shutdown.is_telegraf", lambda pid: True)
    count = OLD
    if not first:
        assert traced.run(once(folder)).status == 0
        with (folder / "mail.log").open("a") as log:
            log.write(lines(OLD, NEW))
        count = NEW - OLD
    was = kept(folder)
    whole = traced.run(once(folder), NEVER)
    assert whole.status == 0
    for number in moments(len(whole.calls)):
        bring_back(folder, was)
        store = Store()
        killed = traced.run(once(folder), number)
        if killed.status == 0:
            store.take(killed.printed.decode())
        for _ in range(2):
            store.take(traced.run(once(folder)).printed.decode())
        assert store.messages == count, f"killed at call {number} of {len(killed.calls)}"
        if killed.status:
            assert store.taken == count, f"twice: killed at call {number} of {len(killed.calls)}"


def test_a_process_of_execd_loses_nothing(folder):
    """What its reader had not taken from the pipe when it died is lost, as with Telegraf."""
    was = kept(folder)

    def asked() -> int:
        reader, writer = os.pipe()
        os.write(writer, b"\n")
        os.close(writer)
        return reader

    def life(number: int | None) -> tuple[traced.Run, str]:
        taken = []

        def watch(call: int, stdout: int) -> None:
            if call in SLEEPS:  # it waits for its reader
                os.set_blocking(stdout, False)
                with contextlib.suppress(BlockingIOError):
                    taken.append(os.read(stdout, 1 << 20))
                os.set_blocking(stdout, True)

        stdin = asked()
        ran = traced.run(once(folder, "--execd"), number, watch=watch, stdin=stdin)
        os.close(stdin)
        return ran, b"".join(taken).decode() + (ran.printed.decode() if ran.status == 0 else "")

    whole, output = life(NEVER)
    assert whole.status == 0
    assert output
    for number in moments(len(whole.calls)):
        bring_back(folder, was)
        store = Store()
        killed, output = life(number)
        store.take(output)
        for _ in range(2):
            store.take(life(NEVER)[1])
        assert store.messages == OLD, f"killed at call {number} of {len(killed.calls)}"

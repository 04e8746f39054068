"""How runs end: by SIGTERM, with a reader that dies, with a full disk behind stdout, in a killed Telegraf."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bmtick.collect.shutdown import _ended_well, identity, is_orphan, is_taken, is_telegraf
from bmtick.points import parse_lines
from tests.support.servers import find_program, wait_for

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"
COLLECT = [sys.executable, "-m", "bmtick", "collect", "--queue", "off"]
# A collector that looks whether to end after every 64 KiB.
SMALL_STEPS = [
    sys.executable,
    "-c",
    (
        "import sys; from bmtick.collect import session; session.STEP = 1 << 16;"
        "from bmtick.collect.command import run; sys.exit(run(sys.argv[1:]))"
    ),
    "--queue",
    "off",
]
# Stands for Telegraf: starts a collector and passes on all that goes in and out of it.
PARENT = "import subprocess, sys; sys.exit(subprocess.Popen(sys.argv[1:]).wait())"


def lines(first: int, last: int) -> str:
    text = ""
    for number in range(first, last):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(1_700_000_000 + number))
        text += f"{stamp} mx postfix/smtpd[1]: {number:06X}: client=h[10.0.0.{number % 9}]\n"
        text += (
            f"{stamp} mx postfix/qmgr[1]: {number:06X}: from=<>, size=5, nrcpt=1 (queue active)\n"
        )
    return text


class Store:
    """Keeps points as InfluxDB does."""

    def __init__(self) -> None:
        self.points: dict = {}
        self.taken = 0

    def take(self, output: str) -> None:
        for point in parse_lines(output.splitlines(keepends=True)):
            count = point.fields.get("messages", 0)
            self.taken += count
            self.points[point.name, tuple(sorted(point.tags.items())), point.time] = count

    @property
    def messages(self) -> int:
        return sum(self.points.values())


STARTED: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def tidy():
    """Close what a test left open."""
    yield
    for process in STARTED:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()
    STARTED.clear()


def started(command: list[str], log: Path, *extra: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [*command, "--log", str(log), "--state", f"{log.parent}/state", *extra],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    STARTED.append(process)
    return process


class Reader(threading.Thread):
    """Takes what a process prints, all the time, as Telegraf does."""

    def __init__(self, process: subprocess.Popen) -> None:
        super().__init__(daemon=True)
        self.process, self.output = process, ""
        self.start()

    def run(self) -> None:
        for line in self.process.stdout:
            self.output += line


@pytest.fixture
def log(tmp_path) -> Path:
    path = tmp_path / "mail.log"
    path.write_text(lines(0, 3000))
    return path


@pytest.mark.parametrize("extra", [(), ("--execd",)])
def test_sigterm_ends_a_long_run_well_with_what_it_printed(extra, log):
    """Telegraf ends a run at its timeout so, and drops what it printed if the status is not 0."""
    store = Store()
    process = started(SMALL_STEPS, log, *extra)
    if extra:
        process.stdin.write("\n")
        process.stdin.flush()
    first = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    output = first + process.stdout.read()
    assert process.wait(120) == 0, process.stderr.read()
    store.take(output)
    again = started(COLLECT, log)
    store.take(again.communicate(timeout=120)[0])
    assert store.messages == store.taken == 3000


def test_an_error_after_something_was_printed_does_not_make_telegraf_drop_it(log):
    """What a killed run left is printed first; then the log cannot be read."""
    store = Store()
    store.take(started(COLLECT, log).communicate(timeout=120)[0])
    state = log.parent / "state"
    before = state.read_bytes()
    with log.open("a") as file:
        file.write(lines(3000, 3100))
    started(COLLECT, log).communicate(timeout=120)
    state.rename(f"{state}.next")
    state.write_bytes(before)
    text = log.read_text()
    log.unlink()
    log.mkdir()
    process = started(COLLECT, log)
    output, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Is a directory" in said
    store.take(output)
    process = started(COLLECT, log)
    process.communicate(timeout=120)
    assert process.returncode == 2, "nothing was printed: now Telegraf hears of it"
    log.rmdir()
    log.write_text(text)
    store.take(started(COLLECT, log).communicate(timeout=120)[0])
    assert store.messages == store.taken == 3100


def test_points_that_stdout_does_not_take_are_printed_by_the_next_run(log):
    with Path("/dev/full").open("wb") as full:
        arguments = ["--log", str(log), "--state", f"{log.parent}/state"]
        done = subprocess.run(
            [*COLLECT, *arguments], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )
    assert done.returncode == 2
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr
    store = Store()
    store.take(started(COLLECT, log).communicate(timeout=120)[0])
    assert store.messages == 3000


def test_points_that_nobody_read_are_printed_by_the_next_process(log):
    """The reader dies with the points still in the pipe."""
    store = Store()
    process = started(COLLECT, log, "--execd")
    process.stdin.write("\n")
    process.stdin.flush()
    wait_for((log.parent / "state.next").exists, "points in the pipe")
    process.stdout.close()
    process.stdin.close()
    process.wait(120)
    process.stderr.close()
    store.take(started(COLLECT, log).communicate(timeout=120)[0])
    assert store.messages == store.taken == 3000


@pytest.mark.parametrize("group", [False, True])
def test_what_a_killed_telegraf_held_is_printed_again_once(group, log):
    parent = started([sys.executable, "-c", PARENT, *COLLECT], log, "--execd")
    reader = Reader(parent)
    parent.stdin.write("\n")
    parent.stdin.flush()
    wait_for((log.parent / "state").exists, "a first run")
    if group:
        os.kill(int(Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text()), 9)
    parent.kill()
    parent.stdin.close()
    reader.join(120)  # the collector holds the other end as long as it lives
    parent.stderr.read()
    parent.wait()
    store = Store()
    other = started([sys.executable, "-c", PARENT, *COLLECT], log, "--execd")
    store.take(other.communicate("\n", timeout=120)[0])
    assert store.messages == store.taken == 3000
    last = started(COLLECT, log, "--execd")
    store.take(last.communicate("\n", timeout=120)[0])
    assert store.taken == 3000, "that one ended well"


def test_a_collector_that_was_killed_alone_prints_nothing_twice(log):
    process = started(COLLECT, log, "--execd")
    process.stdin.write("\n")
    process.stdin.flush()
    reader, store = Reader(process), Store()
    wait_for((log.parent / "state").exists, "a first run")
    process.kill()
    process.wait()
    reader.join(120)
    store.take(reader.output)
    again = started(COLLECT, log, "--execd")
    store.take(again.communicate("\n", timeout=120)[0])
    assert store.messages == store.taken == 3000


def test_a_pipe_is_taken_when_it_is_empty(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"x" * 1000)
    assert is_taken(writer, 0.05), "the reader is slow, and lives"
    os.close(reader)
    assert not is_taken(writer, 0.05)
    os.close(writer)
    with (tmp_path / "file").open("wb") as file:
        assert is_taken(file.fileno())
    reader, writer = os.pipe()
    os.write(writer, b"x")
    thread = threading.Timer(0.1, os.read, (reader, 10))
    thread.start()
    assert is_taken(writer, 3600)  # once it is empty, not when the timeout ends
    thread.join()
    os.close(reader)
    os.close(writer)


def test_processes_are_told_apart():
    assert not is_orphan(os.getppid())
    assert is_orphan(1 if os.getppid() != 1 else 2)
    assert identity(os.getpid()) == identity(os.getpid()) != identity(os.getppid())
    assert identity(1 << 30) == [1 << 30, 0]
    assert not is_telegraf(os.getpid())
    assert not is_telegraf(1 << 30)


@pytest.mark.parametrize(("kind", "victim"), [("exec", "telegraf"), ("execd", "all")])
def test_a_real_telegraf_that_is_killed_loses_nothing(kind, victim, influx, tmp_path):
    telegraf = find_program("telegraf", "TELEGRAF")
    database = f"killed_{kind}_{victim}"
    influx.execute(f"CREATE DATABASE {database}")
    log = tmp_path / "mail.log"
    log.touch()
    words = [*COLLECT, "--log", str(log), "--state", f"{tmp_path}/state", "--interval", "1s"]
    if kind == "execd":
        plugin = "\n".join(
            (
                "[[inputs.execd]]",
                f"command = {[*words, '--execd']}",
                'signal = "STDIN"',
                'restart_delay = "1s"',
            )
        )
    else:
        plugin = f"[[inputs.exec]]\ncommands = ['{' '.join(words)}']"
    config = tmp_path / "telegraf.conf"
    config.write_text(f"""
[agent]
interval = "1s"
flush_interval = "2s"
omit_hostname = true
[[outputs.influxdb]]
urls = ["{influx.url}"]
database = "{database}"
skip_database_creation = true
{plugin}
data_format = "influx"
""")

    def start() -> subprocess.Popen:
        return subprocess.Popen(
            [telegraf, "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )

    dice = random.Random(1)
    process = start()
    number = 0
    for _ in range(3):
        until = time.monotonic() + dice.uniform(1.5, 3.5)
        while time.monotonic() < until:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
            number += 1
            with log.open("a") as file:
                file.write(f"{stamp} mx postfix/smtpd[1]: {number:06X}: client=h[10.0.0.1]\n")
                file.write(
                    f"{stamp} mx postfix/qmgr[1]: {number:06X}: from=<>, size=5, nrcpt=1 (queue active)\n"
                )
            time.sleep(0.01)
        if victim == "collector":
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            for child in children.split():
                os.kill(int(child), signal.SIGKILL)
            continue
        os.killpg(process.pid, signal.SIGKILL) if victim == "all" else process.kill()
        process.wait()
        process = start()

    def stored() -> int:
        found = influx.query("SELECT sum(messages) FROM postfix_client", database)
        return found[0]["values"][0][1] if found else 0

    try:
        wait_for(lambda: stored() >= number, f"{number} messages, not {stored()}")
        time.sleep(2)
        assert stored() == number
    finally:
        process.terminate()
        process.wait()


def dying(act: str, end: str) -> int:
    """Run a process that has ``act`` done after its good end, and ends so; tell how it ended."""
    code = (
        "import os, signal\nfrom bmtick.collect.shutdown import after_good_end\n"
        f"after_good_end(lambda: {act})\n{end}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=False, cwd=ROOT
    )
    return done.returncode


@pytest.mark.parametrize(
    ("end", "status", "acted"),
    [
        ("os._exit(0)", 0, True),
        ("os._exit(3)", 3, False),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, False),
    ],
)
def test_what_waits_for_a_good_end_is_done_then_alone(end, status, acted, tmp_path):
    mark = tmp_path / "mark"
    for _ in range(5):
        assert dying(f"open({str(mark)!r}, 'w')", end) == status
        assert mark.exists() == acted


def test_how_a_process_ended_is_known_after_somebody_waited_for_it():
    child = subprocess.Popen(["sleep", "1000"])
    files = os.open(f"/proc/{child.pid}/stat", os.O_RDONLY), os.pidfd_open(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not _ended_well(*files), "nobody waited yet"
    child.wait()
    tells = [int(part) for part in os.uname().release.split(".")[:2]] >= [6, 15]
    assert _ended_well(*files) != tells
    for fd in files:
        os.close(fd)

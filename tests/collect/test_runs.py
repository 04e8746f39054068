"""Runs of the collector with a state: first, again, damaged, twice at once, as a process that stays."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bmtick.points import parse_lines
from tests.support import program

ROOT = Path(__file__).parents[2]
CASE = Path(__file__).parent / "cases" / "content_filter" / "mail.log"


def start(*arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "bmtick", "collect", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TZ": "UTC"},
        **options,
    )


@pytest.fixture
def log(tmp_path) -> Path:
    path = tmp_path / "mail.log"
    path.write_bytes(CASE.read_bytes())
    return path


@pytest.fixture
def run(tmp_path, log):
    def go(*arguments: str, status: int = 0) -> tuple[list, str]:
        options = ("--log", str(log), "--state", str(tmp_path / "state"), "--queue", "off")
        done = program.run_text("collect", *options, *arguments)
        assert done.returncode == status, done.stderr
        return list(parse_lines(done.stdout.splitlines())), done.stderr

    return go


def messages(points) -> int:
    return sum(p.fields.get("messages", 0) for p in points)


def test_each_point_is_given_out_once(run, log):
    first, said = run()
    assert messages(first) == 3
    assert "first run" in said
    again, said = run()
    assert [p.name for p in again] == ["bmtick_collector"]
    assert again[0].fields["lines"] == 0
    assert said == ""
    with log.open("ab") as file:
        file.write(CASE.read_bytes().replace(b"2023", b"2024"))
    assert messages(run()[0]) == 3


@pytest.mark.parametrize("damage", [b"", b"garbage\n", b"bmtick-collect 99 00000000 0 0 0\n", None])
def test_a_damaged_state_is_told_and_the_log_read_again(run, tmp_path, damage):
    first, _ = run()
    state = tmp_path / "state"
    raw = state.read_bytes()
    state.write_bytes(raw[:-20] + b"x" + raw[-19:] if damage is None else damage)
    again, said = run()
    assert "cannot be used" in said
    assert again[-1].fields["uncertain"] == 1
    kept = [(p.name, p.tags, p.time, p.fields.get("messages")) for p in first]
    assert kept == [(p.name, p.tags, p.time, p.fields.get("messages")) for p in again[:-1]]


def test_a_run_killed_after_printing_prints_the_same_bytes_again(run, tmp_path, log):
    run()
    before = (tmp_path / "state").read_bytes()
    with log.open("ab") as file:
        file.write(CASE.read_bytes().replace(b"2023", b"2024"))
    printed, _ = run()
    (tmp_path / "state").rename(tmp_path / "state.next")  # as if killed before the rename
    (tmp_path / "state").write_bytes(before)
    again, _ = run()
    assert again[: len(printed)] == printed
    assert messages(again) == messages(printed)


def test_two_at_once_count_once(tmp_path, log):
    arguments = ("--log", str(log), "--state", str(tmp_path / "state"), "--queue", "off")
    processes = [start(*arguments) for _ in range(3)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert messages(parse_lines("".join(outputs).splitlines())) == 3


def test_a_full_disk_prints_nothing(run, tmp_path, log):
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    arguments = ("--log", str(log), "--state", str(tmp_path / "state"), "--queue", "off")
    process = start(*arguments, preexec_fn=small_files)
    output, said = process.communicate(timeout=120)
    assert (process.returncode, output) == (2, "")
    assert "nothing was printed" in said
    assert messages(run()[0]) == 3


def test_a_state_that_is_a_link_is_refused(run, tmp_path):
    (tmp_path / "state.next").symlink_to(tmp_path / "elsewhere")
    points, said = run(status=2)
    assert (points, (tmp_path / "elsewhere").exists()) == ([], False)
    assert "--state" in said


def test_a_state_that_is_a_folder_is_refused(run, tmp_path):
    (tmp_path / "state").mkdir()
    points, said = run(status=2)
    assert points == []
    assert "is a folder" in said


def test_a_run_as_root_leaves_the_state_to_the_owner_of_its_folder(tmp_path, log):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder = tmp_path / "telegraf"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    process = start("--log", str(log), "--state", str(folder / "state"), "--queue", "off")
    process.communicate(timeout=120)
    owners = {path.name: path.stat().st_uid for path in folder.iterdir()}
    assert owners == {"state": 65534, "state.lock": 65534, "state.memory": 65534}


def test_a_state_of_another_user_is_told_with_its_remedy(tmp_path, monkeypatch):
    from bmtick.collect.state import StateFile
    from bmtick.errors import BmtickError

    state = StateFile(str(tmp_path / "state"))
    state.open()
    state.prepare({}, b"")
    state.commit()
    state.close()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(BmtickError, match="Permission denied") as caught:
        StateFile(str(tmp_path / "state")).open()
    assert f"chown 12345: {tmp_path}/state" in str(caught.value)


def test_a_log_that_appears_late(run, log):
    log.unlink()
    points, said = run()
    assert "no log" in said
    assert messages(points) == 0
    log.write_bytes(CASE.read_bytes())
    assert messages(run()[0]) == 3


def test_a_partial_line_waits_until_it_is_whole(run, log):
    data = CASE.read_bytes()
    log.write_bytes(data[:500])
    first, _ = run()
    log.write_bytes(data)
    assert messages(first) + messages(run()[0]) == 3


def test_execd_answers_each_newline_and_sighup(tmp_path, log):
    process = start("--log", str(log), "--state", str(tmp_path / "s"), "--queue", "off", "--execd")
    process.stdin.write("\n")
    process.stdin.flush()
    first = [process.stdout.readline() for _ in range(7)]
    assert messages(parse_lines(first)) == 3
    process.stdin.write("\n")
    process.stdin.flush()
    # The log is old: points that tell of silence come before.
    silent = iter(process.stdout.readline, "")
    assert any(line.startswith("bmtick_collector lines=0i") for line in silent)
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline().startswith("bmtick_collector lines=0i")
    output, complaints = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "")
    assert all(line.startswith(("W! ", "I! ", "E! ")) for line in complaints.splitlines())


def test_execd_at_rest_costs_next_to_nothing(tmp_path, log):
    process = start("--log", str(log), "--state", str(tmp_path / "s"), "--queue", "off", "--execd")
    process.stdin.write("\n" * 5)
    process.stdin.flush()
    for _ in range(11):
        process.stdout.readline()
    stat = Path(f"/proc/{process.pid}/io").exists()
    state = (tmp_path / "s").stat().st_ino
    process.stdin.write("\n" * 20)
    process.stdin.flush()
    for _ in range(20):
        process.stdout.readline()
    assert stat
    assert (tmp_path / "s").stat().st_ino == state, "nothing new: only its time is set"
    process.communicate(timeout=120)


def test_execd_without_state_loses_nothing_at_its_end(tmp_path, log):
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()).encode()
    line = now + b"+00:00 mx postfix/"
    process = start("--log", str(log), "--no-state", "--queue", "off", "--execd")
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("bmtick_collector lines=0i"), "begins at the end"
    with log.open("ab") as file:
        file.write(line + b"smtpd[1]: AAAA09: client=h[203.0.113.1]\n")
        file.write(line + b"qmgr[1]: AAAA09: from=<>, size=5, nrcpt=1 (queue active)\n")
    output, _ = process.communicate(timeout=120)
    assert messages(parse_lines(output.splitlines())) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lgo", "x"], "--log"),
        (["--log"], "needs a value"),
        (["--format", "xml"], "influx, json"),
        (["--interval", "1.5s"], "1h"),
        (["--max-series", "0"], "from 1"),
        (["--known", "10.0.0.0/99"], "10.0.0.0/8"),
        (["--config", "/nowhere.toml"], "no settings file"),
        (["--queue", "on", "--spool", "/nowhere"], "--spool"),
        (["--log", "/nowhere", "--no-state", "--from-start"], "cannot read"),
        (["--state", "/proc/x/y"], "--no-state"),
    ],
)
def test_wrong_use_says_what_to_do(arguments, said):
    process = start(*arguments)
    output, complaints = process.communicate(timeout=120)
    assert process.returncode == 2
    assert output == ""
    assert said in complaints
    assert "Traceback" not in complaints


def test_help_names_all_options():
    process = start("--help")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    for option in (
        "--log",
        "--state",
        "--execd",
        "--queue",
        "--spool",
        "--format",
        "--from-start",
        "--no-state",
    ):
        assert option in output


def test_the_error_is_the_first_line_that_is_said(tmp_path, log):
    """Of what a failed command says, Telegraf shows the first line alone."""
    log.unlink()
    log.mkdir()
    process = start("--log", str(log), "--state", str(tmp_path / "state"), "--queue", "off")
    _, said = process.communicate(timeout=120)
    assert said.startswith("bmtick: error: cannot read the log")
    assert "first run" in said

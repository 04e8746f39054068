"""The journal as a log: real journal files through the real journalctl, and what it printed, kept."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options
from bmtick.names import ADDITIVE
from bmtick.points import parse_lines
from tests.support import journal as journals
from tests.support import program

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "journals"
NAMES = sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())
LOGS = [
    ROOT / "examples" / "outbreak" / "mail.log",
    *sorted((Path(__file__).parent / "cases").glob("*/mail.log")),
]
START = 1_700_000_000  # seconds
U = 1_000_000
NOBODY = 65534


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bmtick", "collect", "--queue", "off", *arguments]


def collect(*arguments: str, status: int = 0, **environment: str) -> tuple[list, str]:
    done = program.run_text("collect", "--queue", "off", *arguments, env=environment)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return list(parse_lines(done.stdout.splitlines(keepends=True))), done.stderr


def shown(points: list) -> list:
    """Return points with the fields that are not 0."""
    return [(p.name, p.tags, p.time, {k: v for k, v in p.fields.items() if v}) for p in points]


def messages(points) -> int:
    return sum(p.fields.get("messages", 0) for p in points)


def sums(points) -> dict:
    """Add up what does not depend on when a line was logged, and how its head is written."""
    total: dict = {}
    for point in points:
        for field, value in point.fields.items():
            if field in ADDITIVE and (field != "bytes" or point.name != "bmtick_collector"):
                key = point.name, tuple(sorted(point.tags.items())), field
                total[key] = total.get(key, 0) + value
    return {key: value for key, value in total.items() if value}


def message(number: int) -> list[bytes]:
    """Return the entries of one message: each counts once."""
    queue_id, micros = b"%05X" % (0xA0000 + number), (START + number) * U
    return [
        journals.entry(micros, queue_id + b": client=h[203.0.113.9]"),
        journals.entry(
            micros + 1, queue_id + b": from=<>, size=5, nrcpt=1 (queue active)", b"postfix/qmgr"
        ),
    ]


@pytest.fixture
def replay(tmp_path):
    """Put a journalctl on PATH that prints what a real one printed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    fake = programs / "journalctl"
    source = (ROOT / "tests" / "support" / "journalctl.py").read_text("utf-8")
    fake.write_text(source.replace("/usr/bin/env python3", sys.executable, 1))
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    kept = tmp_path / "entries.json"

    def go(lines: list[bytes], *arguments: str, status: int = 0) -> tuple[list, str]:
        kept.write_bytes(b"".join(lines))
        path = f"{programs}:{os.environ['PATH']}"
        return collect(
            "--log", "journal", *arguments, status=status, PATH=path, JOURNAL_ENTRIES=str(kept)
        )

    return go


@pytest.mark.parametrize("name", NAMES)
def test_recorded_entries(name, replay):
    lines = (FOLDER / name / "entries.json").read_bytes().splitlines(keepends=True)
    expected = list(parse_lines((FOLDER / name / "expected.lp").read_text("utf-8").splitlines()))
    assert shown(replay(lines, "--from-start", "--no-state")[0]) == shown(expected)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_entries_come_from_a_real_journal(name, tmp_path):
    exported = (FOLDER / name / "journal.export").read_bytes()
    path = journals.write_journal(tmp_path / "a.journal", [exported])
    expected = list(parse_lines((FOLDER / name / "expected.lp").read_text("utf-8").splitlines()))
    found = collect("--log", f"journal:{path}", "--from-start", "--no-state")[0]
    assert shown(found) == shown(expected)


@pytest.mark.parametrize(
    "log",
    [log for log in LOGS if log.parent.name != "core"],  # BlueMind's own log is in no journal
    ids=lambda log: log.parent.name,
)
def test_a_journal_gives_the_sums_of_the_file_of_the_same_traffic(log, tmp_path):
    """Lines without a process id are no entries of a syslog socket: left out of both."""
    entries = journals.entries_of(log.read_bytes(), START)
    kept = [line for line in log.read_bytes().split(b"\n") if journals.entries_of(line, START)]
    assert len(kept) == len(entries) > 0
    file = tmp_path / "mail.log"
    file.write_bytes(b"".join(line + b"\n" for line in kept))
    path = journals.write_journal(tmp_path / "a.journal", entries)
    found, said = collect("--log", f"journal:{path}", "--from-start", "--no-state")
    assert said == ""
    expected = [p.to_line() for p in points_of_logs([str(file)], options=Options())]
    assert sums(found) == sums(parse_lines(expected))


def test_the_place_is_kept_over_runs_and_files(tmp_path):
    """journald archives a file and begins another one: the folder is one journal."""
    folder, state = tmp_path / "journal", tmp_path / "state"
    folder.mkdir()
    arguments = ("--log", f"journal:{folder}", "--state", str(state))
    found = []
    for number in range(4):
        journals.write_journal(
            folder / f"{number}.journal", message(2 * number) + message(2 * number + 1)
        )
        points, _ = collect(*arguments)
        found.append(messages(points))
    assert found == [2, 2, 2, 2]
    again, said = collect(*arguments)
    assert (messages(again), said) == (0, "")
    assert again[0].fields["lines"] == 0


def test_a_vacuumed_cursor_loses_and_doubles_nothing_that_is_left(tmp_path):
    folder, state = tmp_path / "journal", tmp_path / "state"
    folder.mkdir()
    arguments = ("--log", f"journal:{folder}", "--state", str(state))
    for number in range(2):
        journals.write_journal(folder / f"{number}.journal", message(number))
    assert messages(collect(*arguments)[0]) == 2
    for number in range(2, 4):
        journals.write_journal(folder / f"{number}.journal", message(number))
    for number in range(2):
        (folder / f"{number}.journal").unlink()
    points, said = collect(*arguments)
    assert messages(points) == 2
    assert "vacuumed" in said
    assert [p.fields["uncertain"] for p in points if "uncertain" in p.fields] == [1]
    assert messages(collect(*arguments)[0]) == 0


def test_a_vacuumed_cursor_as_recorded(replay, tmp_path):
    lines = (FOLDER / "odd_entries" / "entries.json").read_bytes().splitlines(keepends=True)
    arguments = ("--state", str(tmp_path / "state"))
    assert messages(replay(lines[:4], *arguments)[0]) == 2
    points, said = replay(lines[4:], *arguments)
    assert messages(points) == 1
    assert sum(p.fields["lines"] for p in points if "lines" in p.fields) == len(lines) - 4
    assert "vacuumed" in said
    assert messages(replay(lines[4:], *arguments)[0]) == 0


def test_entries_of_one_instant_are_told_apart(replay, tmp_path):
    """Many entries share a microsecond; the one that was read last is passed over, no other."""
    lines = (FOLDER / "odd_entries" / "entries.json").read_bytes().splitlines(keepends=True)
    state = ("--state", str(tmp_path / "state"))
    read = 0
    for end in range(1, len(lines) + 1):
        points, said = replay(lines[:end], *state)
        read += sum(p.fields["lines"] for p in points if p.name == "bmtick_collector")
        assert "vacuumed" not in said
    assert read == len(lines)


def test_a_process_that_stays_begins_with_what_comes_then(tmp_path):
    folder = tmp_path / "journal"
    folder.mkdir()
    journals.write_journal(folder / "0.journal", message(0))
    process = subprocess.Popen(
        command("--log", f"journal:{folder}", "--no-state", "--execd"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("bmtick_collector lines=0i")
    journals.write_journal(folder / "1.journal", message(1))
    output, _ = process.communicate("\n", timeout=120)
    assert messages(parse_lines(output.splitlines())) == 1


def test_kills_at_any_time_lose_and_double_nothing(tmp_path):
    """As InfluxDB keeps points: one of the same series and time replaces the one before."""
    folder = tmp_path / "journal"
    folder.mkdir()
    arguments = ("--log", f"journal:{folder}", "--state", str(tmp_path / "state"))
    stored: dict = {}

    def take(output: str) -> None:
        for point in parse_lines(output.splitlines(keepends=True)):
            key = point.name, tuple(sorted(point.tags.items())), point.time
            stored[key] = point.fields.get("messages", 0)

    for number in range(12):
        journals.write_journal(
            folder / f"{number}.journal", [e for n in range(40) for e in message(number * 40 + n)]
        )
        process = subprocess.Popen(
            command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        time.sleep(0.01 * number)
        process.send_signal(signal.SIGKILL)
        take(process.communicate()[0])
    done = subprocess.run(command(*arguments), capture_output=True, text=True, cwd=ROOT, check=True)
    take(done.stdout)
    assert sum(stored.values()) == 12 * 40


def test_without_journalctl(tmp_path):
    for whole in (["--from-start", "--no-state"], ["--state", str(tmp_path / "state")]):
        points, said = collect("--log", "journal", *whole, status=2, PATH=str(tmp_path))
        assert points == []
        assert "cannot run journalctl" in said
        assert "--log" in said


def test_a_journal_that_may_not_be_read(tmp_path):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root, and setpriv to become another user")
    path = journals.write_journal(tmp_path / "a.journal", message(0))
    path.chmod(0o600)
    programs = tmp_path / "bin"
    programs.mkdir()
    other = programs / "journalctl"
    user = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
    other.write_text(f'#!/bin/sh\nexec {user} {shutil.which("journalctl")} "$@"\n')
    other.chmod(0o755)
    points, said = collect(
        "--log",
        f"journal:{path}",
        "--no-state",
        status=2,
        PATH=f"{programs}:{os.environ['PATH']}",
    )
    assert points == []
    assert "ermission" in said
    assert "usermod -a -G systemd-journal" in said


def test_what_journalctl_says_of_damaged_files_is_told(tmp_path):
    journals.write_journal(tmp_path / "a.journal", message(0))
    (tmp_path / "b.journal").write_bytes(b"no journal" * 1000)
    points, said = collect("--log", f"journal:{tmp_path}", "--state", str(tmp_path / "state"))
    assert messages(points) == 1
    assert "b.journal" in said


def test_a_journal_without_mail_says_so(replay, tmp_path):
    points, said = replay([b"-- No entries --\n"], "--state", str(tmp_path / "state"))
    assert [p.name for p in points] == ["bmtick_collector"]
    assert "no line of Postfix" in said


def test_a_line_that_is_no_entry_is_told_and_counted(replay, tmp_path):
    lines = (FOLDER / "odd_entries" / "entries.json").read_bytes().splitlines(keepends=True)
    odd = [b"garbage\n", b"[1]\n", json.dumps({"MESSAGE": "x"}).encode() + b"\n"]
    points, said = replay([*odd, *lines], "--state", str(tmp_path / "state"))
    assert messages(points) == 3
    assert "passed over" in said
    assert [p.fields["uncertain"] for p in points if "uncertain" in p.fields] == [3]

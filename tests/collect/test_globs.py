"""Logs named by globs: looked at anew each time, rotated copies counted as part of their log."""

import gzip
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bmtick.collect.sources import followed, origin_of, whole
from bmtick.points import parse_lines
from tests.support import program

ROOT = Path(__file__).parents[2]
START = 1_700_000_000


def lines(*numbers: int) -> str:
    """Return the log lines of some messages, ten seconds apart."""
    text = ""
    for number in numbers:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(START + 10 * number))
        queue_id = f"{number:05X}"
        text += f"{stamp} mx postfix/smtpd[1]: {queue_id}: client=h[203.0.113.9]\n"
        text += f"{stamp} mx postfix/qmgr[2]: {queue_id}: from=<>, size=5, nrcpt=1 (queue active)\n"
    return text


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bmtick", "collect", "--queue", "off", *arguments]


def collect(*arguments: str) -> tuple[int, str]:
    done = program.run_text("collect", "--queue", "off", *arguments)
    assert done.returncode == 0, done.stderr
    return messages(done.stdout), done.stderr


def messages(output: str) -> int:
    points = parse_lines(output.splitlines())
    return sum(p.fields.get("messages", 0) for p in points)


def rotate(log: Path, *, pack: bool = False) -> None:
    for number in range(9, 0, -1):
        for ending in ("", ".gz"):
            old = Path(f"{log}.{number}{ending}")
            if old.exists():
                old.rename(f"{log}.{number + 1}{ending}")
    first = Path(f"{log}.1")
    log.rename(first)
    second = Path(f"{log}.2")
    if pack and second.exists():
        Path(f"{second}.gz").write_bytes(gzip.compress(second.read_bytes()))
        os.utime(f"{second}.gz", ns=(second.stat().st_atime_ns, second.stat().st_mtime_ns))
        second.unlink()


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/v/mail.log.1", "/v/mail.log"),
        ("/v/mail.log.12.gz", "/v/mail.log"),
        ("/v/mail.log-20241124", "/v/mail.log"),
        ("/v/mail.log-20241124.xz", "/v/mail.log"),
        ("/v/mail.log-20241124-1732400000.zst", "/v/mail.log"),
        ("/v/mail-20241124.log", "/v/mail.log"),
        ("/v/mail.2024-11-24.log.gz", "/v/mail.log"),
        ("/v/mail.log.old", "/v/mail.log"),
        ("/v/mail.log.gz", "/v/mail.log"),
        ("/v/mail.log", ""),
        ("/v/mail.log-edge1", ""),  # another server's
        ("/v/mail-2.log", ""),  # a second instance's
        ("/w/mail.log.1", ""),
        ("/v/mail.err", ""),
    ],
)
def test_what_is_a_rotated_copy(path, origin):
    assert origin_of(path, ["/v/mail.log"]) == origin


def test_a_log_that_is_away_for_a_moment_is_not_replaced_by_its_copies(tmp_path):
    (tmp_path / "mail.log.1").touch()
    (tmp_path / "mail.log.2.gz").touch()
    log = str(tmp_path / "mail.log")
    assert followed([f"{log}*"], [log]) == [log]


def test_daily_files_without_a_plain_one_are_logs(tmp_path):
    for day in (23, 24):
        (tmp_path / f"mail-202411{day}.log").touch()
    assert len(followed([f"{tmp_path}/mail-*.log"])) == 2


def test_whole_logs_are_read_oldest_first_and_copies_once(tmp_path):
    log = tmp_path / "mail.log"
    log.write_text(lines(5))
    (tmp_path / "mail.log.1").write_text(lines(4))
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress(lines(3).encode()))
    (tmp_path / "mail.log.10.gz").write_bytes(gzip.compress(lines(2).encode()))
    (tmp_path / "mail.log.10").write_text(lines(2))  # being compressed
    said: list[str] = []
    names = [Path(path).name for path in whole([f"{log}*"], said.append)]
    assert names == ["mail.log.10", "mail.log.2.gz", "mail.log.1", "mail.log"]
    assert len(said) == 1
    assert "mail.log.10.gz begins as" in said[0]
    assert collect("--log", f"{log}*", "--from-start", "--no-state")[0] == 4


def test_a_message_that_a_rotation_cut_counts(tmp_path):
    first, second = lines(1).splitlines(keepends=True)
    (tmp_path / "mail.log.1").write_text(lines(0) + first)
    (tmp_path / "mail.log").write_text(second)
    assert collect("--log", f"{tmp_path}/mail.log*", "--from-start", "--no-state")[0] == 2


def test_rotations_between_runs_with_a_glob_over_all(tmp_path):
    """Each run is a process of its own; at some of them the log has just been renamed."""
    log, state = tmp_path / "mail.log", tmp_path / "state"
    dice = random.Random(3)
    log.write_text("")
    arguments = ("--log", f"{tmp_path}/mail.log*", "--state", str(state))
    counted = written = 0
    for _ in range(15):
        for _ in range(dice.randrange(3)):
            with log.open("a") as file:
                file.write(lines(written))
            written += 1
        if dice.random() < 0.6:
            rotate(log, pack=dice.random() < 0.7)
            if dice.random() < 0.5:
                counted += collect(*arguments)[0]
            log.touch()
        counted += collect(*arguments)[0]
    assert counted == written > 5


def test_a_process_that_stays_takes_up_new_logs_and_forgets_old_ones(tmp_path):
    process = subprocess.Popen(
        command("--log", f"{tmp_path}/mail-*.log", "--state", f"{tmp_path}/state", "--execd"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )

    def ask() -> int:
        process.stdin.write("\n")
        process.stdin.flush()
        output = ""
        while True:
            output += process.stdout.readline()
            if output.rpartition("\n")[0].rpartition("\n")[2].startswith("bmtick_collector"):
                return messages(output)

    assert ask() == 0
    for day in (23, 24):
        (tmp_path / f"mail-202411{day}.log").write_text(lines(day))
        assert ask() == 1
    assert ask() == 0
    _, said = process.communicate(timeout=120)
    assert "no log matches" in said


def test_a_log_that_went_away_is_forgotten_after_an_hour(tmp_path):
    from bmtick.collect.options import Options
    from bmtick.collect.session import Session

    log, other = tmp_path / "mail-1.log", tmp_path / "mail-2.log"
    log.write_text(lines(1))
    other.write_text(lines(2))
    said: list[str] = []
    session = Session([f"{tmp_path}/mail-*.log"], Options(), said.append)
    session.begin(None, START)
    session.run(START + 100)
    log.unlink()
    session.run(START + 200)
    kept = session.dump()
    again = Session([f"{tmp_path}/mail-*.log"], Options(), said.append)
    again.restore(kept)
    assert len(again.sources) == 2
    again.run(START + 200 + 3500)
    assert len(again.sources) == 2
    again.run(START + 200 + 3601)
    assert list(again.sources) == [str(other)]


def test_one_log_that_may_not_be_read_does_not_stop_the_others(tmp_path):
    (tmp_path / "a.log").write_text(lines(1))
    (tmp_path / "folder").mkdir()
    arguments = ("--log", f"{tmp_path}/a.log", "--log", f"{tmp_path}/folder")
    counted, said = collect(*arguments, "--state", f"{tmp_path}/state")
    assert counted == 1
    assert "Is a directory" in said

"""Logs as a sceptical administrator finds them: endless lines, NUL bytes, archives cut in the middle."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bmtick.points import parse_lines
from tests.support import program

ROOT = Path(__file__).parents[2]
LOG = (Path(__file__).parent / "cases" / "content_filter" / "mail.log").read_bytes()
MESSAGES, LINES = 3, 16


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bmtick", "collect", "--queue", "off", *arguments]


def collect(*arguments: str, status: int = 0, stdin: bytes = b"", **options) -> tuple[list, str]:
    """Run the collector; with ``options``, which are those of a start, as a process of its own."""
    if options:
        done = subprocess.run(
            command(*arguments), input=stdin, capture_output=True, cwd=ROOT, check=False, **options
        )
    else:
        done = program.run("collect", "--queue", "off", *arguments, stdin=stdin)
    said = done.stderr.decode()
    assert "Traceback" not in said
    assert done.returncode == status, said
    return list(parse_lines(done.stdout.decode().splitlines())), said


def total(points, field: str) -> int:
    return sum(
        p.fields.get(field, 0) for p in points if p.name != "postfix_sender" or field == "messages"
    )


@pytest.mark.parametrize("kind", ["whole", "follow"])
def test_a_line_without_end_is_one_line_and_nothing_in_it_is_another(kind, tmp_path):
    """What stands behind the first megabyte may look like a line of its own."""
    forged = LOG.split(b"\n")[0].ljust(1 << 18, b"x")
    long = b"x" * (1 << 20) + b"".join(forged for _ in range(4)) * 20 + b"\n"
    log = tmp_path / "mail.log"
    log.write_bytes(LOG + long + LOG.replace(b"2023", b"2024"))
    how = ["--from-start", *(["--no-state"] if kind == "whole" else ["--state", f"{tmp_path}/s"])]
    points, _ = collect("--log", str(log), *how)
    collector = [p for p in points if p.name == "bmtick_collector"]
    assert sum(p.fields["lines"] for p in collector) == 2 * LINES + 1
    assert sum(p.fields["bytes"] for p in collector) == log.stat().st_size
    assert sum(p.fields["unparsed"] for p in collector) == 1
    assert total(points, "messages") == 2 * MESSAGES


def test_a_line_without_end_over_several_runs(tmp_path):
    log, state = tmp_path / "mail.log", tmp_path / "state"
    log.write_bytes(LOG)
    lines = size = 0
    for piece in (b"y" * 3_000_000, b"y" * 10, b"z\n" + LOG.replace(b"2023", b"2024")):
        with log.open("ab") as file:
            file.write(piece)
        points, _ = collect("--log", str(log), "--state", str(state))
        lines += total(points, "lines")
        size += sum(p.fields["bytes"] for p in points if p.name == "bmtick_collector")
    assert lines == 2 * LINES + 1
    assert size == log.stat().st_size


def test_lines_before_the_first_time_are_counted_with_it(tmp_path):
    log = tmp_path / "mail.log"
    log.write_bytes(b"\0\0\0\n" + LOG + b"a\0b\n")
    for how in (["--no-state", "--from-start"], ["--state", f"{tmp_path}/state"]):
        points, _ = collect("--log", str(log), *how)
        assert total(points, "messages") == MESSAGES
        assert total(points, "lines") == LINES + 2
        assert min(p.time for p in points) > 1_600_000_000 * 10**9


def test_a_log_without_any_time_is_dated_now(tmp_path):
    log = tmp_path / "mail.log"
    log.write_bytes(b"no time\n")
    (point,) = collect("--log", str(log), "--no-state", "--from-start")[0]
    assert point.fields["unparsed"] == 1
    assert point.time > 1_700_000_000 * 10**9


@pytest.mark.parametrize("how", ["pipe", "compressed pipe", "stdin", "compressed stdin"])
def test_streams_are_read_whole(how, tmp_path):
    data = gzip.compress(LOG) if "compressed" in how else LOG
    if "stdin" in how:
        points, _ = collect("--log", "-", "--from-start", "--no-state", stdin=data)
    else:
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
        name = f"/dev/fd/{reader}"
        points, _ = collect("--log", name, "--from-start", "--no-state", pass_fds=[reader])
        os.close(reader)
    assert total(points, "messages") == MESSAGES


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "mail.log")
    said = collect("--log", f"{tmp_path}/mail.log", "--state", f"{tmp_path}/s", status=2)[1]
    assert "--from-start --no-state --log -" in said


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cut.gz", gzip.compress(os.urandom(100_000))[:50_000]),
        ("bad.gz", b"\x1f\x8bgarbage"),
        ("bad.xz", b"\xfd7zXZ\0garbage"),
        ("bad.zst", b"\x28\xb5\x2f\xfdgarbage"),
        ("bad.bz2", b"BZhgarbage"),
    ],
)
def test_a_damaged_archive_is_refused(name, data, tmp_path):
    (tmp_path / name).write_bytes(data)
    said = collect("--log", f"{tmp_path}/{name}", "--from-start", "--no-state", status=2)[1]
    assert name in said
    assert "cat " in said, "the remedy"


def test_zstd_without_its_library(tmp_path):
    (tmp_path / "mail.log.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    (tmp_path / "zstandard.py").write_text("raise ImportError")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    arguments = ("--log", f"{tmp_path}/mail.log.zst", "--from-start", "--no-state")
    said = collect(*arguments, status=2, env=environment)[1]
    assert "zstandard is not installed" in said
    assert "zstd -d" in said


def test_a_rotated_log_that_is_still_being_packed_is_read_when_it_is_whole(tmp_path):
    log, state = tmp_path / "mail.log", tmp_path / "state"
    noise = b"".join(
        b"2023-11-24T07:00:00+00:00 mx postfix/smtpd[1]: connect from %s\n"
        % os.urandom(9).hex().encode()
        for _ in range(5000)
    )
    log.write_bytes(noise)
    arguments = ("--log", str(log), "--state", str(state))
    collect(*arguments)
    packed = gzip.compress(noise + LOG)
    (tmp_path / "mail.log.1.gz").write_bytes(packed[: len(packed) // 2])
    log.unlink()
    log.write_bytes(b"2024-02-01T00:00:00+00:00 mx postfix/smtpd[1]: connect\n")
    points, said = collect(*arguments)
    assert "tried again" in said
    assert total(points, "messages") == 0
    (tmp_path / "mail.log.1.gz").write_bytes(packed)
    points, said = collect(*arguments)
    assert (total(points, "messages"), said) == (MESSAGES, "")


def test_a_log_that_may_not_be_read(tmp_path):
    log = tmp_path / "mail.log"
    log.write_bytes(LOG)
    log.chmod(0)
    if os.access(log, os.R_OK):
        pytest.skip("needs a user who is not root")
    said = collect("--log", str(log), "--state", f"{tmp_path}/s", status=2)[1]
    assert "adm" in said

"""The queue: spools as folders, postqueue as its own output, and what must never be a silent zero."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bmtick.collect import queue
from bmtick.errors import BmtickError
from tests.support import program

DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
ROOT = Path(__file__).parents[2]


def long_id(arrival: float, inode: int = 400_000) -> str:
    def digits(value: int, width: int, base: int) -> str:
        out = ""
        while value or len(out) < width:
            value, digit = divmod(value, base)
            out = DIGITS[digit] + out
        return out

    seconds, micros = int(arrival), int(arrival % 1 * 1e6)
    return f"{digits(seconds, 6, 52)}{digits(micros, 4, 52)}z{digits(inode, 3, 51)}"


@pytest.fixture
def spool(tmp_path) -> Path:
    for name in ("active", "bounce", "deferred", "defer", "hold", "incoming", "maildrop"):
        (tmp_path / "spool" / name).mkdir(parents=True)
    return tmp_path / "spool"


def put(
    spool: Path, name: str, size: int, *, mtime: float | None = None, text: bytes = b""
) -> None:
    path = spool / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.ljust(size, b"x"))
    if mtime:
        os.utime(path, (mtime, mtime))


def rows(spool: Path, now: float, warnings: list | None = None) -> dict:
    warn = warnings.append if warnings is not None else pytest.fail
    return {tags[0]: list(fields) for _, tags, fields, _ in queue.rows(str(spool), now, warn)}


def test_an_empty_queue_is_a_zero_that_was_seen(spool):
    found = rows(spool, 1000)
    assert sorted(found) == ["active", "deferred", "hold", "incoming", "maildrop"]
    assert all(fields == [0, 0, 0.0] for fields in found.values())


def test_hashed_folders_sizes_and_true_age(spool):
    now = 1_700_000_000
    for number in range(40):
        name = long_id(now - 100 - number, 400_000 + number)
        # The next attempt, in the future: Telegraf's age would be that of the last one.
        put(spool, f"deferred/{name[-1]}/{name[-2]}/{name}", 10 + number, mtime=now + 900)
    put(spool, f"hold/{long_id(now - 5.5)}", 7)
    found = rows(spool, now)
    assert found["deferred"] == [40, sum(range(10, 50)), pytest.approx(139, abs=0.01)]
    assert found["hold"] == [1, 7, 5.5]


def test_short_ids_tell_their_arrival_by_the_record_in_the_file(spool):
    now = 1_700_000_000
    size = b"C\x0f" + b"            233"[:15]
    record = size + b"T\x11" + b"1699999400 123456"
    put(spool, "deferred/A/A1B2C3D4E5", 300, text=record, mtime=now + 900)
    assert rows(spool, now)["deferred"] == [1, 300, pytest.approx(599.876544)]
    put(spool, "active/A1B2C3D4E6", 5, mtime=now - 30)
    assert rows(spool, now)["active"][:2] == [1, 5]
    put(spool, "deferred/B/A1B2C3D4E7", 5, mtime=now + 900)
    assert rows(spool, now)["deferred"][2] == pytest.approx(599.876544), "unknown is not invented"


def test_without_any_known_arrival_there_is_no_age(spool):
    put(spool, "deferred/A/A1B2C3D4E5", 300)
    assert rows(spool, 1000)["deferred"] == [1, 300]


def test_a_folder_that_cannot_be_read_is_no_zero(spool):
    (spool / "hold").rmdir()
    warnings: list = []
    assert "hold" not in rows(spool, 1000, warnings)
    assert "hold" in warnings[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_spool_without_rights_says_so(spool):
    put(spool, f"deferred/A/{long_id(1000)}", 5)
    (spool / "deferred").chmod(stat.S_IRWXU)
    for folder in (spool, *spool.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    code = (
        "import os, sys; os.setgid(65534); os.setuid(65534);"
        "from bmtick.collect import queue;"
        f"print([r[1] for r in queue.rows({str(spool)!r}, 1.0, lambda t: print(t, file=sys.stderr))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if "No module named" in done.stderr or "Permission denied: '/root" in done.stderr:
        pytest.skip("nobody may not read this installation")
    assert "('deferred',)" not in done.stdout
    assert "cannot see the queue deferred" in done.stderr


def test_postqueue_knows_what_the_walk_may_not_see(tmp_path):
    listed = tmp_path / "postqueue"
    entry = {
        "queue_name": "deferred",
        "queue_id": "A1B2C3D4E5",
        "arrival_time": 900,
        "message_size": 77,
        "forced_expire": False,
        "sender": "a@example.org",
        "recipients": [{"address": "b@example.net", "delay_reason": "later"}],
    }
    listed.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(entry)}\nEND\n")
    listed.chmod(0o755)
    from bmtick.collect.postqueue import entries

    (found,) = entries([str(listed)])
    assert found.recipients[0].delay_reason == "later"
    sums = queue._sum_up([found])
    assert list(sums["deferred"].row("deferred", 1000)[2]) == [1, 77, 100.0]
    assert list(sums["active"].row("active", 1000)[2]) == [0, 0, 0.0]


@pytest.mark.parametrize(
    "number", ["9" * 25, "9" * 5000, "-1", "1.5", "NaN", "1e999", '"5e3"', "null", "true", "[]"]
)
def test_an_absurd_number_hides_no_message(number):
    from bmtick.collect.postqueue import entries_of

    entry = (
        '{"queue_name": "deferred", "queue_id": "A1", "arrival_time": %s, "message_size": %s, '
        '"sender": "a@x", "recipients": []}\n'
    )
    found = list(entries_of((entry % (number, number) + entry % (900, 77)).encode()))
    assert [(e.arrival_time, e.size) for e in found] == [(0, 0), (900, 77)]
    row = queue._sum_up(found)["deferred"].row("deferred", 1000)
    assert list(row[2]) == [2, 77, 100.0], "what is not known has no age"


@pytest.mark.parametrize("script", ["exit 69", "echo 'no JSON'", None])
def test_a_postqueue_that_fails_is_an_error(tmp_path, script):
    from bmtick.collect.postqueue import entries

    program = tmp_path / "postqueue"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    with pytest.raises(BmtickError):
        list(entries([str(program)]))


def test_telegrafs_own_plugin_is_noticed(tmp_path):
    folder = tmp_path / "telegraf.d"
    folder.mkdir()
    (folder / "a.conf").write_text("# [[inputs.postfix]]\n[[inputs.cpu]]\n")
    assert queue.telegraf_watches([str(folder)]) == ""
    (folder / "b.conf").write_text("  [[inputs.postfix]]\n  queue_directory = '/x'\n")
    assert queue.telegraf_watches([str(folder)]) == str(folder / "b.conf")


def test_the_command_writes_telegrafs_schema(spool, tmp_path):
    arrival = time.time() - 60
    put(spool, f"deferred/A/{long_id(arrival)}", 1234)
    done = program.run_text(
        "collect", "--log", "/dev/null", "--state", str(tmp_path / "state"), "--queue", "on",
        "--spool", str(spool),
    )  # fmt: skip
    line = next(row for row in done.stdout.splitlines() if "queue=deferred" in row)
    head, fields, _ = line.split(" ")
    assert head == "postfix_queue,queue=deferred"
    assert fields.startswith("length=1i,size=1234i,age=6")

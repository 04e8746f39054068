"""Real journal files without journald: systemd-journal-remote writes them from the export format.

Source: systemd, "Journal Export Formats".
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

_REMOTE = ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
_LINE = re.compile(rb"(?:.{15}|[^ ]+) ([^ ]+) ([^ ]+)\[(\d+)\]: (.*)")
BOOT = "b" * 32


def entry(micros: int, message: bytes, program: bytes = b"postfix/smtpd", **fields: bytes) -> bytes:
    """Return one entry in the export format; time in microseconds since the epoch."""
    everything = {
        "__REALTIME_TIMESTAMP": b"%d" % micros,
        "__MONOTONIC_TIMESTAMP": b"%d" % (micros % 10**12),
        "_BOOT_ID": BOOT.encode(),
        "_HOSTNAME": b"mx",
        "SYSLOG_FACILITY": b"2",
        "SYSLOG_IDENTIFIER": program,
        "SYSLOG_PID": b"77",
        "MESSAGE": message,
        **fields,
    }
    return b"".join(_field(name, value) for name, value in everything.items()) + b"\n"


def _field(name: str, value: bytes) -> bytes:
    if all(byte >= 32 or byte == 9 for byte in value):
        return name.encode() + b"=" + value + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"


def entries_of(log: bytes, start: int) -> list[bytes]:
    """Return the lines of a log that a syslog daemon wrote as entries, one a second from start."""
    found = (_LINE.fullmatch(line) for line in log.split(b"\n"))
    return [
        entry((start + n) * 1_000_000, m[4], m[2], _HOSTNAME=m[1], SYSLOG_PID=m[3])
        for n, m in enumerate(match for match in found if match)
    ]


def write_journal(path: Path, entries: Iterable[bytes]) -> Path:
    """Write a journal file, or skip the test where nothing here does that."""
    remote = next((name for name in _REMOTE if Path(name).exists()), None)
    if remote is None or shutil.which("journalctl") is None:
        pytest.skip("no systemd-journal-remote or journalctl on this machine")
    done = subprocess.run(
        [remote, "--split-mode=none", "-o", str(path), "-"],
        input=b"".join(entries),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return path

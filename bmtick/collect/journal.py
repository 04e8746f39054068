"""systemd's journal as a log: read by ``journalctl -o json``, which keeps the place by a cursor."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence

from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

_FIRST = 200_000  # lines that are read where there is no state
_COMMAND = (
    "journalctl",
    "--output=json",
    "--no-pager",
    "--quiet",
    "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_HOSTNAME",
    "SYSLOG_FACILITY=2",  # mail
)
_BLOCK = 1 << 18  # bytes of lines handed on at once


class Journal:
    """Follows the journal; the same face as ``Follower``.

    Args:
        warn: takes one line for the administrator.
        command: journalctl with its options.
    """

    def __init__(self, warn: Callable[[str], None], command: Sequence[str] = _COMMAND) -> None:
        self.warn = warn
        self.command = list(command)
        self.cursor = ""
        self.uncertain = 0
        self.written = 0.0  # its times are whole
        self._first = [f"--lines={_FIRST}"]

    def to_json(self) -> dict[str, Any]:
        """Return what the state keeps."""
        return {"cursor": self.cursor}

    def restore(self, kept: dict[str, Any]) -> None:
        """Take what ``to_json`` gave."""
        self.cursor = kept["cursor"]

    def begin(self, newest: int | None, now: float) -> None:
        """Begin without a state: with the newest lines, or with all."""
        del now
        if newest is None:
            self._first = []

    def new_blocks(self, now: float, limit: int) -> Iterator[bytes]:
        """Yield what is new as lines of a log with ISO times."""
        del now
        import json

        place = [f"--after-cursor={self.cursor}"] if self.cursor else self._first
        try:
            process = subprocess.Popen(
                [*self.command, *place],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise BmtickError(
                f"cannot run journalctl: {error.strerror}", remedy="name a file with --log"
            ) from None
        with process:
            lines: list[bytes] = []
            size = 0
            cursor = self.cursor
            assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 -- both are pipes
            for raw in process.stdout:
                try:
                    entry = json.loads(raw)
                    lines.append(line_of(entry))
                    cursor = entry["__CURSOR"]
                except (ValueError, KeyError, TypeError):
                    self.warn("journalctl wrote a line that is no entry: passed over")
                    continue
                size += len(lines[-1])
                if size >= _BLOCK:
                    yield b"\n" + b"\n".join(lines)
                    self.cursor, limit, size, lines = cursor, limit - size, 0, []
                    if limit <= 0:
                        process.kill()
                        break
            said = process.stderr.read().decode("utf-8", "replace").strip()
        if lines:
            yield b"\n" + b"\n".join(lines)
        self.cursor = cursor
        if process.returncode > 0:
            self.warn(f"journalctl failed: {said or process.returncode}")


def line_of(entry: dict[str, Any]) -> bytes:
    """Return a journal entry as a line of a log file, in UTC."""
    message = entry.get("MESSAGE") or ""
    # journalctl gives a message that is no UTF-8 as a list of bytes.
    raw = bytes(message) if isinstance(message, list) else str(message).encode()
    micros = int(entry["__REALTIME_TIMESTAMP"])
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 1_000_000))
    head = "{}.{:06d}+00:00 {} {}[{}]: ".format(
        when,
        micros % 1_000_000,
        entry.get("_HOSTNAME", "localhost"),
        entry.get("SYSLOG_IDENTIFIER", "unknown"),
        entry.get("SYSLOG_PID", entry.get("_PID", "0")),
    )
    return head.encode() + raw.replace(b"\n", b"#012")

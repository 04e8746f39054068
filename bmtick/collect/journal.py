"""systemd's journal as a log: read by ``journalctl -o json``, which keeps the place by a cursor.

Source: systemd's "Journal Export Formats" and journalctl(1); measured on systemd 252. Where the
entry of the cursor was vacuumed away, ``--after-cursor`` passes over the first entry that is left,
so it is ``--cursor`` here, and the entry that was read already is told by its own cursor. Without
``--all`` a message of over 4096 bytes is ``null``.
"""

from __future__ import annotations

import os
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
    "--all",
    "--no-pager",
    "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_HOSTNAME,_SOURCE_REALTIME_TIMESTAMP",
)
# Facility mail, as a mail.log has it; and Postfix itself where its syslog_facility is another one.
_MATCHES = (
    "SYSLOG_FACILITY=2",
    "+",
    "_SYSTEMD_UNIT=postfix@-.service",
    "+",
    "_SYSTEMD_UNIT=postfix.service",
)
_BLOCK = 1 << 18  # bytes of lines handed on at once
_EARLIEST = 1_000_000 * 86_400 * 365  # microseconds: an earlier clock was never set


class Journal:
    """Follows the journal; the same face as ``LogTailer``.

    Args:
        path: ``journal``, or ``journal:PATH`` for a folder or a file of journal files.
        warn: takes one line for the administrator.
        command: journalctl with its options.
    """

    def __init__(
        self, path: str, warn: Callable[[str], None], command: Sequence[str] = _COMMAND
    ) -> None:
        self.path = path
        self.warn = warn
        self.command = [*command, *_where(path.partition(":")[2])]
        self.cursor = ""
        self.uncertain = 0
        self.written = 0.0  # its times are whole
        self.missing = 0
        self.more = False
        self.passed = 0
        self._first: int | None = _FIRST  # lines

    def to_json(self) -> dict[str, Any]:
        """Return what the state keeps."""
        return {"cursor": self.cursor}

    def restore(self, kept: dict[str, Any]) -> None:
        """Take what ``to_json`` gave."""
        self.cursor = kept["cursor"]

    def begin(self, newest: int | None, now: float) -> None:
        """Begin without a state: with the newest lines (0: none of them), or with all (None)."""
        del now
        self._first = _FIRST if newest else newest
        if newest == 0:
            for raw in self._entries(["--lines=1"]):
                self.cursor = _cursor(_entry(raw)) or self.cursor

    def new_blocks(self, now: float, limit: int) -> Iterator[bytes]:
        """Yield what is new as lines of a log with ISO times, up to about so many bytes.

        Raises:
            BmtickError: journalctl is not there, or cannot read the journal.
        """
        del now
        self.more = False
        before = self.cursor
        first = [] if self._first is None else [f"--lines={self._first}"]
        lines: list[bytes] = []
        size = 0
        cursor = before
        sought = bool(before)
        for raw in self._entries([f"--cursor={before}"] if before else first):
            entry = _entry(raw)
            if not (place := _cursor(entry)):
                self._skipped(raw)
                continue
            if sought:  # the first entry is the one that was read last, if it is still there
                sought = False
                if _same(place, before):
                    continue
                self._lost()
            cursor = place
            lines.append(line_of(entry))
            size += len(lines[-1])
            if size >= _BLOCK:
                yield b"\n" + b"\n".join(lines)
                self.cursor, limit, size, lines = cursor, limit - size, 0, []
                if limit <= 0:
                    self.more = True
                    return
        if lines:
            yield b"\n" + b"\n".join(lines)
        self.cursor = cursor
        if not cursor:
            self.warn(
                f"the {self.path} has no line of Postfix yet: see journalctl SYSLOG_FACILITY=2"
            )

    def _entries(self, place: Sequence[str]) -> Iterator[bytes]:
        """Yield what journalctl prints, line by line; it is killed when no more are wanted."""
        said = os.memfd_create("stderr")  # a pipe that nobody reads would stop it
        try:
            try:
                process = subprocess.Popen(
                    [*self.command, *place, *_MATCHES],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=said,
                )
            except OSError as error:
                raise BmtickError(
                    f"cannot run journalctl: {error.strerror}",
                    remedy="install systemd, or name the file that Postfix logs to with --log",
                ) from None
            with process:
                assert process.stdout is not None  # noqa: S101 -- it is a pipe
                try:
                    yield from process.stdout
                except GeneratorExit:  # enough for this run
                    process.kill()
                    raise
            text = os.pread(said, 4096, 0).decode("utf-8", "replace").strip()
        finally:
            os.close(said)
        self._judge(process.returncode, text)

    def _judge(self, status: int, said: str) -> None:
        if status > 0:
            remedy = "run the same journalctl as that user"
            if "ermission" in said:
                remedy = "usermod -a -G systemd-journal telegraf && systemctl restart telegraf"
            elif "cursor" in said:
                remedy = "remove the state file: the journal is then read from its newest lines"
            raise BmtickError(f"journalctl failed: {said or status}", remedy=remedy)
        for line in said.splitlines():
            self.warn(f"journalctl: {line}")

    def _lost(self) -> None:
        self.uncertain += 1
        self.warn(
            "the journal was vacuumed past what was read last: what was logged between that and "
            "its oldest entry is lost"
        )

    def _skipped(self, raw: bytes) -> None:
        if not raw.startswith(b"-- "):  # "-- No entries --"
            self.warn("journalctl wrote a line that is no entry: passed over")
            self.uncertain += 1


def _where(place: str) -> list[str]:
    """Return the options that name journal files other than this machine's."""
    if not place:
        return []
    return [f"--directory={place}" if os.path.isdir(place) else f"--file={place}"]


def _entry(raw: bytes) -> dict[str, Any]:
    import json

    try:
        entry = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _cursor(entry: dict[str, Any]) -> str:
    cursor = entry.get("__CURSOR")
    return cursor if isinstance(cursor, str) else ""


def _same(cursor: str, other: str) -> bool:
    """Whether two cursors name one entry: by file and number, or by time and content."""
    mine, theirs = (
        dict(part.partition("=")[::2] for part in c.split(";")) for c in (cursor, other)
    )
    return any(
        all(key in mine and mine[key] == theirs.get(key) for key in keys) for keys in ("si", "btx")
    )


def line_of(entry: dict[str, Any]) -> bytes:
    """Return a journal entry as a line of a log file, in UTC."""
    micros = _micros(entry)
    head = "{}.{:06d}+00:00 ".format(
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 1_000_000)), micros % 1_000_000
    )
    pid = entry.get("SYSLOG_PID") or entry.get("_PID") or "0"
    program = _word(entry.get("SYSLOG_IDENTIFIER") or "unknown")
    host = _word(entry.get("_HOSTNAME") or "localhost")
    line = b"%s %s[%s]: %s" % (host, program, _word(pid), _bytes(entry.get("MESSAGE")))
    return head.encode() + line.replace(b"\n", b"#012")


def _micros(entry: dict[str, Any]) -> int:
    """Return when the program said it, as mail.log has it; else when journald heard it."""
    for key in ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"):
        value = entry.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 18:
            micros = int(value)
            if micros > _EARLIEST:
                return micros
    return 0


def _bytes(value: Any) -> bytes:
    """Return a field: a text, a list of bytes where it is no UTF-8, a list of values if several."""
    if isinstance(value, list) and value:
        if isinstance(value[0], int):
            return bytes(v & 255 for v in value if isinstance(v, int))
        value = value[0]
    return str(value).encode("utf-8", "surrogatepass") if value else b""


def _word(value: Any) -> bytes:
    """Return what stands in a line's head, where a space would end it."""
    return _bytes(value).replace(b" ", b"_")

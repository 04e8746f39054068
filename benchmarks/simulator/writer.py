"""Writes lines in order of time, in either timestamp form, with rotation by day."""

from __future__ import annotations

import gzip
import shutil
from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_BUCKET = 60  # seconds of lines that are sorted together


class LogWriter:
    """Takes lines in any order that is not older than ``flush``'s time, and writes them sorted.

    Args:
        path: the newest file; older ones become ``path.1``, ``path.2.gz`` and so on.
        iso: ISO 8601 timestamps instead of the traditional ones.
        host: the host name of each line.
        utc_offset: seconds that local time is ahead of UTC.
        rotate: start a new file at each midnight.
    """

    def __init__(self, path: Path, *, iso: bool, host: str, utc_offset: int, rotate: bool) -> None:
        self.path, self.iso, self.host, self.rotate = path, iso, host, rotate
        self.zone = timezone(timedelta(seconds=utc_offset))
        self.buckets: dict[int, list[tuple[float, str]]] = defaultdict(list)
        self.lines = self.pending = 0
        self.files: list[Path] = []
        self.out: BinaryIO | None = None
        self.day = ""
        self.first = self.last = 0.0

    def add(self, lines: list[tuple[float, str]]) -> None:
        """Take lines; those of equal time keep their order."""
        for line in lines:
            self.buckets[int(line[0]) // _BUCKET].append(line)
        self.pending += len(lines)

    def flush(self, before: float) -> None:
        """Write all lines older than ``before``, a whole minute."""
        limit = int(before) // _BUCKET
        for bucket in sorted(b for b in self.buckets if b < limit):
            lines = self.buckets.pop(bucket)
            lines.sort(key=itemgetter(0))
            self._write(lines)

    def finish(self) -> None:
        """Write what is left."""
        self.flush((max(self.buckets) + 1) * _BUCKET if self.buckets else 0)

    def _write(self, lines: list[tuple[float, str]]) -> None:
        second, stamp, out = -1, "", []
        for time, text in lines:
            if self.iso or int(time) != second:
                second = int(time)
                stamp = self._stamp(time)
            out.append(f"{stamp} {self.host} {text}\n")
        data = "".join(out).encode("utf-8", "surrogateescape")
        self._file(lines[0][0]).write(data)
        self.first = self.first or lines[0][0]
        self.last = lines[-1][0]
        self.lines += len(lines)
        self.pending -= len(lines)

    def _stamp(self, time: float) -> str:
        local = datetime.fromtimestamp(time, UTC).astimezone(self.zone)
        if self.iso:
            return local.isoformat(timespec="microseconds")
        return f"{local:%b} {local.day:2d} {local:%H:%M:%S}"

    def _file(self, time: float) -> BinaryIO:
        day = f"{datetime.fromtimestamp(time, UTC).astimezone(self.zone):%Y%m%d}"
        if self.out is None or (self.rotate and day != self.day):
            if self.out:
                self.out.close()
            path = self.path.with_name(f"{self.path.name}-{day}") if self.rotate else self.path
            self.files.append(path)
            self.out, self.day = path.open("wb"), day
        return self.out

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.out:
            self.out.close()
        if self.rotate:
            for age, path in enumerate(reversed(self.files)):
                _rename(path, self.path, age)


def _rename(path: Path, newest: Path, age: int) -> None:
    """Name a file as logrotate does with ``delaycompress``."""
    if age < 2:
        path.replace(newest.with_name(newest.name + (".1" if age else "")))
        return
    with path.open("rb") as plain, gzip.open(f"{newest}.{age}.gz", "wb", 1) as packed:
        shutil.copyfileobj(plain, packed)
    path.unlink()

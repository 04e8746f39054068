"""Whole log files at once: every event counted, all buckets given out at the end."""

from __future__ import annotations

import sys
import time
from copy import copy

from bmtick.collect.blocked import Blocked
from bmtick.collect.buckets import Buckets
from bmtick.collect.clock import LogClock
from bmtick.collect.counter import Counter
from bmtick.collect.dating import DAY, clock_of
from bmtick.collect.emit import Emitter, Row
from bmtick.collect.files import is_damage, open_log
from bmtick.collect.known import KnownClients
from bmtick.collect.logfile import LogFile, whole_lines
from bmtick.collect.options import Options
from bmtick.collect.scan import Scanner
from bmtick.collect.sources import is_journal
from bmtick.errors import BmtickError, printable
from bmtick.names import FIELDS, TAGS

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from bmtick.points import Point

_SLICE = 300  # seconds by which one of several logs may be read ahead of the others
_TRIM = 256  # pieces between two looks at messages that nothing more was heard of


def rows_of_logs(
    paths: Iterable[str], options: Options, stdin: BinaryIO | None = None
) -> Iterator[Row]:
    """Yield all rows of some logs; as ``intervals_of_logs``."""
    for rows in intervals_of_logs(paths, options, stdin):
        yield from rows


def intervals_of_logs(
    paths: Iterable[str],
    options: Options,
    stdin: BinaryIO | None = None,
    warn: Callable[[str], None] = lambda _: None,
    *,
    counter: Counter | None = None,
    scan: Callable[[Counter, Buckets, LogClock], Scanner] = Scanner,
    progress: Callable[[str, int], None] = lambda _path, _size: None,
) -> Iterator[list[Row]]:
    """Yield the rows of each interval of some logs.

    Logs of the same days, as of several hosts, are read side by side: an account's hour is of all.

    Args:
        paths: log files, plain or compressed (.gz, .xz, .zst); ``-`` is stdin.
        options: how to count.
        stdin: where ``-`` reads.
        warn: takes one line for the administrator: the year of a log is a guess.
        counter: counts; None makes one of the options.
        scan: makes the reader of one log.
        progress: told of each log how many more bytes of it, unpacked, are read.

    Raises:
        BmtickError: a log cannot be read, or be dated.
    """
    emitter = Emitter(options.interval, options.max_series)
    counter = counter or Counter(Blocked(options.blocked), KnownClients(options.known))
    buckets = Buckets(options.interval)
    now = time.time() if options.now is None else options.now
    sources = []
    for path in paths:
        place = LogFile(path)
        scanner = scan(counter, buckets, LogClock(now))
        source = _Source(path, scanner, place, _pieces_of(path, stdin or sys.stdin.buffer, place))
        if source.piece is not None:
            scanner.clock = clock_of(source.piece, path, now, options.year, warn)
            source.look()
        sources.append(source)
    number = 0
    while waiting := [source for source in sources if source.piece is not None]:
        source = min(waiting, key=lambda s: s.begins)
        others = [s.begins for s in waiting if s is not source]
        piece = source.take(min(others) + _SLICE if others else None)
        source.scanner.feed(piece)
        progress(source.path, len(piece))
        _refuse_future(source.scanner.clock, source.path, now)
        source.look()
        number += 1
        if number % _TRIM == 0:
            counter.trim(buckets.newest or int(now))
        for start, bucket in buckets.close_oldest():
            yield emitter.rows(start, bucket, 0.0)
    for source in sources:
        if source.place.passed:
            buckets.at(None).bytes += source.place.passed
    buckets.settle(now)
    for start, bucket in buckets.close():
        yield emitter.rows(start, bucket, 0.0)


class _Source:
    """One log: its reader, what of it is read next, and the time at which that begins."""

    def __init__(
        self, path: str, scanner: Scanner, place: LogFile, pieces: Iterator[bytes]
    ) -> None:
        self.path, self.scanner, self.place = path, scanner, place
        self._pieces = pieces
        self.piece = next(pieces, None)
        self.begins = -1

    def look(self) -> None:
        """See when the next piece begins; one without a time is due at once."""
        if self.piece is not None:
            found = self._time(self.piece, 0)
            self.begins = -1 if found is None else found

    def take(self, until: int | None) -> bytes:
        """Return what of the next piece is not after ``until``, at least some of it."""
        piece = self.piece or b""
        cut = len(piece)
        if until is not None:
            last = self._time(piece, piece.rfind(b"\n"))
            if last is not None and last > until:
                cut = self._place(piece, until) or cut
        self.piece = piece[cut:] or next(self._pieces, None)
        return piece[:cut]

    def _place(self, piece: bytes, until: int) -> int:
        """Return where the lines after that time begin; 0: not found."""
        low, high = 0, len(piece)
        while (middle := piece.find(b"\n", (low + high) // 2, high)) > low:
            found = self._time(piece, middle)
            if found is None or found > until:
                high = middle
            else:
                low = middle
        return 0 if high == len(piece) else high

    def _time(self, piece: bytes, at: int) -> int | None:
        """Return the time of the line that begins with the newline at a place."""
        end = piece.find(b"\n", at + 1)
        line = piece[at + 1 : end if end >= 0 else len(piece)]
        return copy(self.scanner.clock).read(line)


def _pieces_of(path: str, stdin: BinaryIO, place: LogFile) -> Iterator[bytes]:
    """Yield one log in blocks of whole lines.

    Raises:
        BmtickError: it cannot be read, or is compressed and damaged.
    """
    if is_journal(path):
        from bmtick.collect.journal import Journal

        journal = Journal(path, _warn)
        journal.begin(None, 0.0)
        yield from journal.new_blocks(0.0, sys.maxsize)
        return
    with open_log(path, stdin) as log:
        try:
            yield from pieces(log, place)
        except Exception as error:
            if not is_damage(error):
                raise
            import shlex

            raise BmtickError(
                f"cannot read the log '{path}' to its end: {error}",
                remedy="what can be unpacked is counted by: "
                f"{_unpacker(path)} {shlex.quote(path)} | bmtick collect --from-start --no-state --log -",
            ) from None


def _unpacker(path: str) -> str:
    for ending, program in ((".xz", "xzcat"), (".zst", "zstdcat"), (".bz2", "bzcat")):
        if path.endswith(ending):
            return program
    return "zcat"


def _warn(text: str) -> None:
    sys.stderr.write(f"bmtick: {printable(text)}\n")


def _refuse_future(clock: LogClock, path: str, now: float) -> None:
    """Refuse a stream without years that turned out to begin a year earlier than was thought."""
    if clock.guessed and clock.last is not None and clock.last > now + DAY:
        raise BmtickError(
            f"'{path}' bears no years, and would reach into the future",
            remedy="give the --year of its first line",
        )


def pieces(log: BinaryIO, place: LogFile) -> Iterator[bytes]:
    """Yield a file in blocks of whole lines, each with a newline before it and none after it."""
    yield from whole_lines(log, place, sys.maxsize)
    if place.tail:
        yield b"\n" + place.tail


def points_of_logs(paths: Iterable[str], *, options: Options | None = None) -> Iterator[Point]:
    """Yield the points of ``bmtick collect --from-start --no-state`` on these logs."""
    from bmtick.points import Point

    for name, tags, fields, at in rows_of_logs(paths, options or Options()):
        yield Point(
            name,
            dict(zip(TAGS[name], tags, strict=True)),
            dict(zip(FIELDS[name], fields, strict=False)),
            at,
        )

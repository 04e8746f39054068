"""The collector between two runs: reads what is new, gives out what is closed, keeps the rest."""

from __future__ import annotations

import os
from binascii import crc32

from bmtick.collect.blocked import Blocked
from bmtick.collect.bucket import Bucket
from bmtick.collect.buckets import Buckets
from bmtick.collect.clock import LogClock
from bmtick.collect.counter import Counter
from bmtick.collect.emit import Emitter, Row
from bmtick.collect.known import KnownClients
from bmtick.collect.logfile import KEEP
from bmtick.collect.memory import Memory, Record
from bmtick.collect.options import Options
from bmtick.collect.scan import Scanner
from bmtick.collect.sources import followed, is_glob, is_journal, is_named
from bmtick.collect.tail import LogTailer
from bmtick.errors import BmtickError
from bmtick.names import COLLECTOR

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from bmtick.collect.journal import Journal
    from bmtick.collect.records import RecordStore

GRACE = 1.0  # seconds after its end that a bucket waits for lines that are under way
STEP = 64 << 20  # bytes read before points are printed and the state is written
PACED_STEP = 1 << 16  # the same where points are counted out: each line may make some
FIRST = 64 << 20  # bytes of the log that are read where there is no state
DAY = 86400
_LONG_AGO = 150 * DAY
_DELAY = 300  # seconds that a line may lie in syslog before it is written
_ODD = (KeyError, TypeError, ValueError, AttributeError, OverflowError)  # of a state
_PREVIOUS = 4096  # bytes of the last line that are kept, in case it is repeated


class Source:
    """One log: where its lines come from, and how they are read."""

    def __init__(self, follower: LogTailer | Journal, scanner: Scanner) -> None:
        self.follower = follower
        self.scanner = scanner


class Session:
    """Counts several logs into one set of points.

    Args:
        names: the logs: paths, globs, ``journal``.
        options: how to count.
        warn: takes one line for the administrator.
        number: tells this collector from others that read the same log.
        store: holds what is remembered between two runs; None: the state does.
    """

    def __init__(
        self,
        names: list[str],
        options: Options,
        warn: Callable[[str], None],
        number: int = 0,
        store: RecordStore | None = None,
    ) -> None:
        self.names = names
        self._store = store
        self._changes: tuple[int, list[list[Any]]] = (0, [])  # of the last dump
        self.number = number
        self.options = options
        self.warn = warn
        self.counter = Counter(Blocked(options.blocked), KnownClients(options.known))
        self.buckets = Buckets(options.interval)
        self.emitter = Emitter(options.interval, options.max_series, Memory(store))
        self.sources = {path: self._source(path) for path in followed(names)}
        self.uncertain = 0  # events that may have lost or doubled lines, not yet reported

    def _source(self, path: str) -> Source:
        follower: LogTailer | Journal
        if is_journal(path):
            from bmtick.collect.journal import Journal  # imports subprocess

            follower = Journal(path, self.warn)
        else:
            follower = LogTailer(path, self.warn)
        return Source(follower, Scanner(self.counter, self.buckets, LogClock(0.0)))

    def mark(self) -> list[Any]:
        """Return what changes whenever something was read: equal marks need no new state."""
        return [source.follower.to_json() for source in self.sources.values()]

    def begin(self, newest: int | None, now: float) -> None:
        """Begin without a state, each log with its newest so many bytes; None: all."""
        failed: list[BmtickError] = []
        if self._store is not None:
            # What was counted of the log in a state that is gone is counted again.
            self.emitter.memory.epoch = int(now)
            self._changes = (self._store.number(), [])
        for source in self.sources.values():
            try:
                source.follower.begin(newest, now)
            except BmtickError as error:
                failed.append(error)
        self._judge(failed)

    def run(self, now: float, *, ended: bool = False) -> tuple[list[Row], bool]:
        """Read what is new; return the points of closed buckets, and whether more is waiting.

        Args:
            now: seconds since the epoch.
            ended: nothing more comes to the logs, so silence lasts until now.
        """
        rows, more = self._read(now, STEP)
        self.counter.trim(self.buckets.newest or int(now))
        if not more:
            horizon = self._horizon(now)
            for start, bucket in self.buckets.close(horizon):
                rows.extend(self._rows(start, bucket, now))
            rows += self.emitter.silent(int(horizon - (0 if ended else self.lag(now))))
        return rows, more

    def run_paced(self, now: float, most: int) -> list[Row]:
        """Read on and return about so many points at most; the next runs go on from there."""
        rows: list[Row] = []
        more = True
        horizon = self._horizon(now)
        while more and len(rows) + self.buckets.waiting(horizon) < most:
            found, more = self._read(now, PACED_STEP)
            rows += found
            horizon = min([self._horizon(now), *self._unread_from()])
        self.counter.trim(self.buckets.newest or int(now))
        for start, bucket in self.buckets.close(horizon):
            rows.extend(self._rows(start, bucket, now))
            if len(rows) >= most:
                break
        else:
            rows += self.emitter.silent(int(horizon - self.lag(now)))
        return rows

    def _unread_from(self) -> list[float]:
        """Return from when each log that was not read to its end has lines to come."""
        sources = self.sources.values()
        return [(s.scanner.clock.last or 0) - GRACE for s in sources if s.follower.more]

    def _read(self, now: float, step: int) -> tuple[list[Row], bool]:
        """Read about so many bytes; return what had to be given out, and whether more is waiting."""
        self.buckets.limit = int(now) + DAY
        self._look(now)
        rows: list[Row] = []
        left = step
        failed: list[BmtickError] = []
        for source in self.sources.values():
            try:
                for block in self._new_blocks(source, now, left):
                    source.scanner.feed(block)
                    left -= len(block)
                    for start, bucket in self.buckets.close_oldest():
                        rows.extend(self._rows(start, bucket, now))
            except BmtickError as error:
                failed.append(error)
            self._take_notes(source.follower)
        self._judge(failed)
        self.buckets.settle(now)
        return rows, any(source.follower.more for source in self.sources.values())

    def _take_notes(self, follower: LogTailer | Journal) -> None:
        """Take what a source has to say beside its lines."""
        self.uncertain += follower.uncertain
        if follower.passed:
            self.buckets.at(None).bytes += follower.passed
        follower.uncertain = follower.passed = 0

    @staticmethod
    def _new_blocks(source: Source, now: float, left: int) -> Iterator[bytes]:
        clock = source.scanner.clock
        clock.now = min(now, source.follower.written or now)
        if clock.last is not None and now - clock.last > _LONG_AGO:
            written = min(now, _written(source.follower.path) or now)
            if written - clock.last > _LONG_AGO:
                # not the nearest year, but the latest that can be
                clock.last, clock.now = None, written
        return source.follower.new_blocks(now, left)

    def _look(self, now: float) -> None:
        """Take up logs that globs match by now; forget those that went away for good."""
        if not any(map(is_glob, self.names)):
            return
        paths = followed(self.names, self.sources)
        for path, source in list(self.sources.items()):
            gone = source.follower.missing
            if path not in paths or (gone and path not in self.names and now - gone >= KEEP):
                del self.sources[path]
        for path in paths:
            if path not in self.sources and os.path.exists(path):
                self.sources[path] = self._source(path)
        if not self.sources:
            self.warn(f"no log matches {' '.join(self.names)}: waiting for one")

    def _judge(self, failed: list[BmtickError]) -> None:
        """Go on with the logs that can be read, where there are any.

        Raises:
            BmtickError: no log can be read.
        """
        if failed and len(failed) == len(self.sources):
            raise failed[0]
        for error in failed:
            self.warn(str(error))

    def flush(self, now: float) -> list[Row]:
        """Give out all buckets, closed or not: nothing is kept."""
        return [r for start, b in self.buckets.close() for r in self._rows(start, b, now)]

    def _rows(self, start: int, bucket: Bucket, now: float) -> list[Row]:
        rows = self.emitter.rows(start, bucket, now - start - self.options.interval)
        name, tags, fields, time = rows[-1]
        rows[-1] = name, tags, [*fields, self.number, self._log_number()], time
        return rows

    def _log_number(self) -> int:
        """Return what tells the log from others, whatever path leads to it; 0: there is none."""
        for path, source in self.sources.items():
            files = getattr(source.follower, "files", None)
            inode = files[-1].inode if files else path if files is None else ""
            if inode:
                return crc32(str(inode).encode())
        return 0

    def _horizon(self, now: float) -> float:
        """Return the time before which buckets are closed; a log's clock may be ahead of ours."""
        return max(now, min(self.buckets.newest or 0, now + DAY)) - GRACE

    def lag(self, now: float) -> float:
        """Return the seconds by which the logs' last lines are older than their files.

        0 where lines are written when they say. An old log that is written again, line after line,
        has a time of its own: by ours, an hour without mail would follow each of its lines.
        """
        newest = self.buckets.newest
        if not newest:
            return 0.0
        lag = min(
            (
                # A source forgets the time of a line that is too old to tell a year by. When a
                # journal was written is not known.
                min(now, source.follower.written) - (source.scanner.clock.last or newest)
                for source in self.sources.values()
            ),
            default=0.0,
        )
        return lag if lag > _DELAY else 0.0

    def heartbeat(self, now: float) -> Row:
        """Return the point that says the collector runs, for a run that closed no bucket."""
        newest = self.buckets.newest
        lag = round(max(0.0, now - newest), 3) if newest else 0.0
        fields: list[int | float] = [0, 0, 0, lag, 0, self.number, self._log_number()]
        if self.uncertain:
            fields.append(self.uncertain)
            self.uncertain = 0
        return COLLECTOR, (), fields, int(now * 1000) * 1_000_000

    def dump(self) -> dict[str, Any]:
        """Return all that the next run needs, as JSON-able data."""
        return {
            "interval": self.options.interval,
            "sources": {
                path: {
                    **source.follower.to_json(),
                    "last": source.scanner.clock.last,
                    "previous": source.scanner.previous[-_PREVIOUS:].decode("latin-1"),
                }
                for path, source in self.sources.items()
            },
            "counter": self.counter.dump(),
            "memory": self._dumped_memory(),
            "newest": self.buckets.newest,
            "floor": self.buckets.floor,
            "given": list(self.buckets.given),
            "buckets": {start: b.dump() for start, b in self.buckets.open.items()},
        }

    def _dumped_memory(self) -> dict[str, Any]:
        memory = self.emitter.memory
        if self._store is None:
            return memory.dump()
        self._changes = (self._changes[0] + 1, memory.changes())
        return {**memory.dump(), "number": self._changes[0], "changes": self._changes[1]}

    def committed(self) -> None:
        """Let the store take what the last dump said: the state that holds it is safe."""
        if self._store is not None:
            self._store.apply(*self._changes)
            self.emitter.memory.changed.clear()

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()

    def restore(self, kept: dict[str, Any]) -> None:
        """Take what ``dump`` gave, or that of an older version; a log that is new since then is read from its beginning.

        Raises:
            ValueError: it is something else; nothing may be counted with this session then.
        """
        try:
            self._take(kept)
        except _ODD:
            try:
                self._take_places(kept)
            except _ODD:
                raise ValueError("it is whole, but not a state of bmtick collect") from None

    def _take_places(self, kept: dict[str, Any]) -> None:
        """Take of a state of an earlier version where in the logs it was, and what was given out.

        So nothing counts twice; what was being counted when the program was replaced, the last
        seconds, is lost.
        """
        self.__init__(self.names, self.options, self.warn, self.number)  # type: ignore[misc]
        self._take_time(kept)
        if not kept["sources"]:
            raise ValueError("no place in a log")
        self._take_sources(kept)
        self.warn(
            "the state is of an earlier version: the logs are read on from where it was, and who "
            "sent how much before is counted again"
        )

    def _take(self, kept: dict[str, Any]) -> None:
        if "tally" in kept:
            from bmtick.collect.migrate import migrated

            kept = migrated(kept, self.counter.known)
        self.counter.restore(kept["counter"])
        self._take_memory(kept["memory"])
        self._take_time(kept)
        for start, bucket in kept["buckets"].items():
            self.buckets.take(int(start), Bucket.restored(bucket))
        self._take_sources(kept)

    def _take_time(self, kept: dict[str, Any]) -> None:
        self.buckets.newest = kept["newest"]
        self.buckets.floor = kept["floor"]
        if kept["interval"] == self.options.interval:
            self.buckets.given = dict.fromkeys(kept["given"])
        elif kept["given"]:
            self.buckets.floor = _multiple(
                max(kept["given"]) + kept["interval"], self.options.interval
            )

    def _take_sources(self, kept: dict[str, Any]) -> None:
        for path, source in kept["sources"].items():
            mine = self.sources.get(path)
            if mine is None and is_named(path, self.names):
                mine = self.sources[path] = self._source(path)
            if mine is not None:
                mine.follower.restore(source)
                mine.scanner.clock.last = source["last"]
                mine.scanner.previous = source["previous"].encode("latin-1")

    def _take_memory(self, kept: dict[str, Any]) -> None:
        memory = self.emitter.memory
        memory.restore(kept)
        number, changes = int(kept.get("number", 0)), kept.get("changes", [])
        if self._store is None:
            for entity, text, *_ in changes:  # of a state that has a store elsewhere
                memory.records[entity] = Record.restored(text, memory.epoch)
            return
        there = self._store.number()
        if there > number:  # an older state than the store's: what it counts is there already
            memory.epoch += 1
        elif there < number:
            self._store.apply(number, changes)
        self._changes = (max(there, number), [])
        memory.changed.update(memory.records)  # those of a state without a store


def _written(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _multiple(time: int, interval: int) -> int:
    return -(-time // interval) * interval

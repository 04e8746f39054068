"""The queue's length over time, reconstructed from a log.

A message is in ``incoming`` until the queue manager takes it, also while it is on hold; then in
``active``; and in ``deferred`` from its first failed attempt. Messages that were queued before the
log begins are counted from their next attempt.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from bmtick.collect.batch import intervals_of_logs
from bmtick.collect.blocked import Blocked
from bmtick.collect.bucket import Origin
from bmtick.collect.buckets import Buckets
from bmtick.collect.clock import LogClock
from bmtick.collect.counter import Counter
from bmtick.collect.emit import Row
from bmtick.collect.known import KnownClients
from bmtick.collect.options import Options
from bmtick.collect.scan import Scanner
from bmtick.names import QUEUE

_ARRIVED = re.compile(rb"/cleanup\[[0-9]+\]: ([0-9A-Za-z]+:) message-id=")
_DEFERRED = (b"deferred", b"SOFTBOUNCE")
_SECOND = 1_000_000_000
_LONGEST_GAP = 7 * 86_400  # seconds; after a longer gap, part of the log is missing


class Arrivals:
    """Distinguishes messages from SMTP sessions that ended without one.

    ``smtpd`` logs ``client=`` at the first recipient. A client that only verifies an address leaves
    then; for a real message, ``cleanup`` logs the message-id.
    """

    def __init__(self) -> None:
        self._ids: set[bytes] = set()

    def read(self, block: bytes, waiting: dict[bytes, Origin]) -> None:
        """Process the next block; ``waiting`` is the state before it."""
        self._ids.intersection_update(key.rpartition(b"/")[2] for key in waiting)
        self._ids.update(_ARRIVED.findall(block))

    def count(self, waiting: dict[bytes, Origin]) -> int:
        """Return how many of the waiting entries are messages."""
        ids = self._ids
        others = [key for key in waiting if b"/" in key]  # of other hosts than the first
        return len(waiting.keys() & ids) + sum(key.rpartition(b"/")[2] in ids for key in others)


def rows_with_queue(paths: Iterable[str], options: Options) -> Iterator[Row]:
    """Yield the rows of some logs, and rows of ``postfix_queue`` with the queue's lengths.

    A length is that at the end of each interval, as if it had been measured then. There is one for
    each interval, also while the log is silent.

    Raises:
        BmtickError: a log cannot be read, or its times are unknown.
    """
    counter = _Counter(Blocked(options.blocked), KnownClients(options.known))
    queue_length = _QueueLength(counter, options.interval)

    def scan(_: Counter, buckets: Buckets, clock: LogClock) -> Scanner:
        return _Reader(counter, buckets, clock, queue_length)

    for rows in intervals_of_logs(paths, options, counter=counter, scan=scan):
        yield from queue_length.take()
        yield from rows
    queue_length.advance(None)
    yield from queue_length.take()


class _Counter(Counter):
    """Also records which messages were deferred."""

    max_open = 1_000_000  # a queue may be this long

    def __init__(self, blocked: Blocked, known: KnownClients) -> None:
        super().__init__(blocked, known)
        self.deferred: set[bytes] = set()

    def attempt(  # noqa: PLR0913, PLR0917 -- all values of one line
        self,
        queue_id: bytes,
        recipient: bytes,
        orig_to: bytes,
        daemon: bytes,
        relay: bytes,
        status: bytes,
        dsn: bytes,
        reply: bytes,
        times: int = 1,
    ) -> None:
        """Count a delivery attempt for one recipient; see ``Counter.attempt``."""
        super().attempt(queue_id, recipient, orig_to, daemon, relay, status, dsn, reply, times)
        if status in _DEFERRED:
            self.deferred.add(queue_id)


class _QueueLength:
    """Rows of the queue's length, one for each interval."""

    def __init__(self, counter: _Counter, interval: int) -> None:
        self.counter, self.interval = counter, interval
        self.arrivals = Arrivals()
        self._next: int | None = None  # the end of the current interval
        self._rows: deque[Row] = deque()

    def advance(self, time: int | None) -> None:
        """Emit rows up to the time of the next line; None: the end."""
        step = self.interval
        if self._next is None:
            if time is not None:
                self._next = time - time % step + step
            return
        time = self._next if time is None else time
        if time < self._next:
            return
        if time - self._next > _LONGEST_GAP:
            self._next = time - time % step
        counted, deferred = self.counter.counted, self.counter.deferred
        deferred.intersection_update(counted)
        lengths = (
            ("active", len(counted) - len(deferred)),
            ("deferred", len(deferred)),
            ("incoming", self.arrivals.count(self.counter.waiting)),
        )
        while self._next <= time:
            for queue, length in lengths:
                self._rows.append((QUEUE, (queue,), [length], self._next * _SECOND))
            self._next += step

    def take(self) -> Iterator[Row]:
        """Yield the rows that are complete."""
        while self._rows:
            yield self._rows.popleft()


class _Reader(Scanner):
    def __init__(
        self, counter: Counter, buckets: Buckets, clock: LogClock, queue_length: _QueueLength
    ) -> None:
        super().__init__(counter, buckets, clock)
        self._queue_length = queue_length

    def feed(self, block: bytes) -> None:
        self._queue_length.arrivals.read(block, self.counter.waiting)
        super().feed(block)

    def enter(self, head: bytes | None) -> bool:
        known = super().enter(head)
        if self.clock.last is not None:
            self._queue_length.advance(self.clock.last)
        return known

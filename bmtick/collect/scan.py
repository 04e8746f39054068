"""From the bytes of a log to counted facts, in the order of the log."""

from __future__ import annotations

import re

from bmtick.collect import patterns as p
from bmtick.collect.buckets import Buckets
from bmtick.collect.clock import LogClock
from bmtick.collect.tally import Tally

_HEAD = re.compile(p.HEAD)
_REPEATED = re.compile(p.REPEATED)
_LAST_REPEATED = re.compile(p.LAST_REPEATED)
_CLIENT = re.compile(p.CLIENT, re.DOTALL)
_AUTH_FAILURE = re.compile(p.AUTH_FAILURE, re.DOTALL)
_ACTIVE = re.compile(p.ACTIVE, re.DOTALL)
_EXPIRED = re.compile(p.EXPIRED, re.DOTALL)
_REMOVED = re.compile(p.REMOVED)
_PICKUP = re.compile(p.PICKUP, re.DOTALL)
_DELIVERY = re.compile(p.DELIVERY, re.DOTALL)


class Scanner:
    """Reads one source, piece by piece, into the buckets that all sources share."""

    def __init__(self, tally: Tally, buckets: Buckets, clock: LogClock) -> None:
        self.tally = tally
        self.buckets = buckets
        self.clock = clock
        self.previous = b""  # the line before, which "last message repeated" repeats

    def feed(self, piece: bytes) -> None:
        """Count whole lines."""
        for line in piece.split(b"\n"):
            self._line(line)

    def _line(self, line: bytes) -> None:
        time = self.clock.read(line)
        if time is None:
            bucket = self.buckets.at(self.clock.last)
            bucket.unparsed += 1
        else:
            bucket = self.buckets.at(time)
        bucket.lines += 1
        bucket.bytes += len(line) + 1
        if time is None:
            return
        self.tally.bucket = bucket
        repeated = _LAST_REPEATED.search(line)
        if repeated is not None and b"]: " not in line:
            self._message(self.previous, int(repeated["repeated"]))
            return
        self.previous = line
        self._message(line, 1)

    def _message(self, line: bytes, times: int) -> None:  # noqa: C901 -- one branch a fact
        head = _HEAD.match(line)
        if head is None:
            return
        daemon, message = head["daemon"], line[head.end() :]
        if repeated := _REPEATED.match(message):
            times = int(repeated["repeated"])
            message = message[repeated.end() :].removesuffix(b"]")
        tally = self.tally
        if daemon == b"smtpd":
            if m := _CLIENT.match(message):
                if m["queue_id"] != b"NOQUEUE":
                    tally.client(m["queue_id"], message[m.end("queue_id") + 9 :])
            elif m := _AUTH_FAILURE.match(message):
                tally.failure(m["address"], m["username"], times)
            return
        if daemon.endswith(b"qmgr"):
            if m := _ACTIVE.match(message):
                tally.active(m["queue_id"], int(m["size"]), int(m["nrcpt"]))
                return
            if m := _EXPIRED.match(message):
                tally.delivery(m["queue_id"], b"expired", b"", b"", times)
                return
        if m := _REMOVED.match(message):
            tally.removed(m["queue_id"])
        elif m := _DELIVERY.match(message):
            tally.delivery(m["queue_id"], m["status"], m["dsn"], m["text"] or b"", times)
        elif daemon == b"pickup" and (m := _PICKUP.match(message)):
            tally.requeued(m["queue_id"], m["orig_queue_id"] or b"")

"""From a closed bucket to points: distinct addresses of the last hour, folding, formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bmtick import names as n
from bmtick.collect.known import KnownClients
from bmtick.collect.tally import Bucket
from bmtick.points import escape_key

HOUR = 3600

Row = tuple[str, list[tuple[str, str]], list[tuple[str, int | float]], int]
"""Measurement, tags in the order of their names, fields, nanoseconds."""


_Series = tuple[str, list[tuple[str, str]], list[tuple[str, int | float]]]


class Addresses:
    """The addresses each user was seen from, with the last time, oldest first."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, int]] = {}

    def count(self, user: str, time: int, fresh: Iterable[str], interval: int) -> int:
        """Take the addresses of the interval that begins at time; return how many the hour had."""
        seen = self.seen.setdefault(user, {})
        for client in sorted(fresh):
            seen.pop(client, None)
            seen[client] = time
        _forget(seen, time + interval - HOUR)
        count = len(seen)
        if not seen:
            del self.seen[user]
        return count

    def expire(self, time: int) -> None:
        """Forget what was last seen before time."""
        for user in list(self.seen):
            _forget(self.seen[user], time)
            if not self.seen[user]:
                del self.seen[user]


def _forget(seen: dict[str, int], before: int) -> None:
    while seen:
        oldest = next(iter(seen))
        if seen[oldest] >= before:
            return
        del seen[oldest]


class Emitter:
    """Turns buckets into rows.

    Args:
        interval: seconds.
        max_series: per measurement and interval; the smallest beyond go into ``_other``.
        known: clients that may relay without SASL.
    """

    def __init__(self, interval: int, max_series: int, known: KnownClients) -> None:
        self.interval = interval
        self.max_series = max_series
        self.known = known
        self.addresses = Addresses()

    def rows(self, start: int, bucket: Bucket, lag: float) -> Iterator[Row]:
        """Yield the points of the interval that begins at start (seconds since the epoch)."""
        time = start * 1_000_000_000
        folded = 0
        for make in (self._senders, self._clients, self._auth):
            series, few = make(start, bucket)
            folded += few
            for row in series:
                yield (*row, time)
        for status in n.STATUSES:
            if status in bucket.delivery:
                count, blocked = bucket.delivery[status]
                yield (
                    n.DELIVERY,
                    [("status", status)],
                    [("count", count), ("blocked", blocked)],
                    time,
                )
        fields: list[tuple[str, int | float]] = [
            ("lines", bucket.lines),
            ("bytes", bucket.bytes),
            ("unparsed", bucket.unparsed),
            ("lag", lag),
            ("folded", folded),
        ]
        yield n.COLLECTOR, [], fields, time

    def _senders(self, start: int, bucket: Bucket) -> tuple[list[_Series], int]:
        sums: dict[tuple[str, ...], list[int]] = {}
        for user in sorted(bucket.senders):
            messages, recipients, size, refused = bucket.senders[user]
            clients = self.addresses.count(
                user, start, bucket.addresses.get(user, ()), self.interval
            )
            sums[(user,)] = [messages, recipients, size, clients, refused]
        kept, folded = fold(sums, self.max_series, lambda v: (v[1], v[0], v[4], v[2]))
        return _series(n.SENDER, ("user",), n.FIELDS[n.SENDER], kept), folded

    def _clients(self, start: int, bucket: Bucket) -> tuple[list[_Series], int]:
        del start
        sums: dict[tuple[str, ...], list[int]] = {
            (client, "true" if client in self.known else "false"): values
            for client, values in bucket.clients.items()
        }
        kept, folded = fold(sums, self.max_series, lambda v: (v[1], v[0], v[2]))
        return _series(n.CLIENT, ("client", "known"), n.FIELDS[n.CLIENT], kept), folded

    def _auth(self, start: int, bucket: Bucket) -> tuple[list[_Series], int]:
        del start
        sums: dict[tuple[str, ...], list[int]] = {
            (client,): [failures, len(bucket.names.get(client, ()))]
            for client, failures in bucket.auth.items()
        }
        kept, folded = fold(sums, self.max_series, tuple)
        return _series(n.AUTH, ("client",), n.FIELDS[n.AUTH], kept), folded


def fold(
    sums: dict[tuple[str, ...], list[int]],
    most: int,
    weight: Callable[[list[int]], tuple[int, ...]],
) -> tuple[dict[tuple[str, ...], list[int]], int]:
    """Keep the largest series, add up the others under ``_other``; return how many were folded.

    The tags after the first are kept, so that what a known client sends never looks unknown.
    """
    if len(sums) <= most:
        return sums, 0
    order = sorted(sums, key=lambda key: ([-w for w in weight(sums[key])], key))
    kept = {key: sums[key] for key in order[:most]}
    for key in order[most:]:
        other = (n.OTHER, *key[1:])
        before = kept.get(other)
        kept[other] = (
            [a + b for a, b in zip(before, sums[key], strict=True)] if before else sums[key]
        )
    return kept, len(order) - most


def _series(
    name: str,
    tags: tuple[str, ...],
    fields: Iterable[str],
    sums: dict[tuple[str, ...], list[int]],
) -> list[_Series]:
    return [
        (name, list(zip(tags, key, strict=True)), list(zip(fields, sums[key], strict=True)))
        for key in sorted(sums)
    ]


def to_influx(row: Row) -> str:
    """Return a row in line protocol, with its newline."""
    name, tags, fields, time = row
    head = "".join(f",{key}={escape_key(value)}" for key, value in tags if value)
    body = ",".join(f"{k}={v}" if isinstance(v, float) else f"{k}={v}i" for k, v in fields)
    return f"{name}{head} {body} {time}\n"


def to_json(row: Row) -> str:
    """Return a row as one JSON object on a line; ``time`` in nanoseconds."""
    import json  # noqa: PLC0415 -- Telegraf does not ask for it

    name, tags, fields, time = row
    point = {"measurement": name, "tags": dict(tags), "fields": dict(fields), "time": time}
    return json.dumps(point, ensure_ascii=False) + "\n"

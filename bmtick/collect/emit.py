"""From a closed bucket to points: distinct addresses of the last hour, folding, formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bmtick import names as n
from bmtick.collect.known import KnownClients
from bmtick.collect.tally import Bucket
from bmtick.escaping import escape_key

HOUR = 3600
_MAX_ESCAPED = 20_000  # escaped tag values that are remembered

Number = int | float
Row = tuple[str, tuple[str, ...], list[Number], int]
"""Measurement, values of its tags and of its fields (as in ``names.py``), nanoseconds."""

_Sums = dict[tuple[str, ...], list[int]]


class Addresses:
    """The addresses each user was seen from, with the last time, oldest first."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, int]] = {}

    def count(self, user: str, time: int, fresh: set[str], interval: int) -> int:
        """Take the addresses of the interval that begins at time; return how many the hour had."""
        seen = self.seen.get(user)
        if seen is None:
            if not fresh:
                return 0
            seen = self.seen[user] = {}
        for client in sorted(fresh) if len(fresh) > 1 else fresh:
            seen.pop(client, None)
            seen[client] = time
        _forget(seen, time + interval - HOUR)
        return len(seen)

    def expire(self, before: int) -> None:
        """Forget what was last seen before that time."""
        for user in list(self.seen):
            _forget(self.seen[user], before)
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
        self._expired = 0

    def rows(self, start: int, bucket: Bucket, lag: float) -> Iterator[Row]:
        """Yield the points of the interval that begins at start (seconds since the epoch)."""
        time = start * 1_000_000_000
        folded = 0
        for name, sums, weight in (
            (n.SENDER, self._senders(start, bucket), _by_recipients),
            (n.CLIENT, self._clients(bucket), _by_recipients),
            (n.AUTH, _auth(bucket), tuple),
        ):
            kept = sums
            if len(sums) > self.max_series:
                folded += len(sums) - self.max_series
                kept = fold(sums, self.max_series, weight)
            for key in sorted(kept) if len(kept) > 1 else kept:
                yield name, key, kept[key], time  # type: ignore[misc]
        for status in n.STATUSES:
            if status in bucket.delivery:
                yield n.DELIVERY, (status,), bucket.delivery[status], time  # type: ignore[misc]
        yield (
            n.COLLECTOR,
            (),
            [bucket.lines, bucket.bytes, bucket.unparsed, round(lag, 3), folded],
            time,
        )
        if start - self._expired >= HOUR // 4:
            self.addresses.expire(start + self.interval - HOUR)
            self._expired = start

    def _senders(self, start: int, bucket: Bucket) -> _Sums:
        sums: _Sums = {}
        senders, addresses, count = bucket.senders, bucket.addresses, self.addresses.count
        for user in senders:
            messages, recipients, size, refused = senders[user]
            clients = count(user, start, addresses.get(user, _NONE), self.interval)
            sums[(user,)] = [messages, recipients, size, clients, refused]
        return sums

    def _clients(self, bucket: Bucket) -> _Sums:
        known = self.known
        return {
            (client, "true" if client in known else "false"): values
            for client, values in bucket.clients.items()
        }


_NONE: set[str] = set()


def _auth(bucket: Bucket) -> _Sums:
    names = bucket.names
    return {
        (client,): [failures, len(names.get(client, _NONE))]
        for client, failures in bucket.auth.items()
    }


def _by_recipients(values: list[int]) -> tuple[int, ...]:
    return values[1], values[0], values[-1], values[2]


def fold(sums: _Sums, most: int, weight: Callable[[list[int]], tuple[int, ...]]) -> _Sums:
    """Keep the largest series and add up the others under ``_other``.

    The tags after the first are kept, so that what a known client sends never looks unknown.
    """
    order = sorted(sums, key=lambda key: ([-w for w in weight(sums[key])], key))
    kept = {key: sums[key] for key in order[:most]}
    for key in order[most:]:
        other = (n.OTHER, *key[1:])
        sum_ = kept.get(other)
        kept[other] = [a + b for a, b in zip(sum_, sums[key], strict=True)] if sum_ else sums[key]
    return kept


def _template(name: str, count: int) -> str:
    tags = "".join(f",{tag}=%s" for tag in n.TAGS[name])
    kinds = list(n.FIELDS[name].items())[:count]
    fields = ",".join(f"{key}=%s" if kind == "float" else f"{key}=%di" for key, kind in kinds)
    return f"{name}{tags} {fields} %d\n"


# The last field of some measurements is only there where it says something.
_TEMPLATES = {
    (name, count): _template(name, count)
    for name, fields in n.FIELDS.items()
    for count in (len(fields) - 1, len(fields))
}
_escaped: dict[str, str] = {}


def to_influx(row: Row) -> str:
    """Return a row in line protocol, with its newline."""
    name, tags, fields, time = row
    template = _TEMPLATES[name, len(fields)]
    if not tags:
        return template % (*fields, time)
    return template % (*[_escape(tag) for tag in tags], *fields, time)


def _escape(value: str) -> str:
    escaped = _escaped.get(value)
    if escaped is None:
        if len(_escaped) >= _MAX_ESCAPED:
            _escaped.clear()
        escaped = _escaped[value] = escape_key(value)
    return escaped


def to_json(row: Row) -> str:
    """Return a row as one JSON object on a line; ``time`` in nanoseconds."""
    import json

    name, tags, fields, time = row
    point = {
        "measurement": name,
        "tags": dict(zip(n.TAGS[name], tags, strict=True)),
        "fields": dict(zip(n.FIELDS[name], fields, strict=False)),
        "time": time,
    }
    return json.dumps(point, ensure_ascii=False) + "\n"

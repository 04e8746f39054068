"""From a closed bucket to points: distinct addresses of the last hour, folding, formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bmtick import names as n
from bmtick.collect.known import KnownClients
from bmtick.collect.tally import Bucket
from bmtick.escaping import escape_key

HOUR = 3600
_MAX_HEADS = 20_000  # beginnings of lines that are remembered

Number = int | float
Row = tuple[str, tuple[str, ...], Sequence[Number], int]
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
            if client in seen:
                del seen[client]
            seen[client] = time
        for last in seen.values():  # the first is the oldest
            if last < time + interval - HOUR:
                _forget(seen, time + interval - HOUR)
            break
        return len(seen)

    def expire(self, before: int) -> None:
        """Forget what was last seen before that time."""
        for user in list(self.seen):
            seen = self.seen[user]
            for last in seen.values():  # the first is the oldest
                if last < before:
                    _forget(seen, before)
                break
            if not seen:
                del self.seen[user]


def _forget(seen: dict[str, int], before: int) -> None:
    for client in [client for client, last in seen.items() if last < before]:
        del seen[client]


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

    def rows(self, start: int, bucket: Bucket, lag: float) -> list[Row]:
        """Return the points of the interval that begins at start (seconds since the epoch)."""
        time = start * 1_000_000_000
        rows: list[Row] = []
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
            rows += [(name, key, kept[key], time) for key in sorted(kept)]
        for status in n.STATUSES:
            if status in bucket.delivery:
                rows.append((n.DELIVERY, (status,), bucket.delivery[status], time))
        fields = [bucket.lines, bucket.bytes, bucket.unparsed, round(lag, 3), folded]
        rows.append((n.COLLECTOR, (), fields, time))
        if start - self._expired >= HOUR // 4:
            self.addresses.expire(start + self.interval - HOUR)
            self._expired = start
        return rows

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
    kinds = list(n.FIELDS[name].items())[:count]
    fields = ",".join(f"{key}=%s" if kind == "float" else f"{key}=%di" for key, kind in kinds)
    return f"{fields} %d\n"


# The last field of some measurements is only there where it says something.
_TEMPLATES = {
    (name, count): _template(name, count)
    for name, fields in n.FIELDS.items()
    for count in (len(fields) - 1, len(fields))
}
_heads: dict[tuple[str, tuple[str, ...]], str] = {}


def to_influx(row: Row) -> str:
    """Return a row in line protocol, with its newline."""
    name, tags, fields, time = row
    head = _heads.get((name, tags)) or _head(name, tags)
    return head + _TEMPLATES[name, len(fields)] % (*fields, time)


def _head(name: str, tags: tuple[str, ...]) -> str:
    if len(_heads) >= _MAX_HEADS:
        _heads.clear()
    pairs = zip(n.TAGS[name], tags, strict=True)
    head = name + "".join(f",{key}={escape_key(value)}" for key, value in pairs) + " "
    _heads[name, tags] = head
    return head


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

"""From a closed bucket to points: distinct addresses of the last hour, folding, formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bmtick import names as n
from bmtick.collect.bucket import Bucket, Origin
from bmtick.collect.compiled import lines
from bmtick.collect.known import KnownClients
from bmtick.escaping import escape_key

HOUR = 3600
MAX_ADDRESSES = 20_000  # per user
_MAX_HEADS = 20_000  # beginnings of lines that are remembered

Number = int | float
Row = tuple[str, tuple[str, ...], Sequence[Number], int]
"""Measurement, values of its tags and of its fields (as in ``names.py``), nanoseconds."""


class Addresses:
    """The addresses each user was seen from, with the last time, oldest first."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, int]] = {}

    def see(self, origins: Iterable[Origin], time: int, after: int) -> dict[str, int]:
        """Take where the messages of the interval that begins at time came from.

        Returns:
            from how many addresses each of their users was seen since ``after``.
        """
        all_seen = self.seen
        counts = {}
        for origin in origins:
            seen = all_seen.get(origin.user)
            if seen is None:
                seen = all_seen[origin.user] = {}
            elif origin.client in seen:
                if len(seen) == 1:
                    seen[origin.client] = time
                    counts[origin.user] = 1
                    continue
                del seen[origin.client]  # the newest are last
            elif len(seen) >= MAX_ADDRESSES:
                _forget(seen, after)
                if len(seen) >= MAX_ADDRESSES:
                    continue
            seen[origin.client] = time
            for last in seen.values():  # the first is the oldest
                if last < after:
                    _forget(seen, after)
                break
            counts[origin.user] = len(seen)
        return counts

    def count(self, user: str, after: int) -> int:
        """Return from how many addresses a user was seen since a time."""
        seen = self.seen.get(user, {})
        _forget(seen, after)
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
        for found, weight in (
            (self._senders(start, bucket, time), _by_recipients),
            (self._clients(bucket, time), _by_recipients),
            (_auth(bucket, time), tuple),
        ):
            kept = found
            if len(found) > self.max_series:
                folded += len(found) - self.max_series
                kept = fold(found, self.max_series, weight)
            rows += kept
        for status in n.STATUSES:
            if status in bucket.delivery:
                rows.append((n.DELIVERY, (status,), bucket.delivery[status], time))
        fields = [bucket.lines, bucket.bytes, bucket.unparsed, round(lag, 3), folded]
        rows.append((n.COLLECTOR, (), fields, time))
        if start - self._expired >= 2 * HOUR:
            self.addresses.expire(start + self.interval - HOUR)
            self._expired = start
        return rows

    def _senders(self, start: int, bucket: Bucket, time: int) -> list[Row]:
        after = start + self.interval - HOUR
        clients = self.addresses.see(bucket.origins, start, after)
        for user in bucket.senders.keys() - clients.keys():  # only refusals came for them
            clients[user] = self.addresses.count(user, after)
        return [
            (n.SENDER, (user,), [messages, recipients, size, clients[user], refused], time)
            for user, (messages, recipients, size, refused) in sorted(bucket.senders.items())
        ]

    def _clients(self, bucket: Bucket, time: int) -> list[Row]:
        known = self.known
        return [
            (n.CLIENT, (client, "true" if client in known else "false"), sums, time)
            for client, sums in sorted(bucket.clients.items())
        ]


_NONE: set[str] = set()


def _auth(bucket: Bucket, time: int) -> list[Row]:
    names = bucket.names
    return [
        (n.AUTH, (client,), [failures, len(names.get(client, _NONE))], time)
        for client, failures in sorted(bucket.auth.items())
    ]


def _by_recipients(values: Sequence[Number]) -> tuple[Number, ...]:
    return values[1], values[0], values[-1], values[2]


_Weight = Callable[[Sequence[Number]], tuple[Number, ...]]


def fold(rows: list[Row], most: int, weight: _Weight) -> list[Row]:
    """Keep the largest series of an interval and add up the others under ``_other``.

    The tags after the first are kept, so that what a known client sends never looks unknown.
    """
    order = sorted(rows, key=lambda row: ([-w for w in weight(row[2])], row[1]))
    kept = {row[1]: row for row in order[:most]}
    for name, key, values, time in order[most:]:
        other = (n.OTHER, *key[1:])
        sums = kept[other][2] if other in kept else [0] * len(values)
        kept[other] = (name, other, [a + b for a, b in zip(sums, values, strict=True)], time)
    return [kept[key] for key in sorted(kept)]


def _template(name: str, count: int) -> bytes:
    kinds = list(n.FIELDS[name].items())[:count]
    fields = ",".join(f"{key}=%a" if kind == "float" else f"{key}=%di" for key, kind in kinds)
    return f"{fields} %d\n".encode()


_SHORT = {n.SENDER: (5,), n.CLIENT: (3,), n.AUTH: (2,), n.COLLECTOR: (5,)}
# The last fields of some measurements are only there where they say something.
_TEMPLATES = {
    (name, count): _template(name, count)
    for name, fields in n.FIELDS.items()
    for count in {len(fields), len(fields) - 1, *_SHORT.get(name, ())}
}
_heads: dict[str, dict[tuple[str, ...], bytes]] = {name: {} for name in n.FIELDS}


def to_influx(rows: list[Row]) -> bytes:
    """Return rows in line protocol, a newline behind each."""
    if lines is not None:
        return lines(rows, _head, _heads, _TEMPLATES)
    found = []
    for name, tags, fields, time in rows:
        head = _heads[name].get(tags) or _head(name, tags)
        found.append(head + _TEMPLATES[name, len(fields)] % (*fields, time))
    return b"".join(found)


def _head(name: str, tags: tuple[str, ...]) -> bytes:
    heads = _heads[name]
    if len(heads) >= _MAX_HEADS:
        heads.clear()
    pairs = zip(n.TAGS[name], tags, strict=True)
    # a tag without a value is left out: an empty one is no line protocol
    text = name + "".join(f",{key}={escape_key(value)}" for key, value in pairs if value) + " "
    head = heads[tags] = text.encode("utf-8", "replace")
    return head


def to_json(rows: list[Row]) -> bytes:
    """Return rows as JSON objects, one on a line; ``time`` in nanoseconds."""
    import json

    points = [
        {
            "measurement": name,
            "tags": {k: v for k, v in zip(n.TAGS[name], tags, strict=True) if v},
            "fields": dict(zip(n.FIELDS[name], fields, strict=False)),
            "time": time,
        }
        for name, tags, fields, time in rows
    ]
    texts = [json.dumps(point, ensure_ascii=False) + "\n" for point in points]
    return "".join(texts).encode("utf-8", "replace")

"""From a closed bucket to points: what is remembered of each entity, folding, formats."""

from __future__ import annotations

from _collections_abc import Iterable, Sequence  # collections costs 2 ms at each start
from binascii import crc32

from bmtick import names as n
from bmtick.collect import bucket as b
from bmtick.collect import compiled
from bmtick.collect.bucket import Bucket, Origin
from bmtick.collect.compiled import lines
from bmtick.collect.memory import (
    HOUR,
    MESSAGES,
    REFUSED,
    VOLUME,
    Memory,
    Record,
)
from bmtick.collect.raw import network
from bmtick.escaping import escape_key, visible_json

_FORGET = 1800  # seconds between two looks at what memory may let go
_MAX_HEADS = 20_000  # beginnings of lines that are remembered
_BROKEN_AFTER = 5  # failed logins within the hour
_BROKEN_ELSEWHERE = 5  # addresses that they came from, where no network of the user is known

Number = int | float
Row = tuple[str, tuple[str, ...], Sequence[Number], int]
"""Measurement, values of its tags and of its fields (as in ``names.py``), nanoseconds."""

_SILENT_SENDER = [0] * len(n.SENDING_GAUGES)
_SILENT_RELAY = [0] * len(n.RELAYING_GAUGES)
_CLIENT = f"{n.CLIENT}\n"
ALL = "*"  # the sender of the point that tells of a uid as a whole
_FEW_SENDERS = 3
_HOUR = b.WIDTH + n.RELAYING_GAUGES.index("hour_messages")
_SENDERS = b.WIDTH + n.RELAYING_GAUGES.index("senders")
_USUAL_SENDERS = b.WIDTH + n.RELAYING_GAUGES.index("usual_senders")
_RELAYS, _LOGINS = f"{n.SERVER}\nrelays", f"{n.SERVER}\nlogins"
# How many fields of a measurement, from the first, may be added up into _other.
_COUNTS = {n.SENDER: 10, n.AUTH: 2, n.ACCOUNT: 1, n.CORE_AUTH: 2}
_COUNTS_OF_OTHERS = 9


def _said_once(rows: list[Row]) -> list[Row]:
    """Leave the gauges of a uid's many senders to the uid, whose page would alarm as each of them.

    A sender of at least half of the uid's hour speaks for itself, too.
    """
    together = {tags[1]: fields[_HOUR] for _, tags, fields, _ in rows if tags[0] == ALL}
    found: list[Row] = []
    for name, tags, fields, time in rows:
        if tags[0] != ALL and 2 * fields[_HOUR] < together.get(tags[1], 0):
            found.append((name, tags, [*list(fields)[: b.WIDTH], *_SILENT_RELAY], time))
        else:
            found.append((name, tags, fields, time))
    return found


_LOGIN = f"{n.SENDER}\n"


class Emitter:
    """Turns buckets into rows.

    Args:
        interval: seconds.
        max_series: per measurement and interval; the smallest beyond go into ``_other``.
        memory: what is known of earlier intervals.
    """

    def __init__(self, interval: int, max_series: int, memory: Memory | None = None) -> None:
        self.interval = interval
        self.max_series = max_series
        self.memory = memory or Memory()
        is_compiled = self.memory.kind is not Record
        self._made = compiled.memory if is_compiled else None  # of the points of who sends
        self._of_guessed = _of_guessed if self._made is None else self._made.of_guessed
        self._forgot = 0

    def rows(self, start: int, bucket: Bucket, lag: float) -> list[Row]:
        """Return the points of the interval that begins at start (seconds since the epoch)."""
        time = start * 1_000_000_000
        rows = self.silent(start)
        folded = 0
        for found in (
            *self._senders(start, bucket, time),
            self._auth(start, bucket, time) if bucket.failures else [],
            self._accounts(start, bucket, time),
            _core_auth(bucket, time) if bucket.core else [],
        ):
            kept = found
            if len(found) > self.max_series:
                folded += len(found) - self.max_series
                kept = fold(found, self.max_series)
            rows += kept
        if (server := self._server(start, bucket)) is not None:
            rows.append((n.SERVER, (), server, time))
        for status in n.STATUSES:
            if status in bucket.delivery:
                rows.append((n.DELIVERY, (status,), bucket.delivery[status], time))
        fields = [bucket.lines, bucket.bytes, bucket.unparsed, round(lag, 3), folded]
        rows.append((n.COLLECTOR, (), fields, time))
        if start - self._forgot >= _FORGET:
            self.memory.forget(start // 60)
            self._forgot = start
        return rows

    def silent(self, until: int) -> list[Row]:
        """Return the points of those who fell silent: their horizons ran empty until then."""
        rows: list[Row] = []
        if not self.memory.may_be_silent(until // 60):
            return rows
        if self._made is not None and type(self.memory) is Memory:
            found: list[Row] = self._made.silent(self.memory, until // 60, self._silent)
            return found
        for minute, entity, record in self.memory.silent(until // 60):
            row = self._silent(minute, entity, record)
            if row is not None:
                rows.append(row)
        return rows

    def _silent(self, minute: int, entity: str, record: Record) -> Row | None:
        """Return the point of one who fell silent in that minute, if it is not said elsewhere."""
        name, *tags = entity.split("\n")
        fields: Sequence[Number]
        if name == n.SENDER:
            fields = record.sending_fields(self.memory, entity, minute, b.NOTHING)
        elif name == n.AUTH:
            fields = [0, 0, *_failing(record, minute)]
        elif name == n.ACCOUNT:
            fields = [0, *_attacked(record, minute)]
        elif name == n.SERVER:
            tags, fields = [], self._server_fields(minute, 0, 0)
        else:
            fields = record.relaying_fields(minute, b.NOTHING)
        if name == n.LOCAL and fields[_HOUR] and self._is_said_elsewhere(tags, fields, minute):
            return None
        return name, tuple(tags), fields, minute * 60_000_000_000

    def _is_said_elsewhere(
        self, tags: Sequence[str], fields: Sequence[Number], minute: int
    ) -> bool:
        """Whether the uid speaks for this sender, or its few senders for the uid."""
        sender, uid = tags
        if sender == ALL:
            return fields[_SENDERS] <= _FEW_SENDERS
        record = self.memory.records.get(f"{n.LOCAL}\n{ALL}\n{uid}")
        if record is None:
            return False
        together = record.relaying_fields(minute, b.NOTHING)
        return together[_SENDERS] > _FEW_SENDERS and 2 * fields[_HOUR] < together[_HOUR]

    # Who sends

    def _senders(self, start: int, bucket: Bucket, time: int) -> list[list[Row]]:
        if self.memory.store is not None:
            self.memory.load(entity for entity in bucket.entities if entity.startswith(_LOGIN))
        if self._made is None:
            found = self._entities(start, bucket, time)
        else:
            plain = type(self.memory) is Memory
            found = self._made.entities(self.memory, plain, bucket, start)
        return [_said_once(rows) if rows and rows[0][0] == n.LOCAL else rows for rows in found]

    def _entities(self, start: int, bucket: Bucket, time: int) -> list[list[Row]]:
        found: dict[str, list[Row]] = {
            n.SENDER: [], n.CLIENT: [], n.FROM: [], n.LOCAL: [], n.FORWARD: []
        }  # fmt: skip
        bucket.share()
        memory, minute = self.memory, start // 60
        addresses = _addresses(bucket.origins)
        nothing: tuple[()] = ()
        uids: dict[str, tuple[list[int], set[bytes]]] = {}
        for entity, sums in sorted(bucket.entities.items()):
            name, *tags = entity.split("\n")
            messages, recipients, _, relayed, ours, refused, blocked, unknown, slow = sums
            envelopes = bucket.envelopes.get(entity, nothing)
            if name == n.SENDER:
                record = memory.add(
                    entity,
                    start,
                    (messages, recipients, ours, refused, blocked, unknown, slow),
                    addresses=addresses.get(tags[0], nothing),
                    recipients=bucket.recipients.get(entity, nothing),
                    domains=_domains(envelopes) if envelopes else nothing,
                )
                fields = record.sending_fields(memory, entity, minute, sums)
            elif relayed or refused or slow or tags[-1] != "false" or entity in memory.records:
                record = memory.add(
                    entity,
                    start,
                    (messages, relayed, 0, refused, blocked, unknown, slow),
                    senders=[crc32(sender.lower()) for sender in envelopes],
                    domains=_domains(envelopes) if envelopes else nothing,
                )
                fields = record.relaying_fields(minute, sums)
                if name == n.FROM:
                    fields = [*fields]
                    fields[_SENDERS], fields[_USUAL_SENDERS] = memory.machine_senders(
                        entity, minute
                    )
            else:  # strangers whose mail is for us
                fields = [*sums, *_SILENT_RELAY]
            found[name].append((name, tuple(tags), fields, time))
            if name == n.LOCAL:
                total, senders = uids.setdefault(tags[1], ([0] * 7, set()))
                for place, value in enumerate(
                    (messages, relayed, ours, refused, blocked, unknown, slow)
                ):
                    total[place] += value
                senders.update(envelopes)
        for uid, (total, senders) in uids.items():
            # A hacked page writes as somebody new each time: the uid is what all have in common.
            # No counts: those are in the points of the senders.
            record = memory.add(
                f"{n.LOCAL}\n{ALL}\n{uid}",
                start,
                total,
                senders=[crc32(sender.lower()) for sender in senders],
                domains=_domains(senders) if senders else nothing,
            )
            if record.senders is not None and record.senders.count(minute) > _FEW_SENDERS:
                fields = record.relaying_fields(minute, b.NOTHING)
                found[n.LOCAL].append((n.LOCAL, (ALL, uid), fields, time))
        return list(found.values())

    # Who fails to log in

    def _auth(self, start: int, bucket: Bucket, time: int) -> list[Row]:
        rows: list[Row] = []
        for client, names in sorted(bucket.failures.items()):
            count = sum(names.values())
            record = self.memory.add(
                f"{n.AUTH}\n{client}",
                start,
                (count, 0, 0, 0, 0, 0, 0),
                senders=[crc32(name.encode()) for name in names if name],
            )
            users = len(names) - ("" in names)
            rows.append((n.AUTH, (client,), [count, users, *_failing(record, start // 60)], time))
        return rows

    def _accounts(self, start: int, bucket: Bucket, time: int) -> list[Row]:
        memory, minute = self.memory, start // 60
        if not bucket.failures and not bucket.core and not memory.guessed:
            return []
        tried = _tried(bucket) if bucket.failures or bucket.core else {}
        found: dict[str, tuple[int, Record]] = {}
        for name, clients in tried.items():
            count = sum(clients.values())
            record = memory.add(
                f"{n.ACCOUNT}\n{name}",
                start,
                (count, 0, 0, 0, 0, 0, 0),
                recipients=[crc32(client.encode()) for client in clients],
            )
            memory.guess(name, minute)
            found[name] = count, record
        for origin in self._of_guessed(bucket.origins, memory.guessed, minute - HOUR):
            record = memory.record(f"{n.ACCOUNT}\n{origin.user}")
            if self._is_break_in(origin, record, minute):
                memory.touch(f"{n.ACCOUNT}\n{origin.user}", record, minute)
                record.broken_in = minute + HOUR
                found.setdefault(origin.user, (0, record))
        return [
            (n.ACCOUNT, (name,), [count, *_attacked(record, minute)], time)
            for name, (count, record) in sorted(found.items())
        ]

    def _is_break_in(self, origin: Origin, record: Record, minute: int) -> bool:
        """Whether a login from a strange network came after many that failed."""
        record.advance(minute)
        if record.hour[MESSAGES] < _BROKEN_AFTER:
            return False
        number = network(origin.client)
        if not number:
            return False
        user = self.memory.record(f"{n.SENDER}\n{origin.user}")
        if user.days:
            return not user.networks or number not in user.networks
        elsewhere = record.recipients.count(minute) if record.recipients else 0
        return elsewhere >= _BROKEN_ELSEWHERE

    # The server

    def _server(self, start: int, bucket: Bucket) -> list[Number] | None:
        """Return the fields of all strangers and all failed logins; None: there were none."""
        memory = self.memory
        sum_up = _strangers if self._made is None else self._made.strangers
        relayed, refused, clients = sum_up(bucket.entities)
        failures = 0
        failing: list[int] = []
        users: list[int] = []
        for client, names in (*bucket.failures.items(), *bucket.core.items()):
            if client.endswith(f"\n{n.YSNP}"):
                continue
            failures += sum(names.values())
            failing.append(crc32(client.partition("\n")[0].encode()))
            users += [crc32(name.encode()) for name in names if name]
        if clients:
            memory.add(_RELAYS, start, (0, relayed, 0, refused, 0, 0, 0), recipients=clients)
        if failures:
            memory.add(
                _LOGINS, start, (0, failures, 0, 0, 0, 0, 0), recipients=failing, senders=users
            )
        if not clients and not failures:
            return None
        return self._server_fields(start // 60, relayed, failures)

    def _server_fields(self, minute: int, relayed: int, failures: int) -> list[Number]:
        relays, logins = self.memory.record(_RELAYS), self.memory.record(_LOGINS)
        relays.advance(minute)
        logins.advance(minute)
        if self._made is not None:
            made: list[Number] = self._made.server_fields(relays, logins, minute, relayed, failures)
            return made
        week = minute // 1440 // 7
        return [
            relayed,
            failures,
            relays.recent[VOLUME],
            relays.hour[VOLUME],
            relays.day[VOLUME],
            relays.hour[REFUSED],
            relays.recipients.count(minute) if relays.recipients else 0,
            logins.recent[VOLUME],
            logins.hour[VOLUME],
            logins.day[VOLUME],
            logins.recipients.count(minute) if logins.recipients else 0,
            logins.senders.count(minute) if logins.senders else 0,
            relays.usual(0, week),
            logins.usual(0, week),
            max(relays.days, logins.days),
        ]


def _strangers(entities: dict[str, list[int]]) -> tuple[int, int, list[int]]:
    """Return what machines that are neither logged in nor trusted relayed together.

    Returns:
        Recipients elsewhere, refused ones, checksums of the machines.
    """
    relayed = refused = 0
    clients = []
    for entity, sums in entities.items():
        is_stranger = entity.startswith(_CLIENT) and entity.endswith("\nfalse")
        if is_stranger and (sums[b.RELAYED] or sums[b.REFUSED]):
            relayed += sums[b.RELAYED]
            refused += sums[b.REFUSED]
            clients.append(crc32(entity.encode()))
    return relayed, refused, clients


def _of_guessed(origins: set[Origin], guessed: dict[str, int], after: int) -> list[Origin]:
    """Return the origins of users whose logins failed later than in that minute."""
    return [origin for origin in origins if guessed and guessed.get(origin.user, 0) > after]


def _tried(bucket: Bucket) -> dict[str, dict[str, int]]:
    """Return how often each address failed at each name."""
    tried: dict[str, dict[str, int]] = {}
    for client, names in bucket.failures.items():
        for name, count in names.items():
            if name:
                tried.setdefault(name, {})[client] = count
    for client_and_origin, names in bucket.core.items():
        client, _, origin = client_and_origin.partition("\n")
        if origin == n.YSNP:  # Postfix tells of these
            continue
        for name, count in names.items():
            if name:
                of = tried.setdefault(name, {})
                of[client] = of.get(client, 0) + count
    return tried


def _failing(record: Record, minute: int) -> list[Number]:
    users = record.senders.count(minute) if record.senders else 0
    return [record.hour[MESSAGES], users, record.day[MESSAGES]]


def _attacked(record: Record, minute: int) -> list[Number]:
    clients = record.recipients.count(minute) if record.recipients else 0
    broken = int(record.broken_in > minute)
    return [clients, broken, record.hour[MESSAGES], record.day[MESSAGES]]


def _core_auth(bucket: Bucket, time: int) -> list[Row]:
    return [
        (
            n.CORE_AUTH,
            tuple(client.split("\n")),
            [sum(names.values()), len(names) - ("" in names)],
            time,
        )
        for client, names in sorted(bucket.core.items())
    ]


def _addresses(origins: Iterable[Origin]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for origin in origins:
        found.setdefault(origin.user, set()).add(origin.client)
    return found


def _domains(senders: Iterable[bytes]) -> set[int]:
    """Return the checksums of the domains of envelope senders; a bounce has none."""
    return {crc32(sender.rpartition(b"@")[2].lower()) for sender in senders if sender}


def _weight(name: str, values: Sequence[Number]) -> tuple[Number, ...]:
    """Return what says how much a series matters where there are too many."""
    if name == n.SENDER:
        return values[15] + values[17], values[1], values[0], values[-1], values[2]
    if name in (n.AUTH, n.ACCOUNT):
        return values[-2], *values
    if name == n.CORE_AUTH:
        return tuple(values)
    return values[13] + values[14], values[1], values[0], values[2]


def fold(rows: list[Row], most: int) -> list[Row]:
    """Keep the largest series of an interval and add up the counts of the others as ``_other``.

    The tags after the first are kept, so that what a known client sends never looks unknown. What
    is remembered of each cannot be added up, and is 0.
    """
    order = sorted(rows, key=lambda row: ([-w for w in _weight(row[0], row[2])], row[1]))
    kept = {row[1]: row for row in order[:most]}
    for name, key, values, time in order[most:]:
        counts = _COUNTS.get(name, _COUNTS_OF_OTHERS)
        other = (n.OTHER, *key[1:])
        sums = kept[other][2] if other in kept else [0] * len(values)
        added = [a + v for a, v in zip(sums[:counts], values[:counts], strict=True)]
        kept[other] = (name, other, [*added, *[0] * (len(values) - counts)], time)
    return [kept[key] for key in sorted(kept)]


def _template(name: str, count: int) -> bytes:
    kinds = list(n.FIELDS[name].items())[:count]
    fields = ",".join(f"{key}=%a" if kind == "float" else f"{key}=%di" for key, kind in kinds)
    return f"{fields} %d\n".encode()


# The last fields of some measurements are only there where they say something.
_SHORT = {n.QUEUE: (2, 3), n.COLLECTOR: (5, 7, 8)}
_TEMPLATES = {
    (name, count): _template(name, count)
    for name, fields in n.FIELDS.items()
    for count in _SHORT.get(name, (len(fields),))
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
    texts = [visible_json(json.dumps(point, ensure_ascii=False)) + "\n" for point in points]
    return "".join(texts).encode("utf-8", "replace")

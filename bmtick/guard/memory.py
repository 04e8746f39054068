"""What is remembered of accounts and machines: the collector's memory, told of a message earlier.

The log tells of a message when it is queued, within a second or two, and of its deliveries later.
Postfix asks before. So what a request says is added at once, and taken off what the log says of
the same entity afterwards; what the log knows alone (refusals, deliveries, mail by pickup, mail
that Postfix did not ask about) is added by it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from bmtick.collect.memory import MESSAGES, VOLUME, WIDTH, Memory, Record
from bmtick.guard.who import FROM, LOCAL, MEASUREMENTS, Who, local

_KINDS = {measurement: kind for kind, measurement in MEASUREMENTS.items()}
_MAX_RECORDS = 50_000  # some 6 kB each; of more the longest silent are forgotten
_MAX_ADDRESSES = 5_000  # of which it is known who logs in from there
_SHARED: Final = 5  # logins from one machine: a webmail's, not a desk's
_FORGET = 900.0  # seconds after which the log is not expected to tell of a message any more


def who_of(entity: str) -> Who | None:
    """Return whom an entity of the memory is; None: somebody whom the guard does not hold."""
    measurement, *tags = entity.split("\n")
    kind = _KINDS.get(measurement)
    if kind is None or not tags:
        return None
    second = tags[1] if len(tags) > 1 else ""
    if kind == LOCAL:
        return local(tags[0], second)
    return Who(kind, tags[0], second if kind == FROM else "")


class GuardMemory(Memory):
    """The collector's memory, for two writers: requests, and the thread that reads the log."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self._ahead: dict[str, list[float]] = {}  # messages, volume, and when the last one came
        self.touched: dict[str, None] = {}  # entities that the log told something of
        self._logins: dict[str, list[str]] = {}  # some of each address, the longest silent first

    def dump(self) -> dict[str, Any]:
        """Return all but the records, which are many: see ``lines``."""
        with self.lock:
            records, self.records = self.records, {}
            try:
                return {**super().dump(), "logins": self._logins}
            finally:
                self.records = records

    def restore(self, kept: dict[str, Any]) -> None:
        """Take what ``dump`` gave."""
        super().restore(kept)
        logins = kept.get("logins", {})  # a state of before they were known has none
        self._logins = {str(address): list(map(str, of)) for address, of in logins.items()}

    def is_shared(self, address: str) -> bool:
        """Whether several logins were seen to send from a machine."""
        return len(self._logins.get(address, ())) >= _SHARED

    def _see_login(self, entity: str, addresses: Iterable[str]) -> None:
        logins = self._logins
        for address in addresses:
            seen = logins.pop(address, None) or []
            logins[address] = seen
            if len(seen) < _SHARED and entity not in seen:
                seen.append(entity)
        while len(logins) > _MAX_ADDRESSES:
            del logins[next(iter(logins))]

    def lines(self) -> Iterator[list[str]]:
        """Yield entity and text of each record, without stopping the other writer for long."""
        for entity in list(self.records):
            with self.lock:
                record = self.records.get(entity)
                text = None if record is None else record.dump(self.epoch)
            if text is not None:
                yield [entity, text]

    def record(self, entity: str) -> Record:
        """Return the record of an entity, a new one if nothing is known of it."""
        found = self.records.get(entity)
        if found is None:
            if len(self.records) >= _MAX_RECORDS:
                self._unload()
            found = super().record(entity)
        return found

    def ahead(
        self,
        entity: str,
        now: float,
        volume: int,
        addresses: Collection[str],
        domains: Iterable[int],
    ) -> None:
        """Add a message that the log has not told of yet.

        Args:
            entity: whose it is.
            now: seconds since the epoch.
            volume: recipients of a login, recipients outward of all others.
            addresses: where it came from.
            domains: the checksum of the domain it is written as.
        """
        counts = [0] * WIDTH
        counts[MESSAGES], counts[VOLUME] = 1, volume
        with self.lock:
            if addresses:
                self._see_login(entity, addresses)
            super().add(entity, int(now), counts, addresses=addresses, domains=domains)
            known = self._ahead.pop(entity, None) or [0, 0, now]
            self._ahead[entity] = [known[0] + 1, known[1] + volume, now]
            for _ in range(2):  # so none is kept for long
                first = next(iter(self._ahead))
                if now - self._ahead[first][2] < _FORGET:
                    break
                del self._ahead[first]

    def add(self, entity: str, time: int, counts: Sequence[int], **seen: Any) -> Record:
        """Take what the log says, without what was added ahead of it."""
        with self.lock:
            counts = list(counts)
            if known := self._ahead.get(entity):
                for place, mine in ((MESSAGES, 0), (VOLUME, 1)):
                    both = min(int(known[mine]), counts[place])
                    known[mine] -= both
                    counts[place] -= both
                if not known[0] and not known[1]:
                    del self._ahead[entity]
            if addresses := seen.get("addresses"):
                self._see_login(entity, addresses)
            self.touched[entity] = None
            return super().add(entity, time, counts, **seen)

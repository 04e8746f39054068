"""Statistics of accounts and machines: the collector's memory, updated before the log is.

The log shows a message a second or two after it is queued, and its deliveries later. Postfix asks
before. So a request is counted at once, and subtracted from what the log shows of the same entity
later. The log alone adds refusals, deliveries, mail by pickup and mail that Postfix did not ask
about.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from bmtick.collect.memory import MESSAGES, VOLUME, WIDTH, Memory, Record
from bmtick.guard.subject import FROM, LOCAL, MEASUREMENTS, Subject, local

_KINDS = {measurement: kind for kind, measurement in MEASUREMENTS.items()}
_MAX_RECORDS = 50_000  # some 6 kB each; the entities that are idle longest are dropped
_MAX_ADDRESSES = 5_000  # addresses whose logins are remembered
_SHARED: Final = 5  # logins from one machine that make it a webmail, not a desk
_FORGET = 900.0  # seconds after which the log is not expected to show a message any more


def subject_of(entity: str) -> Subject | None:
    """Return the subject of a memory entity; None: the guard does not hold such entities."""
    measurement, *tags = entity.split("\n")
    kind = _KINDS.get(measurement)
    if kind is None or not tags:
        return None
    second = tags[1] if len(tags) > 1 else ""
    if kind == LOCAL:
        return local(tags[0], second)
    return Subject(kind, tags[0], second if kind == FROM else "")


class GuardMemory(Memory):
    """The collector's memory for two writers: policy requests and the log thread."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self._requested: dict[str, list[float]] = {}  # messages, volume, time of the last one
        self.touched: dict[str, None] = {}  # entities with new log entries
        self._logins: dict[str, list[str]] = {}  # a few logins of each address, idle longest first

    def dump(self) -> dict[str, Any]:
        """Return all but the records, which are many: see ``lines``."""
        with self.lock:
            records, self.records = self.records, {}
            try:
                return {**super().dump(), "logins": self._logins}
            finally:
                self.records = records

    def restore(self, saved: dict[str, Any]) -> None:
        """Restore what ``dump`` returned."""
        super().restore(saved)
        logins = saved.get("logins", {})  # older states have no logins
        self._logins = {str(address): list(map(str, of)) for address, of in logins.items()}

    def is_shared(self, address: str) -> bool:
        """Whether several logins send from a machine."""
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
        """Yield entity and text of each record; locks the memory for one record at a time."""
        for entity in list(self.records):
            with self.lock:
                record = self.records.get(entity)
                text = None if record is None else record.dump(self.epoch)
            if text is not None:
                yield [entity, text]

    def record(self, entity: str) -> Record:
        """Return the record of an entity; create it if there is none."""
        found = self.records.get(entity)
        if found is None:
            if len(self.records) >= _MAX_RECORDS:
                self._unload()
            found = super().record(entity)
        return found

    def add_request(
        self,
        entity: str,
        now: float,
        volume: int,
        addresses: Collection[str],
        domains: Iterable[int],
    ) -> None:
        """Count a message that the log does not show yet.

        Args:
            entity: the entity of its subject.
            now: seconds since the epoch.
            volume: recipients for a login; outside recipients for all others.
            addresses: client addresses.
            domains: checksum of the sender's domain.
        """
        counts = [0] * WIDTH
        counts[MESSAGES], counts[VOLUME] = 1, volume
        with self.lock:
            if addresses:
                self._see_login(entity, addresses)
            super().add(entity, int(now), counts, addresses=addresses, domains=domains)
            known = self._requested.pop(entity, None) or [0, 0, now]
            self._requested[entity] = [known[0] + 1, known[1] + volume, now]
            for _ in range(2):  # two at a time, so old entries are dropped soon
                first = next(iter(self._requested))
                if now - self._requested[first][2] < _FORGET:
                    break
                del self._requested[first]

    def add(self, entity: str, time: int, counts: Sequence[int], **seen: Any) -> Record:
        """Count what the log shows, without what requests already counted."""
        with self.lock:
            counts = list(counts)
            if known := self._requested.get(entity):
                for place, index in ((MESSAGES, 0), (VOLUME, 1)):
                    overlap = min(int(known[index]), counts[place])
                    known[index] -= overlap
                    counts[place] -= overlap
                if not known[0] and not known[1]:
                    del self._requested[entity]
            if addresses := seen.get("addresses"):
                self._see_login(entity, addresses)
            self.touched[entity] = None
            return super().add(entity, time, counts, **seen)

"""What is remembered of an account or a machine: ten minutes, an hour, a day, and its usual days.

Pure: times are given, in seconds since the epoch, and nothing is read or written here; a store may
hold the records that are not in use. The collector adds the sums of each interval, the guard each
message. What each gauge says is in ``docs/metrics.md``.

A record is small: a list of counts for each minute of the last hour in which something happened,
and for each quarter of an hour of the day before; some networks and domains; peaks of five weeks.
"""

from __future__ import annotations

from _heapq import heapify, heappop, heappush  # heapq costs half a millisecond at each start

from bmtick.collect import compiled, stored
from bmtick.collect.raw import network
from bmtick.names import CLIENT, FROM, RELAYING_GAUGES, SENDER, SENDING_GAUGES

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Any, Protocol

    class Store(Protocol):
        """Where records lie that are not in use."""

        def load(self, entity: str) -> str | None:
            """Return the text of a record; None: there is none."""

        def load_many(self, entities: Sequence[str]) -> Iterable[tuple[str, str]]:
            """Yield the entities of which there is a record, each with its text."""

        def due(self, until: int) -> list[str]:
            """Return the entities of which a point is due until that minute."""


# Places in the counts. Volume is recipients for a login, relayed recipients for all others;
# for logins that fail, messages are failures.
MESSAGES, VOLUME, LOCAL, REFUSED, BLOCKED, UNKNOWN, THROTTLED, STRANGE = range(8)
WIDTH = 8  # the last, volume from networks that are not known, is not given but found out
_PLACES = range(WIDTH)
_PEAKS = 4  # hour, ten minutes, local mail or domains, senders or new addresses

RECENT = 10  # minutes
HOUR = 60
_QUARTER = 15
_DAY = 96  # quarters of an hour
MINUTES_OF_DAY = 1440

MAX_ADDRESSES = 20_000  # of one user within an hour
MAX_DAYS = 60
_MAX_STRANGE = 2_000  # addresses, domains of one record that are new to it
_MAX_NETWORKS = 40
_MAX_DOMAINS = 64
_MAX_SKETCH = 64  # checksums; of more a part is kept, and the number estimated
_WEEKS = 5
_LOGIN = f"{SENDER}\n"
_MAX_SHARED = 5_000  # addresses that are new to somebody
_MAX_SHARERS = 8
_SHARED_AGE = 1440  # minutes
_HOUSEHOLD = 3  # accounts that write from an address of the house
_MAX_HOUSE = 2_000  # such addresses, and as many that may become one
_MAX_GUESSED = 20_000  # logins that failed within the hour
_MAX_LOADED = 20_000  # records in memory, with a store
_MAX_ALONE = 200_000  # without

# What looks like an attack, so that its day is no baseline.
BLOCKED_LIKE_ATTACK, BLOCKED_SHARE = 3, 0.05
REFUSED_LIKE_ATTACK, REFUSED_SHARE = 10, 0.2
STRANGERS_LIKE_ATTACK, STRANGE_LIKE_ATTACK = 3, 15
DOMAINS_LIKE_ATTACK = 10
VOLUME_LIKE_ATTACK, TIMES_USUAL = 100, 3
_MOST_LEARNED, _MOST_TIMES = 500, 5  # of one day
NEW_PLACES, ATTACK = 1, 2  # why a day was hostile: only for where the mail came from, or worse
_FULL_TRUST = 3  # days of the memory in which all that does not look so is learned whole

# A point says that a horizon is empty only where it was once fuller than this.
LOUD_VOLUME, LOUD_REFUSED, LOUD_MESSAGES = 10, 3, 10
_LOUD_RECENT, _LOUD_HOUR, _LOUD_DAY = 1, 2, 4


_MAX_CACHED = 10_000
_networks: dict[str, int] = {}  # of addresses, which recur


class Sketch:
    """How many different checksums were seen within an hour: exact while they are few.

    Of many, those are kept whose last ``level`` bits are 0, each of which stands for 2 ** level.
    """

    __slots__ = ("level", "oldest", "seen")

    def __init__(self) -> None:
        self.level = 0
        self.oldest = 0  # nothing was last seen before that minute
        self.seen: dict[int, int] = {}  # checksum: minute

    def add(self, checksums: Iterable[int], minute: int) -> None:
        """Take checksums that were seen in that minute."""
        seen, mask = self.seen, (1 << self.level) - 1
        self.oldest = min(self.oldest, minute)
        for checksum in checksums:
            if not checksum & mask:
                seen[checksum] = minute
                if len(seen) > _MAX_SKETCH:
                    self.expire(minute - HOUR)
                    seen = self.seen
                    while len(seen) > _MAX_SKETCH:
                        self.level += 1
                        mask = (1 << self.level) - 1
                        for other in [c for c in seen if c & mask]:
                            del seen[other]

    def expire(self, minute: int) -> None:
        """Forget what was last seen in that minute or before."""
        if self.oldest > minute:
            return
        kept = {c: last for c, last in self.seen.items() if last > minute}
        self.seen = kept
        self.oldest = min(kept.values(), default=minute + 1)
        if not kept:
            self.level = 0

    def count(self, minute: int) -> int:
        """Return how many were seen since an hour before that minute."""
        self.expire(minute - HOUR)
        return len(self.seen) << self.level


class Record:
    """What is remembered of one entity.

    Attributes:
        slots: minute and counts of each minute of the last hour in which something happened.
        first: the first of them that is within the last ten minutes.
        quarters: quarter of an hour and counts, of the day before the slots.
        recent, hour, day: the sums of the horizons.
        today: number of the UTC day that the peaks are of; -1: nothing happened yet.
        peaks: the day's largest hour, ten minutes, local mail or strange domains of an hour, and
            most senders of an hour; of a login, that has no other senders, most new addresses.
        hostile: whether the day looked like an attack: 0, ``NEW_PLACES`` or ``ATTACK``.
        pending: the day before, until it is learned: day, peaks, networks, domains.
        past: peaks of each week.
        days: how many days were learned.
        networks, domains: those that are known, with the last day.
        addresses: of the last hour, with the last minute.
        strange: those of them in networks that are not known.
        seen_networks, seen_domains: not known, with the last minute.
        recipients, senders: different ones within the hour.
        broken_in: the minute until which a login counts as broken into.
        loud: horizons of which it will be told that they are empty.
        last: the minute of what happened last.
        expected: when it will be looked at for a point that tells of silence.
    """

    __slots__ = (
        "addresses", "broken_in", "day", "days", "domains", "expected", "first", "hostile", "hour", "last",
        "loud", "networks", "past", "peaks", "pending", "quarters", "recent", "recipients",
        "seen_domains", "seen_networks", "senders", "slots", "strange", "today",
    )  # fmt: skip

    def __init__(self) -> None:
        self.slots: list[list[int]] = []
        self.first = 0
        self.quarters: list[list[int]] = []
        self.recent = [0] * WIDTH
        self.hour = [0] * WIDTH
        self.day = [0] * WIDTH
        self.today = -1
        self.peaks = [0] * _PEAKS
        self.hostile = 0
        self.pending: list[Any] | None = None
        self.past: list[list[int]] = []
        self.days = 0
        self.networks: dict[int, int] | None = None
        self.domains: dict[int, int] | None = None
        self.addresses: dict[str, int] | None = None
        self.strange: dict[str, int] | None = None
        self.seen_networks: dict[int, int] | None = None
        self.seen_domains: dict[int, int] | None = None
        self.recipients: Sketch | None = None
        self.senders: Sketch | None = None
        self.broken_in = 0
        self.loud = 0
        self.last = 0
        self.expected = 0

    # Horizons

    def advance(self, minute: int) -> None:
        """Forget what is older than each horizon at that minute."""
        slots, first = self.slots, self.first
        if slots and (
            slots[0][0] <= minute - HOUR
            or (first < len(slots) and slots[first][0] <= minute - RECENT)
        ):
            while first < len(slots) and slots[first][0] <= minute - RECENT:
                _take_away(self.recent, slots[first])
                first += 1
            over = 0
            while over < len(slots) and slots[over][0] <= minute - HOUR:
                slot = slots[over]
                _take_away(self.hour, slot)
                quarter = slot[0] // _QUARTER
                quarters = self.quarters
                if quarters and quarters[-1][0] == quarter:
                    kept = quarters[-1]
                    for place in range(1, WIDTH + 1):
                        kept[place] += slot[place]
                else:
                    slot[0] = quarter
                    quarters.append(slot)
                over += 1
            if over:
                del slots[:over]
                first -= over
            self.first = first
        quarters = self.quarters
        if quarters and quarters[0][0] <= minute // _QUARTER - _DAY:
            over = 0
            while over < len(quarters) and quarters[over][0] <= minute // _QUARTER - _DAY:
                _take_away(self.day, quarters[over])
                over += 1
            del quarters[:over]

    def count(self, minute: int, counts: Sequence[int]) -> None:
        """Add the counts of something that happened in that minute, the last one or a later."""
        slots = self.slots
        if slots and slots[-1][0] == minute:
            slot = slots[-1]
            for place in _PLACES:
                slot[place + 1] += counts[place]
        else:
            slots.append([minute, *counts])
        recent, hour, day = self.recent, self.hour, self.day
        for place in _PLACES:
            value = counts[place]
            if value:
                recent[place] += value
                hour[place] += value
                day[place] += value
        self.last = max(self.last, minute)

    # What is usual

    def usual(self, place: int, week: int) -> int:
        """Return a peak of the last weeks."""
        if not self.past:
            return 0
        return max((kept[place + 1] for kept in self.past if kept[0] > week - _WEEKS), default=0)

    def turn(self, minute: int, began: int) -> None:
        """Begin a new day; learn the one before an hour after its end."""
        day = minute // MINUTES_OF_DAY
        if day > self.today:
            if self.today >= 0:
                self._learn(began)  # that of an even earlier day
                if not self.hostile:
                    self.pending = [
                        self.today,
                        *self.peaks,
                        list(self.seen_networks or ()),
                        list(self.seen_domains or ()),
                    ]
                elif self.hostile == NEW_PLACES:
                    # Who is always on the way looks so each day: how many places that are is learned.
                    self.pending = [self.today, 0, 0, 0, self.peaks[-1], [], []]
            self.today = day
            self.peaks = [0] * _PEAKS
            self.hostile = 0
        if self.pending and minute >= (self.pending[0] + 1) * MINUTES_OF_DAY + HOUR:
            self._learn(began)

    def _learn(self, began: int) -> None:
        pending, self.pending = self.pending, None
        if pending is None:
            return
        day, hour, recent, other, senders, networks, domains = pending
        week = day // 7
        usual = self.usual(0, week)
        if self.days >= _FULL_TRUST or day - began >= _FULL_TRUST:
            most = max(_MOST_LEARNED, _MOST_TIMES * usual)
            hour, recent = min(hour, most), min(recent, most)
            other = min(other, most)
        past = [kept for kept in self.past if kept[0] > week - _WEEKS]
        for kept in past:
            if kept[0] == week:
                learned = zip(kept[1:], (hour, recent, other, senders), strict=True)
                kept[1:] = [max(pair) for pair in learned]
                break
        else:
            past.append([week, hour, recent, other, senders])
        self.past = past
        self.days = min(self.days + 1, MAX_DAYS)
        self.networks = _known(self.networks, networks, day, _MAX_NETWORKS)
        self.domains = _known(self.domains, domains, day, _MAX_DOMAINS)
        if self.strange:
            known = self.networks or {}
            self.strange = {a: t for a, t in self.strange.items() if network(a) not in known}
        # What came since then is another day's to learn.
        began = (day + 1) * MINUTES_OF_DAY - 1
        self.seen_networks = _later(self.seen_networks, began)
        self.seen_domains = _later(self.seen_domains, began)

    def judge(self, minute: int) -> None:
        """Take down the peaks of the day, and whether it looks like an attack."""
        hour, volume = self.hour, self.hour[VOLUME]
        week = minute // MINUTES_OF_DAY // 7
        strangers = self.new_addresses(minute) if self.strange else 0
        domains = self.strange_domains(minute) if self.seen_domains else 0
        other = max(hour[LOCAL], domains)
        if (
            (hour[BLOCKED] >= BLOCKED_LIKE_ATTACK and hour[BLOCKED] >= BLOCKED_SHARE * volume)
            or (
                hour[REFUSED] >= REFUSED_LIKE_ATTACK
                and hour[REFUSED] >= REFUSED_SHARE * max(volume, hour[MESSAGES])
            )
            or (domains >= DOMAINS_LIKE_ATTACK and domains > 2 * self.usual(2, week))
        ):
            self.hostile = ATTACK
            self.pending = None  # it ended within an attack
        elif (
            strangers >= STRANGERS_LIKE_ATTACK
            and hour[STRANGE] >= STRANGE_LIKE_ATTACK
            and volume > max(2 * STRANGE_LIKE_ATTACK, self.usual(0, week))
        ) or (
            hour[STRANGE] > 2 * STRANGE_LIKE_ATTACK
            and volume > VOLUME_LIKE_ATTACK
            and volume > TIMES_USUAL * self.usual(0, week)
        ):
            self.hostile = max(self.hostile, NEW_PLACES)
            self.pending = None
        peaks = self.peaks
        peaks[0] = max(peaks[0], volume)
        peaks[1] = max(peaks[1], self.recent[VOLUME])
        peaks[2] = max(peaks[2], other)
        if self.senders is not None:
            strangers = self.senders.count(minute)
        peaks[3] = max(peaks[3], strangers)

    # Addresses and domains

    def see_addresses(  # noqa: C901, PLR0912 -- one loop, each branch a bound
        self, addresses: Iterable[str], minute: int
    ) -> list[str]:
        """Take addresses of that minute; return those that are new to the entity."""
        kept, networks = self.addresses, _networks
        if kept is None:
            kept = self.addresses = {}
        new = []
        for address in addresses:
            if address in kept:
                del kept[address]  # the newest are last
            elif len(kept) >= MAX_ADDRESSES:
                self.expire_addresses(minute)
                kept = self.addresses = self.addresses or {}
                if len(kept) >= MAX_ADDRESSES:
                    continue
            kept[address] = minute
            number = networks.get(address, -1)
            if number < 0:
                if len(networks) >= _MAX_CACHED:
                    networks.clear()
                number = networks[address] = network(address)
            if number and not (self.networks and number in self.networks):
                if self.seen_networks is None:
                    self.seen_networks = {}
                if len(self.seen_networks) < _MAX_STRANGE or number in self.seen_networks:
                    self.seen_networks[number] = minute
                if self.strange is None:
                    self.strange = {}
                if len(self.strange) < _MAX_STRANGE or address in self.strange:
                    self.strange[address] = minute
                if self.days:
                    new.append(address)
        return new

    def expire_addresses(self, minute: int) -> None:
        """Forget the addresses that were last seen an hour before that minute."""
        kept = self.addresses
        if kept:
            for last in kept.values():  # the first is the oldest
                if last <= minute - HOUR:
                    self.addresses = _later(kept, minute - HOUR)
                break
        if self.strange:
            self.strange = _later(self.strange, minute - HOUR)

    def clients(self, minute: int) -> int:
        """Return from how many addresses something came within the hour."""
        self.expire_addresses(minute)
        return len(self.addresses) if self.addresses else 0

    def new_addresses(self, minute: int) -> int:
        """Return how many addresses of the hour are in networks that are not known."""
        if not self.strange or not self.days:
            return 0
        after = minute - HOUR
        return sum(last > after for last in self.strange.values())

    def see_domains(self, domains: Iterable[int], minute: int) -> None:
        """Take checksums of the domains that somebody wrote as, in that minute."""
        known, seen = self.domains, self.seen_domains
        for domain in domains:
            if known and domain in known:
                continue
            if seen is None:
                seen = self.seen_domains = {}
            if len(seen) < _MAX_STRANGE or domain in seen:
                seen[domain] = minute

    def strange_domains(self, minute: int) -> int:
        """Return how many domains of the hour are not known."""
        if not self.seen_domains or not self.days:
            return 0
        after = minute - HOUR
        return sum(last > after for last in self.seen_domains.values())

    # Trailing points

    def listen(self) -> None:
        """Know of which horizons to tell that they are empty."""
        for sums, bit in (
            (self.recent, _LOUD_RECENT),
            (self.hour, _LOUD_HOUR),
            (self.day, _LOUD_DAY),
        ):
            if (
                sums[VOLUME] >= LOUD_VOLUME
                or sums[REFUSED] >= LOUD_REFUSED
                or sums[MESSAGES] >= LOUD_MESSAGES
            ):
                self.loud |= bit
        if self.strange or self.broken_in:
            self.loud |= _LOUD_HOUR

    def due(self) -> int:
        """Return the minute at which the next point is due that tells of silence; 0: none."""
        if not self.loud:
            return 0
        after = (
            RECENT
            if self.loud & _LOUD_RECENT
            else HOUR
            if self.loud & _LOUD_HOUR
            else MINUTES_OF_DAY + _QUARTER
        )
        return self.last + after

    def tell(self, minute: int) -> None:
        """Know that a point told how things stand at that minute."""
        if self.loud & _LOUD_RECENT and minute >= self.last + RECENT:
            self.loud &= ~_LOUD_RECENT
        if self.loud & _LOUD_HOUR and minute >= self.last + HOUR:
            self.loud &= ~_LOUD_HOUR
        if self.loud & _LOUD_DAY and minute >= self.last + MINUTES_OF_DAY + _QUARTER:
            self.loud &= ~_LOUD_DAY

    def take(
        self,
        minute: int,
        began: int,
        counts: Sequence[int],
        addresses: Collection[str],
        recipients: Iterable[int],
        senders: Iterable[int],
        domains: Iterable[int],
    ) -> Sequence[str]:
        """Remember what happened in a minute, not before the last; see ``Memory.add``.

        Returns:
            The addresses that are new to the entity.
        """
        self.advance(minute)
        self.turn(minute, began)
        strange, new = 0, []
        if addresses:
            new = self.see_addresses(addresses, minute)
            if new:
                # Of several addresses within one interval, nobody counts which sent how much.
                strange = counts[VOLUME] * len(new) // len(addresses)
        self.count(minute, (*counts[:STRANGE], strange))
        if recipients:
            if self.recipients is None:
                self.recipients = Sketch()
            self.recipients.add(recipients, minute)
        if senders:
            if self.senders is None:
                self.senders = Sketch()
            self.senders.add(senders, minute)
        if domains:
            self.see_domains(domains, minute)
        self.judge(minute)
        self.listen()
        return new

    # As fields

    def sending_fields(
        self, memory: Memory, entity: str, minute: int, sums: Sequence[int]
    ) -> Sequence[int]:
        """Return the fields of a login: the sums of an interval, and what is remembered."""
        messages, recipients, size, relayed, ours, refused, blocked, unknown, slow = sums
        counts = (messages, recipients, size, self.clients(minute), refused)
        more = (relayed, ours, blocked, unknown, slow)
        return [*counts, *more, *self.sending_gauges(memory, entity, minute)]

    def sending_gauges(self, memory: Memory, entity: str, minute: int) -> Sequence[int]:
        """Return the gauges of a login, in the order of ``names.FIELDS`` from recent_messages on."""
        recent, hour, day = self.recent, self.hour, self.day
        week = minute // MINUTES_OF_DAY // 7
        strange = self.new_addresses(minute) if self.strange else 0
        return [
            recent[MESSAGES],
            recent[VOLUME],
            recent[LOCAL],
            recent[REFUSED],
            hour[MESSAGES],
            hour[VOLUME],
            hour[LOCAL],
            hour[REFUSED],
            hour[BLOCKED],
            hour[UNKNOWN],
            hour[THROTTLED],
            self.recipients.count(minute) if self.recipients else 0,
            day[MESSAGES],
            day[VOLUME],
            day[LOCAL],
            day[REFUSED],
            day[BLOCKED],
            strange,
            memory.shared_addresses(entity, minute) if strange else 0,
            hour[STRANGE],
            day[STRANGE],
            self.strange_domains(minute) if self.seen_domains else 0,
            self.usual(0, week),
            self.usual(1, week),
            self.usual(2, week),
            self.usual(3, week),
            self.days,
        ]

    def relaying_fields(self, minute: int, sums: Sequence[int]) -> Sequence[int]:
        """Return the fields of who sends without a login: the sums, and what is remembered."""
        return [*sums, *self.relaying_gauges(minute)]

    def relaying_gauges(self, minute: int) -> Sequence[int]:
        """Return the gauges of who sends without a login, from recent_messages on."""
        recent, hour, day = self.recent, self.hour, self.day
        week = minute // MINUTES_OF_DAY // 7
        return [
            recent[MESSAGES],
            recent[VOLUME],
            recent[REFUSED],
            hour[MESSAGES],
            hour[VOLUME],
            hour[REFUSED],
            hour[BLOCKED],
            hour[UNKNOWN],
            day[MESSAGES],
            day[VOLUME],
            day[REFUSED],
            self.strange_domains(minute) if self.seen_domains else 0,
            self.senders.count(minute) if self.senders else 0,
            self.usual(0, week),
            self.usual(1, week),
            self.usual(2, week),
            self.usual(3, week),
            self.days,
        ]

    # As text

    def dump(self, epoch: int) -> str:
        """Return the record as text; epoch: which reading of the log its horizons are of."""
        return stored.dumps(
            [
                epoch,
                self.slots,
                self.quarters,
                [self.today, self.hostile, *self.peaks],
                self.pending,
                self.past,
                self.days,
                _pairs(self.networks),
                _pairs(self.domains),
                _pairs(self.addresses),
                _pairs(self.strange),
                _pairs(self.seen_networks),
                _pairs(self.seen_domains),
                _sketched(self.recipients),
                _sketched(self.senders),
                [self.broken_in, self.loud, self.last],
            ],
        )

    @classmethod
    def restored(cls, text: str, epoch: int) -> Record:
        """Return what ``dump`` gave; of an earlier reading of the log only what is usual.

        Raises:
            ValueError: it is no record.
        """
        self = cls()
        try:
            (
                of, self.slots, self.quarters, today, self.pending, self.past, self.days,
                networks, domains, addresses, strange, seen_networks, seen_domains,
                recipients, senders, ends,
            ) = stored.loads(text)  # fmt: skip
            # Records of before the senders of an hour had a peak are shorter.
            for kept in self.past:
                kept.extend([0] * (_PEAKS + 1 - len(kept)))
            if self.pending is not None and len(self.pending) < _PEAKS + 3:
                self.pending.insert(_PEAKS, 0)
            self.networks, self.domains = _dict(networks), _dict(domains)
            if of != epoch:
                self.slots, self.quarters, self.pending = [], [], None
                return self
            self.today, hostile, *self.peaks = today
            self.hostile = int(hostile)
            self.addresses, self.strange = _dict(addresses), _dict(strange)
            self.seen_networks, self.seen_domains = _dict(seen_networks), _dict(seen_domains)
            self.recipients, self.senders = _sketch(recipients), _sketch(senders)
            self.broken_in, self.loud, self.last = ends
            # Records of before the last place was counted are shorter.
            for slot in (*self.slots, *self.quarters):
                slot.extend([0] * (WIDTH + 1 - len(slot)))
            self.peaks.extend([0] * (_PEAKS - len(self.peaks)))
            for _, *counts in self.quarters:
                _add(self.day, counts)
            for _, *counts in self.slots:
                _add(self.day, counts)
                _add(self.hour, counts)
                _add(self.recent, counts)
            self.advance(self.last)
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"it is no record of bmtick: {error}") from None
        return self


def _take_away(sums: list[int], slot: list[int]) -> None:
    for place in _PLACES:
        sums[place] -= slot[place + 1]


def _add(sums: list[int], counts: list[int]) -> None:
    for place in _PLACES:
        sums[place] += counts[place]


def _later(kept: dict[Any, int] | None, minute: int) -> Any:
    if not kept:
        return None
    return {key: last for key, last in kept.items() if last > minute} or None


def _known(
    known: dict[int, int] | None, more: list[int], day: int, most: int
) -> dict[int, int] | None:
    if not more and known is None:
        return None
    known = known or {}
    for key in more[:most]:
        known.pop(key, None)
        known[key] = day
    for key in list(known)[: max(0, len(known) - most)]:
        del known[key]
    return known


def _pairs(kept: dict[Any, int] | None) -> list[Any] | int:
    return [list(kept), list(kept.values())] if kept else 0


def _dict(pairs: Any) -> Any:
    return dict(zip(*pairs, strict=True)) if pairs else None


def _sketched(sketch: Sketch | None) -> list[Any] | int:
    if sketch is None or not sketch.seen:
        return 0
    return [sketch.level, list(sketch.seen), list(sketch.seen.values())]


def _sketch(kept: Any) -> Sketch | None:
    if not kept:
        return None
    sketch = Sketch()
    sketch.level = int(kept[0])
    sketch.seen = dict(zip(kept[1], kept[2], strict=True))
    return sketch


def _houses(meeting: dict[str, list[str]]) -> list[Any] | dict[str, list[str]]:
    """Return addresses and who is at home there as three columns: most have one account."""
    names = meeting.values()
    first = "\n".join([accounts[0].removeprefix(_LOGIN) for accounts in names])
    if first.count("\n") >= max(1, len(meeting)):  # there are others than logins
        return meeting
    more = {place: accounts[1:] for place, accounts in enumerate(names) if len(accounts) > 1}
    return ["\n".join(meeting), first, more]


def _meeting(kept: Any) -> dict[str, list[str]]:
    """Return what ``_houses`` took; earlier states have lists by address."""
    if isinstance(kept, dict):
        return {str(a): list(names) for a, names in kept.items()}
    addresses, names, more = kept
    if not addresses:
        return {}
    pairs = zip(addresses.split("\n"), names.split("\n"), strict=True)
    meeting = {address: [_LOGIN + name] for address, name in pairs}
    order = list(meeting) if more else []
    for place, accounts in more.items():
        meeting[order[int(place)]] += accounts
    return meeting


RECORD: type[Record] = compiled.memory.Record if compiled.memory else Record


class Memory:
    """All records.

    Args:
        store: holds the records that are not in use; None: all are kept here, within bounds.
        kind: the class of the records: the compiled one where there is one.

    Attributes:
        began: the UTC day of the first thing that was remembered; -1: nothing was.
        epoch: which reading of the log the horizons are of.
    """

    def __init__(self, store: Store | None = None, kind: type[Record] | None = None) -> None:
        self.store = store
        self.kind = kind or RECORD
        self.records: dict[str, Record] = {}
        self.changed: set[str] = set()
        self.began = -1
        self.epoch = 0
        self.shared: dict[str, dict[str, int]] = {}  # new addresses: to whom, in which minute
        self.dues: dict[int, list[str]] = {}  # who may be silent, by minute
        self.due_minutes: list[int] = []  # the same minutes, a heap
        self._asked = 0  # the store, for what is due until that minute
        self.house: dict[str, int] = {}  # addresses that several write from, since which day
        self.meeting: dict[str, list[str]] = {}  # addresses, and the accounts seen there so far
        self.guessed: dict[str, int] = {}  # logins that failed, with the last minute
        self._cleared = -1  # the minute in which guessed was last swept

    def record(self, entity: str) -> Record:
        """Return the record of an entity, a new one if nothing is known of it."""
        found = self.records.get(entity)
        if found is not None:
            return found
        text = self.store.load(entity) if self.store is not None else None
        if len(self.records) >= (_MAX_ALONE if self.store is None else _MAX_LOADED):
            self._unload()
        found = self.records[entity] = self._restored(text)
        return found

    def _restored(self, text: str | None) -> Record:
        if text is not None:
            try:
                return self.kind.restored(text, self.epoch)
            except ValueError:
                pass  # damaged: the one entity starts over
        return self.kind()

    def load(self, entities: Iterable[str]) -> None:
        """Load the records of those who will be asked for, together: a query each takes longer."""
        if self.store is None:
            return
        missing = [entity for entity in entities if entity not in self.records]
        if len(self.records) + len(missing) >= _MAX_LOADED:
            self._unload()
        if len(missing) < _MAX_LOADED // 2:
            known = dict(self.store.load_many(missing))
            for entity in missing:
                self.records[entity] = self._restored(known.get(entity))

    def _unload(self) -> None:
        """Let go of the half of the records that was not used for longest."""
        order = sorted(self.records, key=lambda entity: self.records[entity].last)
        for entity in order[: len(order) // 2]:
            if self.store is None or entity not in self.changed:
                del self.records[entity]

    def add(
        self,
        entity: str,
        time: int,
        counts: Sequence[int],
        *,
        addresses: Collection[str] = (),
        recipients: Iterable[int] = (),
        senders: Iterable[int] = (),
        domains: Iterable[int] = (),
    ) -> Record:
        """Remember what an entity did.

        Args:
            entity: its measurement and the values of its tags, newlines between.
            time: seconds since the epoch.
            counts: in the places above, but the last.
            addresses: where it came from.
            recipients: checksums, as ``counter.checksum`` makes them.
            senders: checksums of the envelope senders.
            domains: checksums of their domains.
        """
        record = self.record(entity)
        minute = max(time // 60, record.last)
        if self.began < 0:
            self.began = minute // MINUTES_OF_DAY
        if addresses and not (record.addresses and record.addresses.keys() >= set(addresses)):
            self.meet(entity, record, addresses, minute)
        new = record.take(minute, self.began, counts, addresses, recipients, senders, domains)
        if new:
            self._share(entity, new, minute)
        if self.store is not None:
            self.changed.add(entity)
        if record.loud:
            self._expect(entity, record)
        return record

    def meet(self, entity: str, record: Record, addresses: Iterable[str], minute: int) -> None:
        """Take down that an account writes from addresses, and tell it which are the house's.

        An address is the house's (an office, a webmail, a school) where several accounts wrote on an
        earlier day, each from a network that it was known in or had to begin with. Nobody is a
        stranger there.
        """
        today = minute // MINUTES_OF_DAY
        begins = not record.days and record.today in (-1, today) and record.pending is None
        for address in addresses:
            number = network(address)
            if not number:
                continue
            known = record.networks is not None and number in record.networks
            since = self.house.get(address)
            if since is not None:
                if since < today and not known:
                    record.networks = {**(record.networks or {}), number: today}
            elif (known or begins) and not record.hostile:
                self._gather(entity, address, today)

    def _gather(self, entity: str, address: str, today: int) -> None:
        """Take down that an account is at home at an address."""
        accounts = self.meeting.get(address)
        if accounts is None:
            if len(self.meeting) >= _MAX_HOUSE:
                del self.meeting[next(iter(self.meeting))]
            accounts = self.meeting[address] = []
        if entity not in accounts:
            accounts.append(entity)
        if len(accounts) >= _HOUSEHOLD:
            del self.meeting[address]
            if len(self.house) >= _MAX_HOUSE:
                del self.house[next(iter(self.house))]
            self.house[address] = today

    def _expect(self, entity: str, record: Record) -> None:
        """See that a record is looked at when a point may be due, once for many."""
        due = record.due()
        if due and (not record.expected or due < record.expected):
            record.expected = due
            entities = self.dues.get(due)
            if entities is None:
                self.dues[due] = [entity]
                heappush(self.due_minutes, due)
            else:
                entities.append(entity)

    def _share(self, entity: str, addresses: Iterable[str], minute: int) -> None:
        """Take down which addresses are new to whom."""
        shared = self.shared
        for address in addresses:
            sharers = shared.pop(address, None)
            if sharers is None:
                sharers = {}
                if len(shared) >= _MAX_SHARED:
                    del shared[next(iter(shared))]
            if entity in sharers or len(sharers) < _MAX_SHARERS:
                sharers[entity] = minute
            shared[address] = sharers

    def shared_addresses(self, entity: str, minute: int) -> int:
        """Return how many new addresses of the hour are new to at least two others, too."""
        record = self.records.get(entity)
        if record is None or not record.strange or not record.days:
            return 0
        count = 0
        for address, last in record.strange.items():
            sharers = self.shared.get(address)
            if last > minute - HOUR and sharers and len(sharers) > 2:
                fresh = sum(seen > minute - _SHARED_AGE for seen in sharers.values())
                count += fresh > 2
        return count

    def may_be_silent(self, minute: int) -> bool:
        """Whether ``silent`` may find somebody."""
        if self.due_minutes and self.due_minutes[0] <= minute:
            return True
        return self.store is not None and minute > self._asked

    def waiting(self, minute: int) -> list[tuple[int, str]]:
        """Return, as a heap, who may be silent until that minute, and when; each is asked for once."""
        found: set[tuple[int, str]] = set()
        while self.due_minutes and self.due_minutes[0] <= minute:
            due = heappop(self.due_minutes)
            found.update((due, entity) for entity in self.dues.pop(due))
        if self.store is not None and minute > self._asked:
            found.update((0, entity) for entity in self.store.due(minute))
            self._asked = minute
        heap = list(found)
        heapify(heap)
        return heap

    def silent(self, minute: int) -> Iterator[tuple[int, str, Record]]:
        """Yield the entities of which a horizon ran empty until that minute: when, who, what.

        The record is as it was then until the next one is asked for.
        """
        heap = self.waiting(minute)
        while heap:
            _, entity = heappop(heap)
            record = self.record(entity)
            record.expected = 0
            due = record.due()
            if due and due <= minute:
                record.advance(due)
                record.tell(due)
                if self.store is not None:
                    self.changed.add(entity)
                yield due, entity, record
                due = record.due()
                if due and due <= minute:
                    heappush(heap, (due, entity))
                    continue
            self._expect(entity, record)

    def gauges(self, entity: str, time: int) -> dict[str, int]:
        """Return what is remembered of an entity at a time, by field name."""
        minute = time // 60
        record = self.record(entity)
        record.advance(minute)
        if entity.startswith(SENDER + "\n"):
            values = record.sending_gauges(self, entity, minute)
            return dict(zip(SENDING_GAUGES, values, strict=True))
        found = dict(zip(RELAYING_GAUGES, record.relaying_gauges(minute), strict=True))
        if entity.startswith(FROM + "\n"):
            found["senders"], found["usual_senders"] = self.machine_senders(entity, minute)
        return found

    def machine_senders(self, entity: str, minute: int) -> tuple[int, int]:
        """Return how many senders the machine of a ``postfix_from`` has: in the hour, and usually.

        A webmail has many, a program one.
        """
        client = entity.split("\n")[1]
        for known in ("true", "false"):
            machine = self.records.get(f"{CLIENT}\n{client}\n{known}")
            if machine is not None:
                senders = machine.senders.count(minute) if machine.senders is not None else 0
                return senders, machine.usual(3, minute // MINUTES_OF_DAY // 7)
        return 0, 0

    def dump(self) -> dict[str, Any]:
        """Return what is not in the store, as JSON-able data."""
        return {
            "began": self.began,
            "epoch": self.epoch,
            "shared": self.shared,
            "guessed": self.guessed,
            "house": self.house,
            "meeting": _houses(self.meeting),
            "records": {}
            if self.store is not None
            else {entity: record.dump(self.epoch) for entity, record in self.records.items()},
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Take what ``dump`` gave."""
        self.began, self.epoch = int(kept["began"]), int(kept["epoch"])
        self.shared = {str(a): dict(sharers) for a, sharers in kept["shared"].items()}
        self.guessed = {str(user): int(last) for user, last in kept["guessed"].items()}
        # States of before the house was known have none.
        self.house = {str(a): int(day) for a, day in kept.get("house", {}).items()}
        self.meeting = _meeting(kept.get("meeting", {}))
        for entity, text in kept["records"].items():
            record = self.records[entity] = self.kind.restored(text, self.epoch)
            self._expect(entity, record)

    def guess(self, user: str, minute: int) -> None:
        """Know that a login failed."""
        if user not in self.guessed and len(self.guessed) >= _MAX_GUESSED:
            if minute == self._cleared:  # a sweep for each name would take time squared
                return
            self._cleared = minute
            self.guessed = {u: last for u, last in self.guessed.items() if last > minute - HOUR}
            if len(self.guessed) >= _MAX_GUESSED:
                return
        self.guessed[user] = minute

    def touch(self, entity: str, record: Record, minute: int) -> None:
        """Know that something happened which is not counted."""
        record.last = max(record.last, minute)
        record.loud |= _LOUD_HOUR
        if self.store is not None:
            self.changed.add(entity)
        self._expect(entity, record)

    def forget(self, minute: int) -> None:
        """Forget what of an hour or a day is no longer needed; seldom."""
        self.guessed = {u: last for u, last in self.guessed.items() if last > minute - HOUR}
        self.shared = {
            address: sharers
            for address, sharers in self.shared.items()
            if max(sharers.values()) > minute - _SHARED_AGE
        }

    def changes(self) -> list[list[Any]]:
        """Return entity, text, minute when a point is due and last minute of what changed."""
        found: list[list[Any]] = []
        for entity in sorted(self.changed):
            record = self.records[entity]
            found.append([entity, record.dump(self.epoch), record.due(), record.last])
        return found

# cython: language_level=3, boundscheck=False, wraparound=False
"""What is remembered of one entity, compiled: what ``memory.py``'s classes do, with their names.

Counts lie in C arrays; what is rare (networks, domains, addresses) in Python's dictionaries. A
test holds both ways equal, in what they answer and in what they keep as text.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.string cimport memcpy, memmove, memset

cimport cython

from bmtick.collect._bucket cimport SUMS, Origin, Sums

from _heapq import heappop, heappush
from binascii import crc32

from bmtick.collect import stored
from bmtick.collect.raw import network
from bmtick.names import CLIENT, FORWARD, FROM, LOCAL as LOCAL_NAME, SENDER

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const char* PyUnicode_1BYTE_DATA(object text)
    bint _PyDict_Next "PyDict_Next"(dict mapping, Py_ssize_t* at, PyObject** key, PyObject** value)
    PyObject* PyDict_GetItemWithError(dict mapping, object key) except? NULL

FORMAT = 4  # of what is shared with the Python around: compiled.py refuses another one

cdef enum:  # all as in memory.py
    MESSAGES = 0
    VOLUME = 1
    LOCAL = 2
    REFUSED = 3
    BLOCKED = 4
    UNKNOWN = 5
    THROTTLED = 6
    STRANGE = 7
    WIDTH = 8
    RECENT = 10
    HOUR = 60
    QUARTER = 15
    DAY = 96
    MINUTES_OF_DAY = 1440
    MAX_DAYS = 60
    MAX_STRANGE = 2000
    MAX_NETWORKS = 40
    MAX_DOMAINS = 64
    MAX_SKETCH = 64
    WEEKS = 5
    PEAKS = 4
    MAX_PAST = 8  # weeks, some more than are kept
    MAX_ADDRESSES = 20000
    MAX_CACHED = 10000
    MAX_ALONE = 200000
    HOUSEHOLD = 3
    MAX_HOUSE = 2000
    BLOCKED_LIKE_ATTACK = 3
    REFUSED_LIKE_ATTACK = 10
    STRANGERS_LIKE_ATTACK = 3
    STRANGE_LIKE_ATTACK = 15
    DOMAINS_LIKE_ATTACK = 10
    VOLUME_LIKE_ATTACK = 100
    NEW_PLACES = 1
    ATTACK = 2
    TIMES_USUAL = 3
    MOST_LEARNED = 500
    MOST_TIMES = 5
    FULL_TRUST = 3
    LOUD_VOLUME = 10
    LOUD_REFUSED = 3
    LOUD_MESSAGES = 10
    LOUD_RECENT = 1
    LOUD_HOUR = 2
    LOUD_DAY = 4

cdef i64 MOST_COUNTED = 0xFFFFFFFF  # in one slot
cdef double BLOCKED_SHARE = 0.05
cdef double REFUSED_SHARE = 0.2


ctypedef unsigned int uint

cdef struct Slot:
    i64 time  # minute, or quarter of an hour
    unsigned int counts[WIDTH]  # larger ones take several slots of one time

cdef struct Week:
    i64 number
    i64 peaks[PEAKS]

cdef str ALL = "*"  # as in emit.py
cdef enum:
    FEW_SENDERS = 3
    SENDING = 27  # gauges, as in names.py
    RELAYING = 18
    SENDERS = 12  # places of two of the latter
    USUAL_SENDERS = 16

cdef dict _networks = {}  # of addresses, which recur


@cython.no_gc
@cython.freelist(1000)
cdef class Values:
    """The fields of a row: integers of 64 bits, to be read like a list."""

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        cdef Py_ssize_t place
        if isinstance(index, slice):
            return [self.numbers[at] for at in range(*index.indices(self.size))]
        place = index
        if place < 0:
            place += self.size
        if place < 0 or place >= self.size:
            raise IndexError(index)
        return self.numbers[place]

    def __iter__(self):
        return iter(self[:])

    def __eq__(self, other):
        return self[:] == list(other)

    __hash__ = None

    def __getbuffer__(self, Py_buffer* view, int flags):
        """Give the integers as bytes: many rows become a table by one ``b"".join``."""
        PyBuffer_FillInfo(view, self, self.numbers, self.size * sizeof(i64), 1, flags)

    def __repr__(self):
        return repr(self[:])


cdef Values _values(Py_ssize_t size):
    """Return so many zeros."""
    cdef Values self = Values.__new__(Values)
    self.size = size
    memset(self.numbers, 0, size * sizeof(i64))
    return self


cdef class Sketch:
    """How many different checksums were seen within an hour: exact while they are few."""

    cdef unsigned int* checksums
    cdef i64* minutes
    cdef int size, room
    cdef public int level
    cdef public i64 oldest

    def __dealloc__(self):
        PyMem_Free(self.checksums)
        PyMem_Free(self.minutes)

    cdef int _grow(self) except -1:
        cdef int room = 4 if self.room == 0 else min(2 * self.room, MAX_SKETCH + 1)
        cdef void* more = PyMem_Realloc(self.checksums, room * sizeof(unsigned int))
        if more == NULL:
            raise MemoryError
        self.checksums = <unsigned int*>more
        more = PyMem_Realloc(self.minutes, room * sizeof(i64))
        if more == NULL:
            raise MemoryError
        self.minutes = <i64*>more
        self.room = room
        return 0

    cdef int put(self, unsigned int checksum, i64 minute) except -1:
        """Take one that is not masked out."""
        cdef int at
        for at in range(self.size):
            if self.checksums[at] == checksum:
                self.minutes[at] = minute
                return 0
        if self.size == self.room:
            self._grow()
        self.checksums[self.size] = checksum
        self.minutes[self.size] = minute
        self.size += 1
        return 0

    cpdef add(self, checksums, i64 minute):
        """Take checksums that were seen in that minute."""
        self.oldest = min(self.oldest, minute)
        for each in checksums:
            self.see(each, minute)

    cdef int see(self, unsigned int checksum, i64 minute) except -1:
        """Take one that was seen in that minute; ``oldest`` is no later."""
        cdef unsigned int mask = (1U << self.level) - 1
        cdef int at, kept
        if checksum & mask:
            return 0
        self.put(checksum, minute)
        if self.size > MAX_SKETCH:
            self.expire(minute - HOUR)
            while self.size > MAX_SKETCH:
                self.level += 1
                mask = (1U << self.level) - 1
                kept = 0
                for at in range(self.size):
                    if not self.checksums[at] & mask:
                        self.checksums[kept] = self.checksums[at]
                        self.minutes[kept] = self.minutes[at]
                        kept += 1
                self.size = kept
        return 0

    cpdef expire(self, i64 minute):
        """Forget what was last seen in that minute or before."""
        cdef int at, kept = 0
        cdef i64 oldest = 0
        if self.oldest > minute:
            return
        for at in range(self.size):
            if self.minutes[at] > minute:
                self.checksums[kept] = self.checksums[at]
                self.minutes[kept] = self.minutes[at]
                if kept == 0 or self.minutes[at] < oldest:
                    oldest = self.minutes[at]
                kept += 1
        self.size = kept
        self.oldest = oldest if kept else minute + 1
        if not kept:
            self.level = 0

    cpdef i64 count(self, i64 minute):
        """Return how many were seen since an hour before that minute."""
        self.expire(minute - HOUR)
        return <i64>self.size << self.level

    cdef object dump(self):
        if not self.size:
            return 0
        return [
            self.level,
            [self.checksums[at] for at in range(self.size)],
            [self.minutes[at] for at in range(self.size)],
        ]


cdef object _sketched(Sketch sketch):
    return 0 if sketch is None else sketch.dump()


cdef Sketch _sketch(kept):
    cdef Sketch sketch
    if not kept:
        return None
    level, checksums, minutes = kept
    sketch = Sketch()
    sketch.level = level
    if not 0 <= sketch.level < 32 or len(checksums) > MAX_SKETCH + 1:
        raise ValueError("a sketch")
    for checksum, minute in dict(zip(checksums, minutes, strict=True)).items():
        sketch.put(checksum, minute)
    return sketch


cdef class Slots:
    """Times with counts, in order.

    Half of what is remembered of a busy account are these, so they are of 32 bits.
    """

    cdef Slot* at
    cdef int size, room

    def __dealloc__(self):
        PyMem_Free(self.at)

    cdef Slot* append(self) except NULL:
        cdef int room
        cdef void* more
        if self.size == self.room:
            room = self.room + self.room // 2 + 1
            more = PyMem_Realloc(self.at, room * sizeof(Slot))
            if more == NULL:
                raise MemoryError
            self.at = <Slot*>more
            self.room = room
        self.size += 1
        return &self.at[self.size - 1]

    cdef int add(self, i64 time, i64* counts) except -1:
        """Take counts of a time, the last one or a later; what does not fit goes into a next slot."""
        cdef Slot* slot = NULL
        cdef i64 left[WIDTH]
        cdef i64 fits
        cdef bint more = True
        cdef int place
        memcpy(left, counts, sizeof(left))
        if self.size and self.at[self.size - 1].time == time:
            slot = &self.at[self.size - 1]
        while more:
            if slot == NULL:
                slot = self.append()
                memset(slot, 0, sizeof(Slot))
                slot.time = time
            more = False
            for place in range(WIDTH):
                fits = min(left[place], <i64>MOST_COUNTED - slot.counts[place])
                slot.counts[place] += <unsigned int>fits
                left[place] -= fits
                more = more or left[place] > 0
            slot = NULL
        return 0

    cdef void drop(self, int count) noexcept:
        """Let go of the first."""
        self.size -= count
        memmove(self.at, self.at + count, self.size * sizeof(Slot))

    cdef list dump(self):
        cdef int at, place
        cdef list found = [], last = []
        for at in range(self.size):
            if at and self.at[at].time == self.at[at - 1].time:
                for place in range(WIDTH):
                    last[place + 1] += self.at[at].counts[place]
            else:
                last = [self.at[at].time, *[self.at[at].counts[place] for place in range(WIDTH)]]
                found.append(last)
        return found

    cdef int take(self, kept) except -1:
        """Take what ``dump`` gave; records of before the last place was counted are shorter."""
        cdef i64 counted[WIDTH]
        cdef int place
        for time, *counts in kept:
            if len(counts) > WIDTH:
                raise ValueError("counts")
            memset(counted, 0, sizeof(counted))
            for place in range(len(counts)):
                counted[place] = counts[place]
                if counted[place] < 0:
                    raise ValueError("counts")
            self.add(time, counted)
        return 0


cdef list _list(i64* counts):
    return [counts[place] for place in range(WIDTH)]


ctypedef fused Count:
    i64
    uint


cdef inline void _plus(i64* sums, Count* counts) noexcept:
    cdef int place
    for place in range(WIDTH):
        sums[place] += counts[place]


cdef inline void _minus(i64* sums, Count* counts) noexcept:
    cdef int place
    for place in range(WIDTH):
        sums[place] -= counts[place]


cdef dict _later(dict kept, i64 minute):
    if not kept:
        return None
    return {key: last for key, last in kept.items() if last > minute} or None


cdef dict _known(dict known, list more, i64 day, int most):
    if not more and known is None:
        return None
    if known is None:
        known = {}
    for key in more[:most]:
        known.pop(key, None)
        known[key] = day
    for key in list(known)[: max(0, len(known) - most)]:
        del known[key]
    return known


cdef object _pairs(dict kept):
    return [list(kept), list(kept.values())] if kept else 0


cdef dict _dict(pairs):
    return dict(zip(*pairs, strict=True)) if pairs else None


cdef i64 _network(str address) except -1:
    """``raw.network``, remembered."""
    cdef i64 number = _ipv4_network(address)
    if number >= 0:
        return number
    found = _networks.get(address)
    if found is None:
        if len(_networks) >= MAX_CACHED:
            _networks.clear()
        found = _networks[address] = network(address)
    return found


cdef i64 _ipv4_network(str address):
    """``raw.network`` of an IPv4 address in its usual form; -1: it is another."""
    cdef const char* at
    cdef const char* end
    cdef int part, digits, value, first = 0, second = 0
    if not PyUnicode_IS_COMPACT_ASCII(address):
        return -1
    at = PyUnicode_1BYTE_DATA(address)
    end = at + PyUnicode_GET_LENGTH(address)
    for part in range(4):
        if part:
            if at >= end or at[0] != b'.':
                return -1
            at += 1
        value = digits = 0
        while at < end and b'0' <= at[0] <= b'9' and digits < 4:
            value = 10 * value + at[0] - 48
            digits += 1
            at += 1
        if digits == 0 or digits > 3 or value > 255 or (digits > 1 and (at - digits)[0] == b'0'):
            return -1
        if part == 0:
            first = value
        elif part == 1:
            second = value
    if at != end:
        return -1
    if (
        first == 0 or first == 10 or first == 127
        or (first == 192 and second == 168)
        or (first == 172 and 16 <= second < 32)
        or (first == 100 and 64 <= second < 128)
        or (first == 169 and second == 254)
    ):
        return 0
    return first << 8 | second


cdef bint _any_until(dict kept, i64 minute) except -1:
    """Whether something was last seen in that minute or before."""
    cdef Py_ssize_t at = 0
    cdef PyObject* key
    cdef PyObject* value
    while _PyDict_Next(kept, &at, &key, &value):
        if <i64><object>value <= minute:
            return True
    return False


cdef i64 _count_after(dict kept, i64 minute) except -1:
    """Return how many were last seen after that minute."""
    cdef Py_ssize_t at = 0
    cdef PyObject* key
    cdef PyObject* value
    cdef i64 count = 0
    while _PyDict_Next(kept, &at, &key, &value):
        count += <i64><object>value > minute
    return count


cdef class Record:
    """What is remembered of one entity; see ``memory.Record``."""

    cdef Slots _slots, _quarters
    cdef int _first
    cdef i64 _recent[WIDTH]
    cdef i64 _hour[WIDTH]
    cdef i64 _day[WIDTH]
    cdef i64 _peaks[PEAKS]
    cdef Week _past[MAX_PAST]
    cdef int _weeks
    cdef public i64 today, days, broken_in, last, expected
    cdef public int loud
    cdef public int hostile
    cdef public list pending
    cdef public dict networks, domains, addresses, strange, seen_networks, seen_domains
    cdef public Sketch recipients, senders
    cdef str _name
    cdef tuple _tags  # the name and these are the entity

    def __cinit__(self):
        self.today = -1
        self._slots = Slots()
        self._quarters = Slots()

    @property
    def recent(self):
        """The sums of the last ten minutes."""
        return _list(self._recent)

    @property
    def hour(self):
        """The sums of the last hour."""
        return _list(self._hour)

    @property
    def day(self):
        """The sums of the last day."""
        return _list(self._day)

    # Horizons

    cpdef advance(self, i64 minute):
        """Forget what is older than each horizon at that minute."""
        cdef Slots slots = self._slots, quarters = self._quarters
        cdef Slot* slot
        cdef i64 counts[WIDTH]
        cdef int first = self._first, over = 0, place
        cdef i64 quarter
        if slots.size and (
            slots.at[0].time <= minute - HOUR
            or (first < slots.size and slots.at[first].time <= minute - RECENT)
        ):
            while first < slots.size and slots.at[first].time <= minute - RECENT:
                _minus(self._recent, slots.at[first].counts)
                first += 1
            while over < slots.size and slots.at[over].time <= minute - HOUR:
                slot = &slots.at[over]
                _minus(self._hour, slot.counts)
                for place in range(WIDTH):
                    counts[place] = slot.counts[place]
                quarters.add(slot.time // QUARTER, counts)
                over += 1
            if over:
                slots.drop(over)
                first -= over
            self._first = first
        if quarters.size:
            quarter = minute // QUARTER - DAY
            over = 0
            while over < quarters.size and quarters.at[over].time <= quarter:
                _minus(self._day, quarters.at[over].counts)
                over += 1
            if over:
                quarters.drop(over)

    cdef int _count(self, i64 minute, i64* counts) except -1:
        """Add the counts of something that happened in that minute, the last one or a later."""
        self._slots.add(minute, counts)
        _plus(self._recent, counts)
        _plus(self._hour, counts)
        _plus(self._day, counts)
        self.last = max(self.last, minute)
        return 0

    # What is usual

    cpdef i64 usual(self, int place, i64 week):
        """Return a peak of the last weeks."""
        cdef i64 most = 0
        cdef int at
        if place < 0 or place >= PEAKS:
            raise IndexError(place)
        for at in range(self._weeks):
            if self._past[at].number > week - WEEKS:
                most = max(most, self._past[at].peaks[place])
        return most

    cdef int _turn(self, i64 minute, i64 began) except -1:
        """Begin a new day; learn the one before an hour after its end."""
        cdef i64 day = minute // MINUTES_OF_DAY
        if day > self.today:
            if self.today >= 0:
                self._learn(began)  # that of an even earlier day
                if not self.hostile:
                    self.pending = [
                        self.today,
                        *[self._peaks[place] for place in range(PEAKS)],
                        list(self.seen_networks or ()),
                        list(self.seen_domains or ()),
                    ]
                elif self.hostile == NEW_PLACES:
                    # Who is always on the way looks so each day: how many places that are is learned.
                    self.pending = [self.today, 0, 0, 0, self._peaks[PEAKS - 1], [], []]
            self.today = day
            memset(self._peaks, 0, sizeof(self._peaks))
            self.hostile = 0
        if self.pending and minute >= (<i64>self.pending[0] + 1) * MINUTES_OF_DAY + HOUR:
            self._learn(began)
        return 0

    cdef int _learn(self, i64 began) except -1:
        cdef i64 day, hour, recent, other, senders, week, usual, most
        cdef int at, kept
        cdef list pending = self.pending
        self.pending = None
        if pending is None:
            return 0
        day, hour, recent, other, senders, networks, domains = pending
        week = day // 7
        usual = self.usual(0, week)
        if self.days >= FULL_TRUST or day - began >= FULL_TRUST:
            most = max(<i64>MOST_LEARNED, MOST_TIMES * usual)
            hour, recent = min(hour, most), min(recent, most)
            other = min(other, most)
        kept = 0
        for at in range(self._weeks):
            if self._past[at].number > week - WEEKS:
                self._past[kept] = self._past[at]
                kept += 1
        self._weeks = kept
        for at in range(kept):
            if self._past[at].number == week:
                break
        else:
            at = kept
            if at == MAX_PAST:
                raise ValueError("more weeks than can be")
            self._weeks += 1
            memset(&self._past[at], 0, sizeof(Week))
            self._past[at].number = week
        self._past[at].peaks[0] = max(self._past[at].peaks[0], hour)
        self._past[at].peaks[1] = max(self._past[at].peaks[1], recent)
        self._past[at].peaks[2] = max(self._past[at].peaks[2], other)
        self._past[at].peaks[3] = max(self._past[at].peaks[3], senders)
        self.days = min(self.days + 1, <i64>MAX_DAYS)
        self.networks = _known(self.networks, networks, day, MAX_NETWORKS)
        self.domains = _known(self.domains, domains, day, MAX_DOMAINS)
        if self.strange:
            known = self.networks or {}
            self.strange = {a: t for a, t in self.strange.items() if network(a) not in known}
        # What came since then is another day's to learn.
        began = (day + 1) * MINUTES_OF_DAY - 1
        self.seen_networks = _later(self.seen_networks, began)
        self.seen_domains = _later(self.seen_domains, began)
        return 0

    cdef int _judge(self, i64 minute) except -1:
        """Take down the peaks of the day, and whether it looks like an attack."""
        cdef i64* hour = self._hour
        cdef i64 volume = hour[VOLUME], week = minute // MINUTES_OF_DAY // 7
        cdef i64 strangers = 0, domains = 0
        if self.strange:
            strangers = self.new_addresses(minute)
        if self.seen_domains:
            domains = self.strange_domains(minute)
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
            and volume > max(<i64>(2 * STRANGE_LIKE_ATTACK), self.usual(0, week))
        ) or (
            hour[STRANGE] > 2 * STRANGE_LIKE_ATTACK
            and volume > VOLUME_LIKE_ATTACK
            and volume > TIMES_USUAL * self.usual(0, week)
        ):
            self.hostile = max(self.hostile, <int>NEW_PLACES)
            self.pending = None
        self._peaks[0] = max(self._peaks[0], volume)
        self._peaks[1] = max(self._peaks[1], self._recent[VOLUME])
        self._peaks[2] = max(self._peaks[2], max(hour[LOCAL], domains))
        if self.senders is not None:
            strangers = self.senders.count(minute)
        self._peaks[3] = max(self._peaks[3], strangers)
        return 0

    # Addresses and domains

    cdef list _see_addresses(self, addresses, i64 minute):
        """Take addresses of that minute; return those that are new to the entity."""
        cdef dict kept = self.addresses
        cdef i64 number
        cdef list new = None
        if kept is None:
            kept = self.addresses = {}
        for address in (addresses,) if isinstance(addresses, str) else addresses:
            if address in kept:
                if len(kept) > 1:
                    del kept[address]  # the newest are last
            elif len(kept) >= MAX_ADDRESSES:
                self.expire_addresses(minute)
                if self.addresses is None:
                    self.addresses = {}
                kept = self.addresses
                if len(kept) >= MAX_ADDRESSES:
                    continue
            kept[address] = minute
            number = _network(address)
            if number and not (self.networks and number in self.networks):
                if self.seen_networks is None:
                    self.seen_networks = {}
                if len(self.seen_networks) < MAX_STRANGE or number in self.seen_networks:
                    self.seen_networks[number] = minute
                if self.strange is None:
                    self.strange = {}
                if len(self.strange) < MAX_STRANGE or address in self.strange:
                    self.strange[address] = minute
                if self.days:
                    if new is None:
                        new = []
                    new.append(address)
        return new

    cpdef expire_addresses(self, i64 minute):
        """Forget the addresses that were last seen an hour before that minute."""
        cdef dict kept = self.addresses
        cdef i64 last
        if kept:
            for last in kept.values():  # the first is the oldest
                if last <= minute - HOUR:
                    self.addresses = _later(kept, minute - HOUR)
                break
        if self.strange and _any_until(self.strange, minute - HOUR):
            self.strange = _later(self.strange, minute - HOUR)

    cpdef i64 clients(self, i64 minute):
        """Return from how many addresses something came within the hour."""
        self.expire_addresses(minute)
        return len(self.addresses) if self.addresses else 0

    cpdef i64 new_addresses(self, i64 minute):
        """Return how many addresses of the hour are in networks that are not known."""
        if not self.strange or not self.days:
            return 0
        return _count_after(self.strange, minute - HOUR)

    cdef int _see_domain(self, domain, i64 minute) except -1:
        """Take the checksum of a domain that somebody wrote as, in that minute."""
        if self.domains and domain in self.domains:
            return 0
        if self.seen_domains is None:
            self.seen_domains = {}
        if len(self.seen_domains) < MAX_STRANGE or domain in self.seen_domains:
            self.seen_domains[domain] = minute
        return 0

    cpdef i64 strange_domains(self, i64 minute):
        """Return how many domains of the hour are not known."""
        if not self.seen_domains or not self.days:
            return 0
        return _count_after(self.seen_domains, minute - HOUR)

    # Trailing points

    cdef void _listen(self) noexcept:
        """Know of which horizons to tell that they are empty."""
        if _is_loud(self._recent):
            self.loud |= LOUD_RECENT
        if _is_loud(self._hour):
            self.loud |= LOUD_HOUR
        if _is_loud(self._day):
            self.loud |= LOUD_DAY
        if self.strange is not None and len(self.strange) or self.broken_in:
            self.loud |= LOUD_HOUR

    cpdef i64 due(self):
        """Return the minute at which the next point is due that tells of silence; 0: none."""
        if not self.loud:
            return 0
        if self.loud & LOUD_RECENT:
            return self.last + RECENT
        return self.last + (HOUR if self.loud & LOUD_HOUR else MINUTES_OF_DAY + QUARTER)

    cpdef tell(self, i64 minute):
        """Know that a point told how things stand at that minute."""
        if self.loud & LOUD_RECENT and minute >= self.last + RECENT:
            self.loud &= ~LOUD_RECENT
        if self.loud & LOUD_HOUR and minute >= self.last + HOUR:
            self.loud &= ~LOUD_HOUR
        if self.loud & LOUD_DAY and minute >= self.last + MINUTES_OF_DAY + QUARTER:
            self.loud &= ~LOUD_DAY

    def take(self, i64 minute, i64 began, counts, addresses, recipients, senders, domains):
        """Remember what happened in a minute; return the addresses that are new to the entity."""
        cdef i64 values[WIDTH]
        cdef int place
        for place in range(STRANGE):
            values[place] = counts[place]
        return self._take(minute, began, values, addresses, recipients, senders, domains) or ()

    cdef list _take(
        self, i64 minute, i64 began, i64* counts, addresses, recipients, senders, domains
    ):
        """As ``take``; the last place of the counts is filled in."""
        cdef list new = None
        counts[STRANGE] = 0
        self.advance(minute)
        self._turn(minute, began)
        if addresses:
            new = self._see_addresses(addresses, minute)
            if new:
                # Of several addresses within one interval, nobody counts which sent how much.
                counts[STRANGE] = counts[VOLUME] * len(new)
                if not isinstance(addresses, str):
                    counts[STRANGE] //= len(addresses)
        self._count(minute, counts)
        if type(recipients) is int or recipients:
            if self.recipients is None:
                self.recipients = Sketch()
            if type(recipients) is int:
                self.recipients.oldest = min(self.recipients.oldest, minute)
                self.recipients.see(recipients, minute)
            elif type(recipients) is set:
                self.recipients.oldest = min(self.recipients.oldest, minute)
                for each in <set>recipients:
                    self.recipients.see(each, minute)
            else:
                self.recipients.add(recipients, minute)
        if senders:
            if self.senders is None:
                self.senders = Sketch()
            self.senders.add(senders, minute)
        if domains is None:
            pass
        elif isinstance(domains, int):
            self._see_domain(domains, minute)
        else:
            for domain in domains:
                self._see_domain(domain, minute)
        self._judge(minute)
        self._listen()
        return new

    # As fields

    def sending_fields(self, memory, str entity, i64 minute, sums):
        """Return the fields of a login: the sums of an interval, and what is remembered."""
        cdef Values values = _values(10 + SENDING)
        cdef i64* at = values.numbers
        messages, recipients, size, relayed, ours, refused, blocked, unknown, slow = sums
        at[0], at[1], at[2], at[3], at[4] = messages, recipients, size, self.clients(minute), refused
        at[5], at[6], at[7], at[8], at[9] = relayed, ours, blocked, unknown, slow
        self._sending(memory, entity, minute, at + 10)
        return values

    def sending_gauges(self, memory, str entity, i64 minute):
        """Return the gauges of a login, in the order of ``names.FIELDS`` from recent_messages on."""
        cdef Values values = _values(SENDING)
        self._sending(memory, entity, minute, values.numbers)
        return values

    cdef int _sending(self, memory, str entity, i64 minute, i64* at) except -1:
        cdef i64* recent = self._recent
        cdef i64* hour = self._hour
        cdef i64* day = self._day
        cdef i64 week = minute // MINUTES_OF_DAY // 7
        at[0], at[1], at[2], at[3] = recent[MESSAGES], recent[VOLUME], recent[LOCAL], recent[REFUSED]
        at[4], at[5], at[6], at[7] = hour[MESSAGES], hour[VOLUME], hour[LOCAL], hour[REFUSED]
        at[8], at[9], at[10] = hour[BLOCKED], hour[UNKNOWN], hour[THROTTLED]
        at[11] = 0 if self.recipients is None else self.recipients.count(minute)
        at[12], at[13], at[14], at[15] = day[MESSAGES], day[VOLUME], day[LOCAL], day[REFUSED]
        at[16] = day[BLOCKED]
        at[17] = self.new_addresses(minute) if self.strange else 0
        at[18] = memory.shared_addresses(entity, minute) if at[17] else 0
        at[19], at[20] = hour[STRANGE], day[STRANGE]
        at[21] = self.strange_domains(minute) if self.seen_domains else 0
        at[22], at[23], at[24] = self.usual(0, week), self.usual(1, week), self.usual(2, week)
        at[25], at[26] = self.usual(3, week), self.days
        return 0

    def relaying_fields(self, i64 minute, sums):
        """Return the fields of who sends without a login: the sums, and what is remembered."""
        cdef Values values = _values(SUMS + RELAYING)
        cdef int place
        for place in range(9):
            values.numbers[place] = sums[place]
        self._relaying(minute, values.numbers + 9)
        return values

    def relaying_gauges(self, i64 minute):
        """Return the gauges of who sends without a login, from recent_messages on."""
        cdef Values values = _values(RELAYING)
        self._relaying(minute, values.numbers)
        return values

    cdef int _relaying(self, i64 minute, i64* at) except -1:
        cdef i64* recent = self._recent
        cdef i64* hour = self._hour
        cdef i64* day = self._day
        cdef i64 week = minute // MINUTES_OF_DAY // 7
        at[0], at[1], at[2] = recent[MESSAGES], recent[VOLUME], recent[REFUSED]
        at[3], at[4], at[5] = hour[MESSAGES], hour[VOLUME], hour[REFUSED]
        at[6], at[7] = hour[BLOCKED], hour[UNKNOWN]
        at[8], at[9], at[10] = day[MESSAGES], day[VOLUME], day[REFUSED]
        at[11] = self.strange_domains(minute) if self.seen_domains else 0
        at[12] = 0 if self.senders is None else self.senders.count(minute)
        at[13], at[14], at[15] = self.usual(0, week), self.usual(1, week), self.usual(2, week)
        at[16], at[17] = self.usual(3, week), self.days
        return 0

    # As text

    def dump(self, epoch):
        """Return the record as text; epoch: which reading of the log its horizons are of."""
        return stored.dumps(
            [
                epoch,
                self._slots.dump(),
                self._quarters.dump(),
                [self.today, self.hostile, *[self._peaks[place] for place in range(PEAKS)]],
                self.pending,
                [
                    [self._past[at].number, *[self._past[at].peaks[place] for place in range(PEAKS)]]
                    for at in range(self._weeks)
                ],
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
    def restored(cls, text, epoch):
        """Return what ``dump`` gave; of an earlier reading of the log only what is usual.

        Raises:
            ValueError: it is no record.
        """
        try:
            return _restored(stored.loads(text), epoch)
        except (ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
            raise ValueError(f"it is no record of bmtick: {error}") from None


cdef int _peaks(i64* into, list kept) except -1:
    cdef int place
    if len(kept) > PEAKS:
        raise ValueError("peaks")
    for place in range(len(kept)):
        into[place] = kept[place]
    return 0


cdef Record _restored(list kept, epoch):
    cdef Record self = Record()
    cdef int at
    (
        of, slots, quarters, today, pending, past, days, networks, domains, addresses, strange,
        seen_networks, seen_domains, recipients, senders, ends,
    ) = kept  # fmt: skip
    if len(past) > MAX_PAST:
        raise ValueError("weeks")
    for at, (number, *peaks) in enumerate(past):
        self._past[at].number = number
        _peaks(self._past[at].peaks, peaks)
    # Records of before the senders of an hour had a peak are shorter.
    if pending is not None and len(pending) < PEAKS + 3:
        pending.insert(PEAKS, 0)
    self._weeks = len(past)
    self.days = days
    self.networks, self.domains = _dict(networks), _dict(domains)
    if of != epoch:
        return self
    self._slots.take(slots)
    self._quarters.take(quarters)
    self.pending = pending
    self.today, hostile, *peaks = today
    self.hostile = int(hostile)
    _peaks(self._peaks, peaks)
    self.addresses, self.strange = _dict(addresses), _dict(strange)
    self.seen_networks, self.seen_domains = _dict(seen_networks), _dict(seen_domains)
    self.recipients, self.senders = _sketch(recipients), _sketch(senders)
    self.broken_in, self.loud, self.last = ends
    for at in range(self._quarters.size):
        _plus(self._day, self._quarters.at[at].counts)
    for at in range(self._slots.size):
        _plus(self._day, self._slots.at[at].counts)
        _plus(self._hour, self._slots.at[at].counts)
        _plus(self._recent, self._slots.at[at].counts)
    self.advance(self.last)
    return self


cdef inline bint _is_loud(i64* sums) noexcept:
    return (
        sums[VOLUME] >= LOUD_VOLUME
        or sums[REFUSED] >= LOUD_REFUSED
        or sums[MESSAGES] >= LOUD_MESSAGES
    )


# Checksums

cdef unsigned int[256] _TABLE


cdef _fill_table():
    cdef unsigned int value
    cdef int index, bit
    for index in range(256):
        value = index
        for bit in range(8):
            value = (value >> 1) ^ (0xEDB88320U if value & 1 else 0)
        _TABLE[index] = value


_fill_table()


cdef unsigned int checksum(const char* at, const char* end) noexcept nogil:
    """``binascii.crc32`` of the bytes in lower case."""
    cdef unsigned int value = 0xFFFFFFFFU
    cdef unsigned char c
    while at < end:
        c = <unsigned char>at[0]
        if b'A' <= c <= b'Z':
            c += 32
        value = _TABLE[(value ^ c) & 0xFF] ^ (value >> 8)
        at += 1
    return value ^ 0xFFFFFFFFU


cdef object _domain(bytes sender):
    """Return the checksum of the domain of an envelope sender; None: it is a bounce's."""
    cdef const char* start = PyBytes_AS_STRING(sender)
    cdef const char* end = start + PyBytes_GET_SIZE(sender)
    cdef const char* at = end
    if at == start:
        return None
    while at > start and (at - 1)[0] != b'@':
        at -= 1
    return checksum(at, end)


cdef object _domains(envelopes):
    """Return the checksums of the domains of envelope senders, of one itself; a bounce has none."""
    cdef object found = None
    if envelopes is None:
        return None
    if type(envelopes) is bytes:
        return _domain(envelopes)
    for sender in <set>envelopes:
        domain = _domain(sender)
        if domain is None:
            continue
        if found is None:
            found = domain
        elif not isinstance(found, set):
            found = {found, domain}
        else:
            (<set>found).add(domain)
    return found


cdef object _checksums(envelopes):
    """Return the checksums of envelope senders."""
    cdef list found = []
    cdef const char* start
    if envelopes is None:
        return ()
    for sender in (envelopes,) if type(envelopes) is bytes else envelopes:
        start = PyBytes_AS_STRING(sender)
        found.append(checksum(start, start + PyBytes_GET_SIZE(sender)))
    return found


# The points of an interval


cdef class _Memory:
    """What is needed for each entity, looked up once an interval."""

    cdef object memory
    cdef bint plain, alone
    cdef dict records
    cdef set changed
    cdef i64 start, minute, began

    cdef Record add(self, str entity, i64* counts, addresses, recipients, senders, domains):
        """As ``Memory.add``; counts have WIDTH places."""
        cdef Record record
        cdef i64 minute
        cdef list new
        if not self.plain:
            return self.memory.add(
                entity,
                self.start,
                [counts[place] for place in range(STRANGE)],
                addresses=(addresses,) if isinstance(addresses, str) else addresses,
                recipients=(recipients,) if isinstance(recipients, int) else recipients,
                senders=senders,
                domains=() if domains is None else domains if isinstance(domains, set) else (domains,),
            )
        record = _record(self.memory, self.records, self.alone, entity)
        minute = max(self.minute, record.last)
        if self.began < 0:
            self.began = self.memory.began = minute // MINUTES_OF_DAY
        seen = (addresses,) if isinstance(addresses, str) else addresses  # one, not its letters
        for address in seen:
            if record.addresses is None or address not in record.addresses:
                self.meet(entity, record, seen, minute)
                break
        new = record._take(minute, self.began, counts, addresses, recipients, senders, domains)
        if new:
            self.memory._share(entity, new, minute)
        if self.changed is not None:
            self.changed.add(entity)
        if record.loud:
            _expect(self.memory, entity, record)
        return record


    cdef int meet(self, str entity, Record record, addresses, i64 minute) except -1:
        """As ``Memory.meet``."""
        cdef i64 today = minute // MINUTES_OF_DAY, number
        cdef bint known, begins = (
            not record.days and record.today in (-1, today) and record.pending is None
        )
        cdef dict house = self.memory.house
        for address in addresses:
            number = _network(address)
            if not number:
                continue
            known = record.networks is not None and number in record.networks
            since = house.get(address) if house else None
            if since is not None:
                if <i64>since < today and not known:
                    record.networks = {**(record.networks or {}), number: today}
            elif (known or begins) and not record.hostile:
                _gather(self.memory, entity, address, today)
        return 0


cdef int _gather(memory, str entity, address, i64 today) except -1:
    """``Memory._gather``."""
    cdef dict meeting = memory.meeting, house
    cdef PyObject* known = PyDict_GetItemWithError(meeting, address)
    cdef list accounts
    if known != NULL:
        accounts = <list>known
    else:
        if len(meeting) >= MAX_HOUSE:
            del meeting[next(iter(meeting))]
        accounts = meeting[address] = []
    if entity not in accounts:
        accounts.append(entity)
    if len(accounts) >= HOUSEHOLD:
        del meeting[address]
        house = memory.house
        if len(house) >= MAX_HOUSE:
            del house[next(iter(house))]
        house[address] = today
    return 0


cdef Record _record(memory, dict records, bint alone, str entity):
    """``Memory.record``; alone: there is no store."""
    cdef PyObject* known = PyDict_GetItemWithError(records, entity)
    cdef Record record
    if known != NULL:
        return <Record>known
    if not alone or len(records) >= MAX_ALONE:
        return memory.record(entity)
    record = records[entity] = Record()
    return record


cdef int _expect(memory, str entity, Record record) except -1:
    """``Memory._expect``."""
    cdef i64 due = record.due()
    if due and (not record.expected or due < record.expected):
        record.expected = due
        entities = memory.dues.get(due)
        if entities is None:
            memory.dues[due] = [entity]
            heappush(memory.due_minutes, due)
        else:
            (<list>entities).append(entity)
    return 0


cdef _name_tags(Record record, str entity):
    cdef list parts
    if record._tags is None:
        parts = entity.split("\n")
        record._name, record._tags = parts[0], tuple(parts[1:])


def entities(memory, bint plain, bucket, i64 start):
    """Return the points of who sent something in an interval, as ``Emitter._entities``.

    Args:
        memory: a ``Memory`` with records of this module.
        plain: whether its class is that one, not a class that adds to what ``add`` does.
        bucket: the sums.
        start: of the interval, seconds since the epoch.
    """
    cdef list of_senders = [], of_clients = []
    cdef dict others = {FROM: [], LOCAL_NAME: [], FORWARD: []}
    cdef _Memory all = _Memory()
    cdef dict sums_of = bucket.entities, recipients_of = bucket.recipients
    cdef dict envelopes_of = bucket.envelopes, uids = {}
    cdef dict addresses_of = _addresses(bucket.origins)
    cdef Record record
    cdef Values values
    cdef Sums sums
    cdef str entity, name, sending = SENDER + "\n", client = CLIENT + "\n"
    cdef tuple tags, nothing = ()
    cdef object envelopes, recipients
    cdef i64* s
    cdef i64 counts[WIDTH]
    cdef int place
    cdef PyObject* known
    cdef i64 minute = start // 60
    time = start * 1_000_000_000
    all.memory, all.plain, all.records, all.began = memory, plain, memory.records, memory.began
    all.alone = memory.store is None
    all.changed = None if all.alone else memory.changed
    all.start, all.minute = start, minute
    for entity in sorted(sums_of):
        sums = <Sums>sums_of[entity]
        s = sums.at
        if sums.envelopes is None and sums.sender is not None:
            envelopes = sums.sender
        else:
            known = PyDict_GetItemWithError(envelopes_of, entity)
            envelopes = <object>known if known != NULL else None
        counts[MESSAGES], counts[LOCAL], counts[REFUSED] = s[0], s[4], s[5]
        counts[BLOCKED], counts[UNKNOWN], counts[THROTTLED] = s[6], s[7], s[8]
        if entity.startswith(sending):
            counts[VOLUME] = s[1]
            known = PyDict_GetItemWithError(addresses_of, entity)
            addresses = <object>known if known != NULL else nothing
            if sums.recipients is None and sums.recipient >= 0:
                recipients = sums.recipient
            else:
                known = PyDict_GetItemWithError(recipients_of, entity)
                recipients = <object>known if known != NULL else nothing
            record = all.add(
                entity, counts, addresses, recipients, nothing, _domains(envelopes)
            )
            _name_tags(record, entity)
            values = _values(10 + SENDING)
            values.numbers[0], values.numbers[1], values.numbers[2] = s[0], s[1], s[2]
            values.numbers[3], values.numbers[4] = record.clients(minute), s[5]
            values.numbers[5], values.numbers[6] = s[3], s[4]
            for place in range(3):
                values.numbers[7 + place] = s[6 + place]
            record._sending(memory, entity, minute, values.numbers + 10)
            of_senders.append((SENDER, record._tags, values, time))
            continue
        values = _values(SUMS + RELAYING)
        memcpy(values.numbers, s, SUMS * sizeof(i64))
        if s[3] or s[5] or s[8] or not entity.endswith("\nfalse") or entity in all.records:
            counts[VOLUME], counts[LOCAL] = s[3], 0
            record = all.add(
                entity, counts, nothing, nothing, _checksums(envelopes), _domains(envelopes)
            )
            _name_tags(record, entity)
            name, tags = record._name, record._tags
            record._relaying(minute, values.numbers + SUMS)
            if name == FROM:
                _machine_senders(all.records, tags[0], minute, values.numbers + SUMS)
        elif entity.startswith(client):  # strangers whose mail is for us
            name, tags = CLIENT, (entity[len(client) : -6], "false")
        else:
            name, *parts = entity.split("\n")
            tags = tuple(parts)
        if name == CLIENT:
            of_clients.append((CLIENT, tags, values, time))
            continue
        (<list>others[name]).append((name, tags, values, time))
        if name == LOCAL_NAME:
            total, senders = uids.setdefault(tags[1], ([0] * STRANGE, set()))
            counts[LOCAL] = s[4]
            for place in range(STRANGE):
                total[place] += counts[place]
            if type(envelopes) is bytes:
                senders.add(envelopes)
            elif envelopes is not None:
                senders.update(envelopes)
    for uid, (total, senders) in uids.items():
        # A hacked page writes as somebody new each time: the uid is what all have in common.
        # No counts: those are in the points of the senders.
        for place in range(STRANGE):
            counts[place] = total[place]
        record = all.add(
            f"{LOCAL_NAME}\n{ALL}\n{uid}",
            counts,
            nothing,
            nothing,
            _checksums(senders),
            _domains(senders),
        )
        if record.senders is not None and record.senders.count(minute) > FEW_SENDERS:
            values = _values(SUMS + RELAYING)
            record._relaying(minute, values.numbers + SUMS)
            (<list>others[LOCAL_NAME]).append((LOCAL_NAME, (ALL, uid), values, time))
    return [of_senders, of_clients, *others.values()]


cdef dict _addresses(set origins):
    """Return the addresses of each user that sent something, of one address itself, by entity."""
    cdef dict found = {}
    cdef Origin origin
    cdef PyObject* known
    for each in origins:
        origin = <Origin>each
        known = PyDict_GetItemWithError(found, origin.entity)
        if known == NULL:
            found[origin.entity] = origin.client
        elif isinstance(<object>known, set):
            (<set>known).add(origin.client)
        elif <str>known != origin.client:
            found[origin.entity] = {<object>known, origin.client}
    return found


cdef int _machine_senders(dict records, str client, i64 minute, i64* gauges) except -1:
    """``Memory.machine_senders``, into the gauges of a ``postfix_from``."""
    cdef PyObject* known = PyDict_GetItemWithError(records, f"{CLIENT}\n{client}\ntrue")
    cdef Record machine
    if known == NULL:
        known = PyDict_GetItemWithError(records, f"{CLIENT}\n{client}\nfalse")
    gauges[SENDERS] = gauges[USUAL_SENDERS] = 0
    if known != NULL:
        machine = <Record>known
        if machine.senders is not None:
            gauges[SENDERS] = machine.senders.count(minute)
        gauges[USUAL_SENDERS] = machine.usual(3, minute // MINUTES_OF_DAY // 7)
    return 0


def silent(memory, i64 minute, other):
    """Return the points of those who fell silent until that minute, as ``Emitter.silent``.

    Args:
        memory: a ``Memory`` with records of this module.
        minute: since the epoch.
        other: gives the point of another than a login or a client, or None.
    """
    cdef list rows = [], heap = memory.waiting(minute)
    cdef dict records = memory.records
    cdef bint alone = memory.store is None
    cdef str entity, sending = SENDER + "\n", client = CLIENT + "\n"
    cdef Record record
    cdef Values values
    cdef i64 due
    while heap:
        _, entity = heappop(heap)
        record = _record(memory, records, alone, entity)
        record.expected = 0
        due = record.due()
        if due and due <= minute:
            record.advance(due)
            record.tell(due)
            if not alone:
                memory.changed.add(entity)
            if entity.startswith(sending):
                _name_tags(record, entity)
                values = _values(10 + SENDING)
                values.numbers[3] = record.clients(due)
                record._sending(memory, entity, due, values.numbers + 10)
                rows.append((SENDER, record._tags, values, due * 60_000_000_000))
            elif entity.startswith(client):
                _name_tags(record, entity)
                values = _values(SUMS + RELAYING)
                record._relaying(due, values.numbers + SUMS)
                rows.append((CLIENT, record._tags, values, due * 60_000_000_000))
            else:
                row = other(due, entity, record)
                if row is not None:
                    rows.append(row)
            due = record.due()
            if due and due <= minute:
                heappush(heap, (due, entity))
                continue
        _expect(memory, entity, record)
    return rows


def of_guessed(set origins not None, dict guessed not None, i64 after):
    """``emit._of_guessed``."""
    cdef list found = []
    cdef Origin origin
    cdef PyObject* last
    if guessed:
        for each in origins:
            origin = <Origin>each
            last = PyDict_GetItemWithError(guessed, origin.user)
            if (0 if last == NULL else <i64><object>last) > after:
                found.append(origin)
    return found


def server_fields(Record relays not None, Record logins not None, i64 minute, relayed, failures):
    """The fields of the server, as ``Emitter._server_fields``."""
    cdef Values values = _values(15)
    cdef i64 week = minute // MINUTES_OF_DAY // 7
    cdef i64* at = values.numbers
    at[0], at[1] = relayed, failures
    at[2], at[3], at[4] = relays._recent[VOLUME], relays._hour[VOLUME], relays._day[VOLUME]
    at[5] = relays._hour[REFUSED]
    at[6] = 0 if relays.recipients is None else relays.recipients.count(minute)
    at[7], at[8], at[9] = logins._recent[VOLUME], logins._hour[VOLUME], logins._day[VOLUME]
    at[10] = 0 if logins.recipients is None else logins.recipients.count(minute)
    at[11] = 0 if logins.senders is None else logins.senders.count(minute)
    at[12], at[13] = relays.usual(0, week), logins.usual(0, week)
    at[14] = max(relays.days, logins.days)
    return values


def strangers(dict sums_of not None):
    """Return what machines that are neither logged in nor trusted relayed together.

    Returns:
        Recipients elsewhere, refused ones, checksums of the machines.
    """
    cdef str head = CLIENT + "\n"
    cdef list clients = []
    cdef Sums sums
    cdef i64 relayed = 0, refused = 0
    cdef str entity
    for entity, sums in sums_of.items():
        if (sums.at[3] or sums.at[5]) and entity.startswith(head) and entity.endswith("\nfalse"):
            relayed += sums.at[3]
            refused += sums.at[5]
            text = entity.encode()
            clients.append(crc32(text))
    return relayed, refused, clients

# cython: language_level=3, boundscheck=False, wraparound=False
"""The loop over the lines of a log, compiled: what ``scan.py``'s patterns find, by pointers.

Only plain forms are taken apart here. A line that may count and has any other form is handed to
the scanner's patterns, which define what counts; a test holds both ways equal. Every pointer is
compared with the end of its line before it is read through.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_DelItem
from cpython.object cimport PyObject
from libc.string cimport memchr, memcmp, memcpy

from bmtick.collect._bucket cimport Message, Origin, Sums, i64, new_message, new_origin
from bmtick.collect._memory cimport checksum
from bmtick.names import FROM

cdef extern from "Python.h":
    PyObject* PyDict_GetItemWithError(dict mapping, object key) except? NULL
    object PyUnicode_DecodeUTF8(const char* text, Py_ssize_t size, const char* errors)

cdef extern from "string.h":
    void* memmem(const void* text, size_t size, const void* wanted, size_t length) nogil

cdef enum:
    NONE = 0
    TRADITIONAL = 1  # "Jun 21 08:34:3" and a digit
    ISO = 2  # "2023-06-21T08:34:3", a digit, a fraction or none, a zone
    TRADITIONAL_HEAD = 14
    ISO_HEAD = 18
    MAX_DIGITS = 18  # of a number that fits 64 bits
    SHORTEST_ID = 5
    MAX_FRACTION = 9  # digits of a second's: nanoseconds
    MAX_TIME = 47  # bytes of a line that hold its time
    ZERO = 48  # the digit
    MAX_RECIPIENTS = 1000000  # these as in raw.py, bucket.py and counter.py
    MAX_DELAY = 12
    MAX_DELAYS = 50
    MAX_SEEN = 1000
    MAX_DOMAINS = 2000
    MAX_OUTWARD = 100
    MAX_LOGINS = 10000
    MAX_RETRIED = 5000
    MAX_NAME = 255
    MAX_NETWORKS = 32  # of trusted ones that are looked up here
    MAX_SAID = 2000  # bytes of a reply that is looked up here
    MESSAGES = 0  # places in the sums
    RECIPIENTS = 1
    BYTES = 2
    RELAYED = 3
    OURS = 4
    REFUSED = 5
    BLOCKED = 6
    UNKNOWN = 7
    THROTTLED = 8
    IS_BLOCKED = 1  # verdicts of blocked.py
    IS_UNKNOWN = 2
    IS_THROTTLED = 3
    WAS_PLACED = 1  # what was counted of a recipient that is tried again
    WAS_REFUSED = 2
    WAS_THROTTLED = 4
    NOWHERE = 0  # what a daemon delivers to
    OUTWARD = 1
    HOME = 2
    SUSPENDED = 3

FORMAT = 9  # of what is shared with the Python around: compiled.py refuses another one

cdef long long MAX_SIZE = 1LL << 40
cdef long long MAX_UID = (1LL << 32) - 1

cdef struct Time:
    int form
    const char* head
    const char* zone
    Py_ssize_t zone_length

cdef struct Line:
    const char* start
    const char* end
    const char* host
    Py_ssize_t host_length
    const char* daemon
    Py_ssize_t daemon_length
    const char* token  # the first word of the message
    const char* said  # what follows it

cdef struct Network:
    int shift
    i64 prefix

cdef class _Counter:
    """What is needed at each line, looked up once a block."""

    cdef object counter, hand, failure, blocked, buckets, clock
    cdef object nobody
    cdef dict waiting, counted, gone, logins, domains  # the counter's
    cdef dict verdicts  # by what was said; None: they are to be asked for
    cdef dict entities, envelopes, recipients, delivery  # the bucket's
    cdef set origins
    cdef list trace  # or None
    cdef const char* base
    cdef bytes home  # the first host
    cdef const char* host  # of the line before
    cdef Py_ssize_t host_length
    cdef Py_ssize_t sent
    cdef bint plain_enter, plain_origin, plain_attempt  # whether no subclass does that
    cdef i64 turn
    cdef bytes hour  # whose start is known: "Jun 21 08"
    cdef i64 hour_start
    cdef Network networks[MAX_NETWORKS]
    cdef int network_count

cdef i64 _turns = 0  # of all counters


def feed(scanner, bytes block not None):
    """Count whole lines, each with a newline before it and none after it, as ``Scanner.feed``."""
    cdef const char* base = PyBytes_AS_STRING(block)
    cdef const char* end = base + PyBytes_GET_SIZE(block)
    cdef const char* newline = base
    cdef const char* begin = base
    cdef const char* line_end
    cdef const char* rest
    cdef Py_ssize_t lines = 0
    cdef bint known = False
    cdef Time run
    cdef _Counter counter = _counter(scanner, block, base)
    run.form = NONE
    while newline < end:
        line_end = _line_end(newline + 1, end)
        rest = _same(newline + 1, line_end, &run)
        if rest == NULL:
            if lines:
                _leave(scanner, counter, lines, newline - begin, known)
            rest = _time(newline + 1, line_end, &run)
            begin, lines = newline, 0
            known = _enter(scanner, counter, newline + 1, line_end, &run)
            _turn(counter)
        lines += 1
        if known:
            _count(counter, newline, rest, line_end, run.form)
        newline = line_end
    if lines:
        _leave(scanner, counter, lines, newline - begin, known)


cdef tuple _classes = None


cdef tuple _needed():
    """Return the classes whose work is done here, and who sends what nobody sent."""
    from bmtick.collect.blocked import Blocked
    from bmtick.collect.bucket import NOBODY
    from bmtick.collect.clock import LogClock
    from bmtick.collect.counter import Counter
    from bmtick.collect.known import KnownClients
    from bmtick.collect.scan import Scanner

    return Blocked, NOBODY, LogClock, Counter, KnownClients, Scanner


cdef _Counter _counter(scanner, bytes block, const char* base):
    global _classes
    if _classes is None:
        _classes = _needed()
    Blocked, NOBODY, LogClock, Counter, KnownClients, Scanner = _classes
    cdef _Counter counter = _Counter()
    facts = counter.counter = scanner.counter
    counter.base = base
    counter.home = facts.home
    counter.host, counter.host_length = NULL, 0
    counter.sent = 0
    counter.waiting, counter.counted, counter.gone = facts.waiting, facts.counted, facts.gone
    counter.logins, counter.domains, counter.trace = facts.logins, facts.domains, facts.trace
    counter.hand, counter.failure = scanner.hand(block), scanner.failure
    counter.nobody = NOBODY
    counter.buckets, counter.clock = scanner.buckets, scanner.clock
    counter.plain_enter = type(scanner).enter is Scanner.enter and type(scanner.clock) is LogClock
    counter.plain_attempt = type(facts).attempt is Counter.attempt
    counter.plain_origin = type(facts)._origin is Counter._origin
    counter.blocked = facts.blocked
    if counter.plain_enter:
        counter.hour, counter.hour_start = scanner.clock._hour, scanner.clock._base
    counter.verdicts = counter.blocked.known if type(counter.blocked) is Blocked else None
    if type(facts.known) is not KnownClients or not _networks(counter, facts.known.networks):
        counter.plain_origin = False
    return counter


cdef bint _networks(_Counter counter, list networks) except -1:
    """Take the trusted IPv4 networks; return whether these are all."""
    counter.network_count = 0
    for bits, shift, prefix in networks:
        if bits == 32:
            if counter.network_count == MAX_NETWORKS:
                return False
            counter.networks[counter.network_count].shift = shift
            counter.networks[counter.network_count].prefix = prefix
            counter.network_count += 1
    return True


cdef _turn(_Counter counter):
    """Turn to the bucket that was entered."""
    global _turns
    bucket = counter.counter.bucket
    counter.entities, counter.envelopes = bucket.entities, bucket.envelopes
    counter.recipients, counter.origins = bucket.recipients, bucket.origins
    counter.delivery = bucket.delivery
    _turns += 1
    counter.turn = _turns


cdef bint _enter(
    scanner, _Counter counter, const char* line, const char* end, Time* run
) except -1:
    """``Scanner.enter``; the usual times are read here."""
    cdef i64 time = -1
    if counter.plain_enter:
        if run.form == TRADITIONAL:
            time = _of_hour(counter, line)
        elif run.form == ISO:
            time = _of_date(line, run)
    if time >= 0:
        counter.clock.last = time
        counter.counter.bucket = counter.buckets.at(time)
        return True
    known = scanner.enter(None if run.form == NONE else _time_text(line, end))
    if counter.plain_enter:
        counter.hour, counter.hour_start = scanner.clock._hour, scanner.clock._base
    return known


cdef inline int _two(const char* at) noexcept nogil:
    return (at[0] - ZERO) * 10 + at[1] - ZERO


cdef i64 _of_hour(_Counter counter, const char* line) noexcept:
    """Return a time of the hour that was last read, or -1: it is of another one, or none."""
    if counter.hour is None or PyBytes_GET_SIZE(counter.hour) != 9:
        return -1
    if memcmp(line, PyBytes_AS_STRING(counter.hour), 9):
        return -1
    if _two(line + 10) > 59 or _two(line + 13) > 60:
        return -1
    return counter.hour_start + 60 * _two(line + 10) + _two(line + 13)


cdef i64 _of_date(const char* line, Time* run) noexcept:
    """Return a time with its date and zone, or -1: there is no such."""
    cdef i64 year = 100 * _two(line) + _two(line + 2), day, month = _two(line + 5)
    cdef i64 offset = 0, seconds
    cdef const char* zone = run.zone
    if year < 1970 or not 1 <= month <= 12 or not 1 <= _two(line + 8) <= 31:
        return -1
    if _two(line + 11) > 23 or _two(line + 14) > 59 or _two(line + 17) > 60:
        return -1
    if zone[0] != b'Z':
        offset = 3600 * _two(zone + 1) + 60 * _two(zone + run.zone_length - 2)
        if zone[0] == b'-':
            offset = -offset
    # as clock.days_from_civil
    day = (153 * ((month + 9) % 12) + 2) // 5 + _two(line + 8) - 1
    if month <= 2:
        year -= 1
    day += year // 400 * 146097 + year % 400 * 365 + year % 400 // 4 - year % 400 // 100 - 719468
    seconds = 3600 * _two(line + 11) + 60 * _two(line + 14) + _two(line + 17)
    return day * 86400 + seconds - offset


cdef _leave(scanner, _Counter counter, Py_ssize_t lines, Py_ssize_t size, bint known):
    if counter.sent:
        counter.counter.sent(counter.sent)
        counter.sent = 0
    scanner.leave(lines, size, known)


cdef inline bytes _bytes(const char* start, const char* end):
    return PyBytes_FromStringAndSize(start, end - start)


cdef inline bytes _time_text(const char* line, const char* end):
    return _bytes(line, line + MAX_TIME if end - line > MAX_TIME else end)


cdef inline const char* _find(const char* start, const char* end, char wanted) noexcept nogil:
    if start >= end:
        return NULL
    return <const char*>memchr(start, wanted, end - start)


cdef inline const char* _line_end(const char* line, const char* end) noexcept nogil:
    cdef const char* found = _find(line, end, b'\n')
    return end if found == NULL else found


cdef inline const char* _search(
    const char* start, const char* end, const char* wanted, Py_ssize_t n
) noexcept nogil:
    if end - start < n:
        return NULL
    return <const char*>memmem(start, end - start, wanted, n)


cdef inline bint _begins(const char* at, const char* end, const char* text, Py_ssize_t n) noexcept nogil:
    return end - at >= n and memcmp(at, text, n) == 0


cdef inline bint _digit(char c) noexcept nogil:
    return b'0' <= c <= b'9'


# Times


cdef bint _shaped(const char* at, const char* shape) noexcept nogil:
    """Whether the bytes have this shape: 0 a digit, A, a a letter, 3 a day's first, else itself."""
    while shape[0]:
        if shape[0] == b'0':
            if not _digit(at[0]):
                return False
        elif shape[0] == b'A':
            if not b'A' <= at[0] <= b'Z':
                return False
        elif shape[0] == b'a':
            if not b'a' <= at[0] <= b'z':
                return False
        elif shape[0] == b'3':
            if at[0] != b' ' and not b'0' <= at[0] <= b'3':
                return False
        elif shape[0] != at[0]:
            return False
        at += 1
        shape += 1
    return True


cdef const char* _time(const char* line, const char* end, Time* run) noexcept nogil:
    """Read the time at a line's head into run; return where it ends, or NULL: there is none."""
    run.form, run.head = NONE, line
    if end - line > TRADITIONAL_HEAD + 1 and _shaped(line, b"Aaa 30 00:00:0"):
        run.form = TRADITIONAL
    elif end - line > ISO_HEAD + 1 and _shaped(line, b"0000-00-00T00:00:0"):
        run.form = ISO
        run.zone = _zone(line + ISO_HEAD, end)
        if run.zone == NULL:
            run.form = NONE
            return NULL
        run.zone_length = 1 if run.zone[0] == b'Z' else 6 if run.zone[3] == b':' else 5
    cdef const char* rest = _same(line, end, run)
    if rest == NULL:
        run.form = NONE
    return rest


cdef const char* _zone(const char* at, const char* end) noexcept nogil:
    """Return where the zone begins behind the last digit of the second and its fraction."""
    cdef int digits = 0
    if at >= end or not _digit(at[0]):
        return NULL
    at += 1
    if end - at > 1 and (at[0] == b'.' or at[0] == b',') and _digit(at[1]):
        at += 1
        while digits < MAX_FRACTION and at < end and _digit(at[0]):
            at += 1
            digits += 1
    if at < end and at[0] == b'Z':
        return at
    if end - at < 6 or (at[0] != b'+' and at[0] != b'-'):
        return NULL
    return at if _shaped(at + 1, b"00:00") or _shaped(at + 1, b"0000") else NULL


cdef const char* _same(const char* line, const char* end, Time* run) noexcept nogil:
    """Return where the time ends if it is one of the run's ten seconds, else NULL."""
    cdef const char* at
    if run.form == TRADITIONAL:
        at = line + TRADITIONAL_HEAD
        if end - line <= TRADITIONAL_HEAD + 1 or memcmp(line, run.head, TRADITIONAL_HEAD):
            return NULL
        return at + 1 if _digit(at[0]) and at[1] == b' ' else NULL
    if run.form == ISO:
        if end - line <= ISO_HEAD + 1 or memcmp(line, run.head, ISO_HEAD):
            return NULL
        at = _zone(line + ISO_HEAD, end)
        if at == NULL or end - at <= run.zone_length or memcmp(at, run.zone, run.zone_length):
            return NULL
        return at + run.zone_length if at[run.zone_length] == b' ' else NULL
    return NULL


# Facts


cdef int _count(
    _Counter counter, const char* newline, const char* rest, const char* end, int form
) except -1:
    """Count what a line says; rest is the space behind its time."""
    cdef Line line
    cdef const char* program
    cdef const char* space
    line.start, line.end = newline, end
    rest += 1
    if counter.host_length and end - rest > counter.host_length and (
        rest[counter.host_length] == b' '
        and memcmp(rest, counter.host, counter.host_length) == 0
    ):
        space = rest + counter.host_length  # a host's name has no spaces
    else:
        space = _find(rest, end, b' ')  # behind the host's name
        if space == NULL or space == rest:
            return 0
    line.host, line.host_length = rest, space - rest
    counter.host, counter.host_length = line.host, line.host_length
    program = space + 1
    line.token = _message(program, &line)
    if line.token == NULL:
        if _begins(program, end, b"last message repeated ", 22):
            _hand(counter, &line, form)
        return 0
    space = _find(line.token, end, b' ')
    if space == NULL or space == line.token:
        return 0
    line.said = space + 1
    if space - line.token == 8 and memcmp(line.token, b"warning:", 8) == 0:
        _warning(counter, &line, form)
    elif not _fact(counter, &line):
        _hand(counter, &line, form)
    return 0


cdef const char* _message(const char* program, Line* line) noexcept nogil:
    """Find the daemon in ``NAME/DAEMON[PID]: ``; return what follows, or NULL: it is no such."""
    cdef const char* at = program
    cdef const char* end = line.end
    if end - at > 8 and memcmp(at, b"postfix/", 8) == 0:
        at += 7
    while at < end and at[0] != b'/' and at[0] != b' ':
        at += 1
    if at == program or at >= end or at[0] == b' ':
        return NULL
    while at < end and at[0] != b'[' and at[0] != b' ':
        if at[0] == b'/':
            line.daemon = at + 1
        at += 1
    if at >= end or at[0] == b' ':
        return NULL
    line.daemon_length = at - line.daemon
    at += 1
    if at >= end or not _digit(at[0]):
        return NULL
    while at < end and _digit(at[0]):
        at += 1
    return at + 3 if _begins(at, end, b"]: ", 3) else NULL


cdef bytes _key(_Counter counter, Line* line):
    """Return the queue id as the counter keeps it: behind the name of its host if that is another."""
    cdef bytes queue_id = _bytes(line.token, line.said - 1)
    cdef bytes home = counter.home
    if PyBytes_GET_SIZE(home) == line.host_length:
        if memcmp(PyBytes_AS_STRING(home), line.host, line.host_length) == 0:
            return queue_id
    prefix = counter.counter.host_prefix(_bytes(line.host, line.host + line.host_length))
    counter.home = counter.counter.home
    return prefix + queue_id


cdef int _hand(_Counter counter, Line* line, int form) except -1:
    """Let the patterns read a line."""
    counter.hand(line.start - counter.base, line.end - counter.base, form == ISO)
    return 0


cdef int _warning(_Counter counter, Line* line, int form) except -1:
    """``warning: PEER: SASL METHOD authentication failed: REASON``."""
    cdef const char* at = _find(line.said, line.end, b' ')
    if at != NULL and at > line.said and _begins(at, line.end, b" SASL ", 6):
        at = _find(at + 6, line.end, b' ')
        if at != NULL and _begins(at, line.end, b" authentication failed:", 23):
            if _is(line, b"smtpd", 5):
                counter.failure(_bytes(line.said, line.end), 1)
            return 0
    if _keyed(line):
        _hand(counter, line, form)
    return 0


cdef inline bint _keyed(Line* line) noexcept nogil:
    return line.said < line.end and line.said[0] in (b'c', b'f', b'r', b't', b'u')


cdef inline bint _is(Line* line, const char* daemon, Py_ssize_t n) noexcept nogil:
    return line.daemon_length == n and memcmp(line.daemon, daemon, n) == 0


cdef bint _fact(_Counter counter, Line* line) except -1:
    """Count a line of a plain form; return whether all that it says is counted."""
    cdef bint said
    if not _keyed(line):
        return True
    if line.said[0] == b'c':
        said = _begins(line.said, line.end, b"client=", 7) and line.end - line.said > 7
        if said and _is(line, b"smtpd", 5):
            _client(counter, line)
        return True
    if line.said[0] == b'f':
        return not _begins(line.said, line.end, b"from=<", 6) or _active(counter, line)
    if line.said[0] == b't':
        return not _begins(line.said, line.end, b"to=<", 4) or _delivery(counter, line)
    if line.said[0] == b'u':
        return _local(counter, line)
    if line.end - line.said == 7 and _begins(line.said, line.end, b"removed", 7):
        if _is(line, b"qmgr", 4) or _is(line, b"postsuper", 9):
            _removed(counter, _key(counter, line))
        return True
    return not _begins(line.said, line.end, b"repeated ", 9)


cdef bint _local(_Counter counter, Line* line) except -1:
    """``uid=NUMBER from=<SENDER>``: a message of this machine."""
    cdef long long uid = 0
    cdef const char* at
    cdef const char* sender
    if not _begins(line.said, line.end, b"uid=", 4) or not _is(line, b"pickup", 6):
        return True
    at = _number(line.said + 4, line.end, &uid)
    if at == NULL or not _begins(at, line.end, b" from=<", 7) or (line.end - 1)[0] != b'>':
        return False  # "orig_id=": it was requeued
    if uid > MAX_UID:
        return False
    sender = at + 7
    if _find(sender, line.end, b'>') != line.end - 1:
        return False
    at = line.token
    while at < line.end and _letter_or_digit(at[0]):
        at += 1
    if at - line.token < SHORTEST_ID or line.said - at != 2 or at[0] != b':':
        return False
    counter.counter.picked_up(_key(counter, line), uid, _bytes(sender, line.end - 1), b":")
    return True


cdef inline bint _letter_or_digit(char c) noexcept nogil:
    return _digit(c) or b'a' <= c <= b'z' or b'A' <= c <= b'Z'


cdef int _client(_Counter counter, Line* line) except -1:
    cdef bytes queue_id
    cdef bytes login = _bytes(line.said + 7, line.end)
    cdef PyObject* found
    cdef Origin origin
    if line.said - 1 - line.token == 8 and memcmp(line.token, b"NOQUEUE:", 8) == 0:
        counter.counter.proxied(login)
        return 0
    queue_id = _key(counter, line)
    found = PyDict_GetItemWithError(counter.logins, login)
    if found != NULL:
        origin = <Origin>found
    else:
        origin = _origin(counter, login, line.said + 7, line.end)
    if origin is None or origin.injected:
        counter.counter.client(queue_id, login)
        return 0
    _pop(counter.counted, queue_id)  # the id is used again
    _pop(counter.gone, queue_id)
    counter.waiting[queue_id] = origin
    return 0


cdef Origin _origin(_Counter counter, bytes login, const char* start, const char* end):
    """Return the origin of a login from an IPv4 address in its usual form; None: it is another."""
    cdef const char* peer = _find(start, end, b'[')
    cdef const char* tail
    cdef const char* user = NULL
    cdef i64 address
    cdef int first, second, number
    cdef bint trusted = False, private
    cdef str name = ""
    cdef Origin origin
    if not counter.plain_origin or peer == NULL or _find(start, peer, b' ') != NULL:
        return None
    peer += 1
    tail = _find(peer, end, b']')
    if tail == NULL:
        return None
    address = _ipv4(peer, tail)
    if address < 0:
        return None
    tail += 1
    if tail < end:
        if _search(tail, end, b", sasl_sender=", 14) != NULL or _search(tail, end, b", orig_", 7) != NULL:
            return None
        user = _search(tail, end, b", sasl_username=", 16)
        if user == NULL or not _begins(tail, user, b", sasl_method=", 14):
            return None
        if _find(tail + 2, user, b' ') != NULL:
            return None
        name = _lower_text(user + 16, end)
    for number in range(counter.network_count):
        if address >> counter.networks[number].shift == counter.networks[number].prefix:
            trusted = True
    first, second = address >> 24, address >> 16 & 255
    private = (  # as raw.network
        first == 0 or first == 10 or first == 127
        or (first == 192 and second == 168)
        or (first == 172 and 16 <= second < 32)
        or (first == 100 and 64 <= second < 128)
        or (first == 169 and second == 254)
    )
    origin = new_origin(
        name, PyUnicode_DecodeUTF8(peer, tail - 1 - peer, NULL), trusted, private
    )
    if len(counter.logins) >= MAX_LOGINS:
        counter.logins.clear()
    counter.logins[login] = origin
    return origin


cdef i64 _ipv4(const char* at, const char* end) noexcept nogil:
    """Return the number of an IPv4 address; -1: it is none in the usual form."""
    cdef i64 address = 0
    cdef int part, digits, value
    for part in range(4):
        if part:
            if at >= end or at[0] != b'.':
                return -1
            at += 1
        value = digits = 0
        while at < end and _digit(at[0]) and digits < 4:
            value = 10 * value + at[0] - ZERO
            digits += 1
            at += 1
        if digits == 0 or digits > 3 or value > 255 or (digits > 1 and (at - digits)[0] == b'0'):
            return -1
        address = address << 8 | value
    return address if at == end else -1


cdef str _lower_text(const char* start, const char* end):
    """``raw.username`` and ``raw.mailbox``."""
    cdef str text = PyUnicode_DecodeUTF8(start, min(end - start, 4 * MAX_NAME), b"replace")
    if len(text) > MAX_NAME:
        text = text[:MAX_NAME]
    return text.lower()


cdef object _pop(dict mapping, bytes key):
    """``mapping.pop(key, None)``, without the cost of a call."""
    cdef PyObject* found = PyDict_GetItemWithError(mapping, key)
    if found == NULL:
        return None
    value = <object>found
    PyDict_DelItem(mapping, key)
    return value


cdef int _removed(_Counter counter, bytes queue_id) except -1:
    cdef Message message = _pop(counter.counted, queue_id)
    if message is None:
        _pop(counter.waiting, queue_id)
    elif message.origin is not counter.nobody:
        counter.gone[queue_id] = message
    return 0


cdef Sums _sums(dict entities, str entity):
    cdef PyObject* found = PyDict_GetItemWithError(entities, entity)
    cdef Sums sums
    if found != NULL:
        return <Sums>found
    sums = Sums.__new__(Sums)
    entities[entity] = sums
    return sums


cdef inline Sums _sums_of(_Counter counter, Origin origin):
    cdef Sums sums
    if origin.turn == counter.turn:
        return <Sums>origin.sums
    sums = _sums(counter.entities, origin.entity)
    origin.turn, origin.sums = counter.turn, <void*>sums
    return sums


cdef set _seen(dict of, str entity):
    """Return what an interval saw of an entity."""
    cdef PyObject* found = PyDict_GetItemWithError(of, entity)
    cdef set seen
    if found != NULL:
        return <set>found
    seen = of[entity] = set()
    return seen


cdef inline int _see_envelope(_Counter counter, str entity, Sums sums, bytes sender) except -1:
    if sums.envelopes is None:
        if not sums.shared:
            if sums.sender is None:
                sums.sender = sender
                return 0
            if sums.sender is sender or sums.sender == sender:
                return 0
        sums.envelopes = _seen(counter.envelopes, entity)
        if not sums.shared:
            sums.envelopes.add(sums.sender)
    if len(sums.envelopes) < MAX_SEEN:
        sums.envelopes.add(sender)
    return 0


cdef inline int _see_recipient(_Counter counter, str entity, Sums sums, i64 checksum) except -1:
    if sums.recipients is None:
        if not sums.shared:
            if sums.recipient < 0:
                sums.recipient = checksum
            if sums.recipient == checksum:
                return 0
        sums.recipients = _seen(counter.recipients, entity)
        if not sums.shared:
            sums.recipients.add(sums.recipient)
    if len(sums.recipients) < MAX_SEEN:
        sums.recipients.add(checksum)
    return 0


cdef int _add(
    _Counter counter, bytes queue_id, bytes sender, long long size, long long nrcpt
) except -1:
    """Count a message if it is the first time that it is active, as ``Counter.active``."""
    cdef Sums sums
    cdef Origin origin = _pop(counter.waiting, queue_id)
    if origin is None:
        if PyDict_GetItemWithError(counter.counted, queue_id) == NULL:
            counter.counted[queue_id] = new_message(counter.nobody, sender, size)
        return 0
    counter.counted[queue_id] = new_message(origin, sender, size)
    sums = _sums_of(counter, origin)
    sums.at[MESSAGES] += 1
    sums.at[RECIPIENTS] += nrcpt
    sums.at[BYTES] += size
    if origin.user:
        if origin.sent != counter.turn:
            counter.origins.add(origin)
            origin.sent = counter.turn
        _see_envelope(counter, origin.entity, sums, sender)
    if counter.trace is not None:
        counter.trace.append((origin, sender, size, nrcpt))
    return 0


cdef const char* _number(const char* at, const char* end, long long* value) noexcept nogil:
    """Read a number; return where it ends, or NULL: there is none, or one too large."""
    cdef Py_ssize_t digits = 0
    value[0] = 0
    while at < end and _digit(at[0]):
        if digits >= MAX_DIGITS:
            return NULL
        value[0] = value[0] * 10 + (at[0] - ZERO)
        digits += 1
        at += 1
    return at if digits else NULL


cdef const char* _before_numbers(const char* start, const char* end) noexcept nogil:
    """Return where ``>, size=SIZE, nrcpt=NUMBER (queue active)`` may begin at a line's end, or NULL."""
    cdef const char* at = end - 15  # " (queue active)"
    if at < start:
        return NULL
    while at > start and _digit((at - 1)[0]):
        at -= 1
    at -= 8  # ", nrcpt="
    while at > start and _digit((at - 1)[0]):
        at -= 1
    at -= 8  # ">, size="
    return at if at > start else NULL


cdef bint _expired(_Counter counter, Line* line) except -1:
    """``from=<SENDER>, status=expired, returned to sender``, or ``force-expired``."""
    cdef const char* end = line.end - 27
    if end < line.said or memcmp(end, b"expired, returned to sender", 27):
        return False
    if end - line.said >= 6 and memcmp(end - 6, b"force-", 6) == 0:
        end -= 6
    if end - line.said < 16 or memcmp(end - 10, b">, status=", 10):
        return False
    if not _is_exact_id(line) or not _is(line, b"qmgr", 4):
        return False
    _key(counter, line)  # for the first host
    counter.counter.expired()
    return True


cdef bint _active(_Counter counter, Line* line) except -1:
    """``from=<SENDER>, size=SIZE, nrcpt=NUMBER (queue active)``."""
    cdef const char* at = line.said + 6
    cdef const char* sender_end
    cdef long long size = 0, nrcpt = 0
    if _expired(counter, line):
        return True
    if at >= line.end:
        return False
    if at[0] == b'"':
        # A quoted sender may hold anything: what follows it is found from the line's end.
        if not _is_exact_id(line) or not _is(line, b"qmgr", 4):
            return False
        sender_end = at = _before_numbers(at, line.end)
    else:
        sender_end = at = _find(at, line.end, b'>')
    if at == NULL or not _begins(at, line.end, b">, size=", 8):
        return False
    at = _number(at + 8, line.end, &size)
    if at == NULL or not _begins(at, line.end, b", nrcpt=", 8):
        return False
    at = _number(at + 8, line.end, &nrcpt)
    if at == NULL or line.end - at != 15 or not _begins(at, line.end, b" (queue active)", 15):
        return False
    if size > MAX_SIZE or nrcpt > MAX_RECIPIENTS:
        return False
    if _is(line, b"qmgr", 4):
        _add(counter, _key(counter, line), _bytes(line.said + 6, sender_end), size, nrcpt)
    return True


cdef const char* _skip(const char* at, const char* end, const char* key, Py_ssize_t n) noexcept nogil:
    """Step over a key and its value without commas; return the comma, or NULL."""
    if at == NULL or not _begins(at, end, key, n):
        return NULL
    return _find(at + n, end, b',')


cdef const char* _digits(
    const char* at, const char* end, const char* key, Py_ssize_t n, Py_ssize_t most, char slash
) noexcept nogil:
    """Step over a key and its value of digits, points and slashes; return the comma, or NULL."""
    cdef const char* start
    if at == NULL or not _begins(at, end, key, n):
        return NULL
    start = at = at + n
    while at < end and (_digit(at[0]) or at[0] == b'.' or (slash and at[0] == slash)):
        at += 1
    if at == start or at - start > most or at >= end or at[0] != b',':
        return NULL
    return at


cdef const char* _dsn(const char* at, const char* end) noexcept nogil:
    """Step over a DSN; return where it ends, or NULL: it is none."""
    cdef int part, digits
    if end - at < 5 or at[0] not in (b'2', b'4', b'5'):
        return NULL
    at += 1
    for part in range(2):
        if at >= end or at[0] != b'.':
            return NULL
        at += 1
        digits = 0
        while at < end and _digit(at[0]) and digits < 3:
            at += 1
            digits += 1
        if digits == 0:
            return NULL
    return at


cdef struct Delivery:
    const char* to
    const char* to_end
    const char* relay
    const char* relay_end
    const char* status
    const char* status_end
    const char* dsn
    const char* dsn_end
    const char* reply
    const char* end
    int agent
    bint quoted  # whether the address begins with a quote, which the exact patterns alone read


cdef bint _delivery(_Counter counter, Line* line) except -1:
    """``to=<TO>, orig_to=<TO>, relay=, conn_use=, delay=, delays=, dsn=, status=STATUS (REPLY)``."""
    cdef const char* end = line.end
    cdef const char* orig = NULL
    cdef const char* orig_end = NULL
    cdef long long times
    cdef const char* at = line.said + 4
    cdef Delivery said
    cdef bytes key
    if at >= end:
        return False
    said.to = at
    said.quoted = at[0] == b'"'
    said.to_end = _address_end(at, end) if said.quoted else _find(at, end, b'>')
    if said.to_end == NULL or (said.quoted and not _is_exact(line, &said)):
        return False
    at = said.to_end + 1
    if _begins(at, end, b", orig_to=<", 11):
        orig = at + 11
        orig_end = _find(orig, end, b'>')
        if orig_end == NULL or _find(orig, orig_end, b'"') != NULL or not _is_exact(line, &said):
            return False
        at = orig_end + 1
    said.relay = at + 8
    said.relay_end = at = _skip(at, end, b", relay=", 8)
    if at != NULL and _begins(at, end, b", conn_use=", 11):
        at = _number(at + 11, end, &times)
        if not _is_exact(line, &said):
            return False
    at = _digits(at, end, b", delay=", 8, MAX_DELAY, 0)
    at = _digits(at, end, b", delays=", 9, MAX_DELAYS, b'/')
    if at == NULL or not _begins(at, end, b", dsn=", 6):
        return False
    said.dsn = at + 6
    said.dsn_end = _dsn(said.dsn, end)
    if said.dsn_end == NULL or not _begins(said.dsn_end, end, b", status=", 9):
        return False
    said.status = at = said.dsn_end + 9
    while at < end and (b'a' <= at[0] <= b'z' or b'A' <= at[0] <= b'Z' or at[0] == b'-'):
        at += 1
    said.status_end = at
    if at == said.status or not _begins(at, end, b" (", 2):
        return False
    said.reply = at + 2
    said.end = end - 1 if end > said.reply and (end - 1)[0] == b')' else end
    said.agent = _agent(line)
    key = _key(counter, line)
    forwarded = orig != NULL and orig != orig_end and said.agent != HOME  # or it may be
    if not forwarded:
        if at - said.status == 4 and memcmp(said.status, b"sent", 4) == 0:
            if _sent(counter, line, &said, key):
                counter.sent += 1
                return True
        if counter.plain_attempt and _attempt(counter, line, &said, key):
            return True
    counter.counter.attempt(
        key,
        _bytes(said.to, said.to_end),
        _bytes(orig, orig_end) if forwarded else b"",
        _bytes(line.daemon, line.daemon + line.daemon_length),
        _bytes(said.relay, said.relay_end),
        _bytes(said.status, said.status_end),
        _bytes(said.dsn, said.dsn_end),
        _bytes(said.reply, said.end),
    )
    return True


cdef bint _is_exact_id(Line* line) noexcept nogil:
    """Whether the exact patterns take the line's queue id."""
    cdef const char* at = line.token
    while at < line.end and _letter_or_digit(at[0]):
        at += 1
    return at - line.token >= SHORTEST_ID and line.said - at == 2 and at[0] == b':'


cdef bint _is_exact(Line* line, Delivery* said) noexcept nogil:
    """Whether the exact patterns, which read the rarer forms, take the line's queue id and address."""
    if not _is_exact_id(line) or _is(line, b"smtpd", 5) or _is(line, b"pickup", 6):
        return False
    return said.quoted or _find(said.to, said.to_end, b'"') == NULL


cdef const char* _address_end(const char* at, const char* end) noexcept nogil:
    """Return where an address with quoted parts ends, at its bracket; NULL: it does not."""
    while at < end and at[0] != b'>':
        if at[0] == b'"':
            at += 1
            while at < end and at[0] != b'"':
                at += 2 if at[0] == b'\\' else 1
            if at >= end:
                return NULL
        at += 1
    return at if at < end else NULL


cdef int _agent(Line* line) noexcept nogil:
    """Return what the daemon delivers to."""
    if _is(line, b"smtp", 4) or _is(line, b"relay", 5):
        return OUTWARD
    if (
        _is(line, b"lmtp", 4) or _is(line, b"local", 5)
        or _is(line, b"virtual", 7) or _is(line, b"pipe", 4)
    ):
        return HOME
    return SUSPENDED if _is(line, b"error", 5) or _is(line, b"retry", 5) else NOWHERE


cdef inline bint _to_this_machine(Delivery* said) noexcept nogil:
    """Whether the next hop is here: a filter."""
    cdef const char* at = _find(said.relay, said.relay_end, b'[')
    return at != NULL and (
        _begins(at + 1, said.relay_end, b"127.", 4) or _begins(at + 1, said.relay_end, b"::1]", 4)
    )


cdef bint _sent(_Counter counter, Line* line, Delivery* said, bytes key) except -1:
    """Count a recipient that was delivered, if that is simple, as ``Counter.attempt`` does."""
    cdef bint outward = said.agent == OUTWARD
    cdef bytes second
    cdef PyObject* found
    cdef Sums sums, trusted
    cdef Message message
    cdef Origin origin
    if not outward and said.agent != HOME:
        return False
    found = PyDict_GetItemWithError(counter.counted, key)
    if found == NULL:
        return False
    message = <Message>found
    if message.waiting and checksum(said.to, said.to_end) in message.waiting:
        return False
    second = _second_key(key, said)
    if second is not None and (
        second in counter.counted or second in counter.waiting or second in counter.gone
    ):
        return False  # a filter gave it back
    if outward:
        if _to_this_machine(said):
            return False
    elif _is(line, b"local", 5) and _begins(said.reply, said.end, b"forwarded as ", 13):
        return False
    else:
        _see_domain(counter, said.to, said.to_end)
    origin = message.origin
    if not origin.entity:
        return True
    sums = _sums_of(counter, origin)
    if outward and not origin.user:
        if origin.relays:
            trusted = _trusted(counter, message)
            trusted.at[RELAYED] += 1
            trusted.at[RECIPIENTS] += 1
        _went_outward(counter, message, sums)
    sums.at[RELAYED if outward else OURS] += 1
    if origin.user:
        _see_recipient(counter, origin.entity, sums, checksum(said.to, said.to_end))
    return True


cdef Sums _trusted(_Counter counter, Message message):
    """``Counter.trusted_sums``."""
    if message.by_of is not message.origin:
        message.by_of = message.origin
        message.by = "%s\n%s\n%s" % (
            FROM,
            message.origin.client,
            _lower_text(
                PyBytes_AS_STRING(message.sender),
                PyBytes_AS_STRING(message.sender) + PyBytes_GET_SIZE(message.sender),
            ),
        )
    return _sums(counter.entities, message.by)


cdef int _went_outward(_Counter counter, Message message, Sums sums) except -1:
    """``Counter.went_outward`` of a message without a login that is not forwarded."""
    cdef Origin origin = message.origin
    cdef Sums trusted
    if message.outward is None:
        message.outward = set()
    elif origin.entity in message.outward or len(message.outward) >= MAX_OUTWARD:
        return 0
    message.outward.add(origin.entity)
    if origin.relays:
        trusted = _trusted(counter, message)
        trusted.at[MESSAGES] += 1
        trusted.at[BYTES] += message.size
    return _see_envelope(counter, origin.entity, sums, message.sender)


cdef bint _attempt(_Counter counter, Line* line, Delivery* said, bytes key) except -1:
    """Count what an agent did with a recipient, as ``Counter.attempt``; return whether it did."""
    cdef Py_ssize_t length = said.status_end - said.status
    cdef bint sent = False, deferred = False, bounced = False, refused, throttled
    cdef int verdict, place = said.agent, before = 0, counted
    cdef str name
    cdef list sums_of_status
    cdef Message message
    cdef Origin origin
    cdef Sums own, trusted = None
    cdef PyObject* found
    if counter.verdicts is None:
        return False
    if length == 4 and memcmp(said.status, b"sent", 4) == 0:
        name, sent = "sent", True
    elif length == 8 and memcmp(said.status, b"deferred", 8) == 0:
        name, deferred = "deferred", True
    elif length == 10 and memcmp(said.status, b"SOFTBOUNCE", 10) == 0:
        name, deferred = "deferred", True
    elif length == 7 and memcmp(said.status, b"bounced", 7) == 0:
        name, bounced = "bounced", True
    elif length == 7 and memcmp(said.status, b"expired", 7) == 0:
        name = "expired"
    else:
        return True  # an address probe: deliverable, undeliverable
    verdict = 0 if sent else _verdict(counter, said)
    found = PyDict_GetItemWithError(counter.delivery, name)
    if found != NULL:
        sums_of_status = <list>found
    else:
        sums_of_status = counter.delivery[name] = [0, 0]
    sums_of_status[0] += 1
    sums_of_status[1] += verdict == IS_BLOCKED
    found = PyDict_GetItemWithError(counter.counted, key)
    if found == NULL:
        found = _gone(counter, key)
    if found != NULL:
        message = <Message>found
    else:
        message = counter.counted[key] = new_message(counter.nobody, b"", 0)  # before the log
    if place == SUSPENDED:
        place = HOME if _domain(said.to, said.to_end).lower() in counter.domains else OUTWARD
    elif sent and _given_back(counter, key, message, said):
        place = NOWHERE
    elif place == OUTWARD:
        if _to_this_machine(said):
            place = NOWHERE
    elif place == HOME and sent:
        if _is(line, b"local", 5) and _begins(said.reply, said.end, b"forwarded as ", 13):
            place = NOWHERE  # it goes on as a message of its own
        else:
            _see_domain(counter, said.to, said.to_end)
    refused = verdict == IS_BLOCKED or bounced
    throttled = verdict == IS_THROTTLED and deferred
    if place == NOWHERE and not refused and not throttled:
        return True
    origin = message.origin
    if not origin.entity:
        return True
    recipient = checksum(said.to, said.to_end)
    if message.waiting:
        before = message.waiting.pop(recipient, 0)
    counted = before
    own = _sums_of(counter, origin)
    if place == OUTWARD and origin.relays:
        trusted = _trusted(counter, message)
    if place != NOWHERE and not before & WAS_PLACED:
        counted |= WAS_PLACED
        own.at[RELAYED if place == OUTWARD else OURS] += 1
        if place == OUTWARD:
            if not origin.user:
                _went_outward(counter, message, own)
            if trusted is not None:
                trusted.at[RELAYED] += 1
                trusted.at[RECIPIENTS] += 1
        if origin.user:
            _see_recipient(counter, origin.entity, own, recipient)
    if refused and not before & WAS_REFUSED:
        counted |= WAS_REFUSED
        _refused(own, verdict)
        if trusted is not None:
            _refused(trusted, verdict)
    if throttled and not before & WAS_THROTTLED:
        counted |= WAS_THROTTLED
        own.at[THROTTLED] += 1
        if trusted is not None:
            trusted.at[THROTTLED] += 1
    if deferred:
        if not message.waiting:
            message.waiting = {}
        if len(message.waiting) < MAX_RETRIED:
            message.waiting[recipient] = counted
    return True


cdef PyObject* _gone(_Counter counter, bytes key) except? NULL:
    """``Counter.gone_message``."""
    cdef PyObject* found = PyDict_GetItemWithError(counter.gone, key)
    if found != NULL and <object>found is None:
        counter.counter.gone_message(key)
        found = PyDict_GetItemWithError(counter.gone, key)
    return found


cdef inline void _refused(Sums sums, int verdict) noexcept:
    sums.at[REFUSED] += 1
    sums.at[BLOCKED] += verdict == IS_BLOCKED
    sums.at[UNKNOWN] += verdict == IS_UNKNOWN


cdef int _verdict(_Counter counter, Delivery* said) except -1:
    """``Blocked.verdict``; the words without noise are made here."""
    cdef char words[MAX_SAID]
    cdef char* into = words
    cdef const char* at = said.reply
    cdef const char* end = said.end
    cdef const char* stop
    cdef bytes key
    cdef PyObject* found
    cdef Py_ssize_t length = said.dsn_end - said.dsn
    if end - at + length + 1 > MAX_SAID:
        return counter.blocked.verdict(_bytes(said.dsn, said.dsn_end), _bytes(at, end))
    memcpy(into, said.dsn, length)
    into[length] = b' '
    into += length + 1
    if _begins(at, end, b"host ", 5):
        stop = _search(at, end, b" said: ", 7)
        if stop != NULL and _find(at + 5, stop, b' ') == NULL:
            at = stop + 7
        else:
            stop = _search(at, end, b" refused to talk to me: ", 24)
            if stop != NULL and _find(at + 5, stop, b' ') == NULL:
                at = stop + 24
    if end > at and (end - 1)[0] == b')':
        stop = _search(at, end, b" (in reply to ", 14)
        if stop != NULL:
            end = stop
    while at < end:
        stop = _find(at, end, b'<')
        if stop == NULL or _find(stop, end, b'>') == NULL:
            stop = end
        memcpy(into, at, stop - at)
        into += stop - at
        at = stop if stop == end else _find(stop, end, b'>') + 1
    key = _bytes(words, into)
    found = PyDict_GetItemWithError(counter.verdicts, key)
    if found != NULL:
        return <object>found
    return counter.blocked.verdict(_bytes(said.dsn, said.dsn_end), _bytes(said.reply, said.end))


cdef bytes _second_key(bytes key, Delivery* said):
    """Return the key of the queue id that a reply says the message has elsewhere, or None."""
    cdef const char* at = said.reply
    cdef const char* start
    cdef const char* own = PyBytes_AS_STRING(key)
    cdef Py_ssize_t prefix = PyBytes_GET_SIZE(key)
    cdef bytes second
    cdef char* into
    while True:
        start = _search(at, said.end, b"queued as ", 10)
        if start == NULL:
            return None
        start += 10
        at = start
        while at < said.end and _letter_or_digit(at[0]):
            at += 1
        if at - start >= SHORTEST_ID:
            break
    while prefix > 0 and own[prefix - 1] != b'/':
        prefix -= 1
    second = PyBytes_FromStringAndSize(NULL, prefix + (at - start) + 1)
    into = PyBytes_AS_STRING(second)
    memcpy(into, own, prefix)
    memcpy(into + prefix, start, at - start)
    into[prefix + (at - start)] = b':'
    return second


cdef bint _given_back(_Counter counter, bytes key, Message message, Delivery* said) except -1:
    """``Counter._given_back``."""
    cdef bytes second = _second_key(key, said)
    cdef PyObject* found
    cdef Message other
    cdef Origin origin
    if second is None or second == key:
        return False
    found = PyDict_GetItemWithError(counter.counted, second)
    if found == NULL:
        found = _gone(counter, second)
    if found != NULL:
        other = <Message>found
        if not other.origin.user:
            other.origin = message.origin
        return True
    found = PyDict_GetItemWithError(counter.waiting, second)
    if found == NULL:
        return False
    origin = <Origin>found
    if message.origin is not counter.nobody and not origin.user:
        del counter.waiting[second]
        counter.counted[second] = new_message(message.origin, message.sender, message.size)
    return True


cdef bytes _domain(const char* at, const char* end):
    """Return what follows the last @ of an address."""
    cdef const char* domain = end
    while domain > at and (domain - 1)[0] != b'@':
        domain -= 1
    return _bytes(domain, end)


cdef int _see_domain(_Counter counter, const char* at, const char* end) except -1:
    """Know that a mailbox of that domain is here."""
    cdef bytes name
    if len(counter.domains) >= MAX_DOMAINS:
        return 0
    name = _domain(at, end)
    if PyDict_GetItemWithError(counter.domains, name) == NULL:
        counter.domains[name.lower()] = None
    return 0

# cython: language_level=3, boundscheck=False, wraparound=False
"""The loop over the lines of a log, compiled: what ``scan.py``'s patterns find, by pointers.

Only plain forms are taken apart here. A line that may count and has any other form is handed to
the scanner's patterns, which define what counts; a test holds both ways equal. Every pointer is
compared with the end of its line before it is read through.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_DelItem
from cpython.object cimport PyObject
from libc.string cimport memchr, memcmp

from bmtick.collect._memory cimport checksum
from bmtick.collect.bucket import NOBODY, Message

cdef extern from "Python.h":
    PyObject* PyDict_GetItemWithError(dict mapping, object key) except? NULL

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

FORMAT = 4  # of what is shared with the Python around: compiled.py refuses another one

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

cdef class _Counter:
    """What is needed at each line, looked up once a block."""

    cdef object counter, hand, failure
    cdef dict waiting, counted, gone, logins, domains  # the counter's
    cdef dict entities, envelopes, recipients  # the bucket's
    cdef set origins
    cdef list trace  # or None
    cdef const char* base
    cdef bytes home  # the first host
    cdef Py_ssize_t sent


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
            known = scanner.enter(None if rest == NULL else _time_text(newline + 1, line_end))
            _turn(counter)
        lines += 1
        if known:
            _count(counter, newline, rest, line_end, run.form)
        newline = line_end
    if lines:
        _leave(scanner, counter, lines, newline - begin, known)


cdef _Counter _counter(scanner, bytes block, const char* base):
    cdef _Counter counter = _Counter()
    facts = counter.counter = scanner.counter
    counter.base = base
    counter.home = facts.home
    counter.sent = 0
    counter.waiting, counter.counted, counter.gone = facts.waiting, facts.counted, facts.gone
    counter.logins, counter.domains, counter.trace = facts.logins, facts.domains, facts.trace
    counter.hand, counter.failure = scanner.hand(block), scanner.failure
    return counter


cdef _turn(_Counter counter):
    """Turn to the bucket that was entered."""
    bucket = counter.counter.bucket
    counter.entities, counter.envelopes = bucket.entities, bucket.envelopes
    counter.recipients, counter.origins = bucket.recipients, bucket.origins


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
    space = _find(rest + 1, end, b' ')  # behind the host's name
    if space == NULL or space == rest + 1:
        return 0
    line.host, line.host_length = rest + 1, space - rest - 1
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
    origin = counter.logins.get(login)
    if line.said - 1 - line.token == 8 and memcmp(line.token, b"NOQUEUE:", 8) == 0:
        counter.counter.proxied(login)
        return 0
    queue_id = _key(counter, line)
    if origin is None or origin.injected:
        counter.counter.client(queue_id, login)
    else:
        if queue_id in counter.counted:
            del counter.counted[queue_id]
        if queue_id in counter.gone:
            del counter.gone[queue_id]
        counter.waiting[queue_id] = origin
    return 0


cdef object _pop(dict mapping, bytes key):
    """``mapping.pop(key, None)``, without the cost of a call."""
    cdef PyObject* found = PyDict_GetItemWithError(mapping, key)
    if found == NULL:
        return None
    value = <object>found
    PyDict_DelItem(mapping, key)
    return value


cdef int _removed(_Counter counter, bytes queue_id) except -1:
    message = _pop(counter.counted, queue_id)
    if message is None:
        _pop(counter.waiting, queue_id)
    elif message.origin is not NOBODY:
        counter.gone[queue_id] = message
    return 0


cdef list _sums(dict entities, entity):
    cdef PyObject* found = PyDict_GetItemWithError(entities, entity)
    cdef list sums
    if found != NULL:
        return <list>found
    sums = [0, 0, 0, 0, 0, 0, 0, 0, 0]
    entities[entity] = sums
    return sums


cdef int _see(dict seen, entity, value) except -1:
    """Add to what an interval saw of an entity, within bounds."""
    cdef PyObject* found = PyDict_GetItemWithError(seen, entity)
    cdef set values
    if found != NULL:
        values = <set>found
        if len(values) < MAX_SEEN:
            values.add(value)
    else:
        seen[entity] = {value}
    return 0


cdef int _add(
    _Counter counter, bytes queue_id, bytes sender, long long size, long long nrcpt
) except -1:
    """Count a message if it is the first time that it is active, as ``Counter.active``."""
    cdef list sums
    origin = _pop(counter.waiting, queue_id)
    if origin is None:
        if queue_id not in counter.counted:
            counter.counted[queue_id] = Message(NOBODY, sender, size)
        return 0
    counter.counted[queue_id] = Message(origin, sender, size)
    entity = origin.entity
    sums = _sums(counter.entities, entity)
    sums[0] += 1
    sums[1] += nrcpt
    sums[2] += size
    if origin.user:
        counter.origins.add(origin)
        _see(counter.envelopes, entity, sender)
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


cdef bint _active(_Counter counter, Line* line) except -1:
    """``from=<SENDER>, size=SIZE, nrcpt=NUMBER (queue active)``."""
    cdef const char* at = line.said + 6
    cdef const char* sender_end
    cdef long long size = 0, nrcpt = 0
    if at >= line.end or at[0] == b'"':
        return False
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


cdef bint _delivery(_Counter counter, Line* line) except -1:
    """``to=<RECIPIENT>, relay=, delay=, delays=, dsn=DSN, status=STATUS (REPLY)``."""
    cdef const char* end = line.end
    cdef const char* at = line.said + 4
    cdef const char* to_end
    cdef const char* relay
    cdef const char* relay_end
    cdef const char* dsn
    cdef const char* dsn_end
    cdef const char* status
    cdef const char* reply
    cdef bytes key
    if at >= end or at[0] == b'"':
        return False
    to_end = _find(at, end, b'>')
    if to_end == NULL:
        return False
    relay_end = _skip(to_end + 1, end, b", relay=", 8)
    at = _digits(relay_end, end, b", delay=", 8, MAX_DELAY, 0)
    at = _digits(at, end, b", delays=", 9, MAX_DELAYS, b'/')
    if at == NULL or not _begins(at, end, b", dsn=", 6):
        return False
    relay = to_end + 9
    dsn = at + 6
    dsn_end = _dsn(dsn, end)
    if dsn_end == NULL or not _begins(dsn_end, end, b", status=", 9):
        return False
    status = at = dsn_end + 9
    while at < end and (b'a' <= at[0] <= b'z' or b'A' <= at[0] <= b'Z' or at[0] == b'-'):
        at += 1
    if at == status or not _begins(at, end, b" (", 2):
        return False
    reply = at + 2
    if end > reply and (end - 1)[0] == b')':
        end -= 1
    key = _key(counter, line)
    if at - status == 4 and memcmp(status, b"sent", 4) == 0:
        if _sent(counter, line, key, to_end, relay, relay_end, reply, end):
            counter.sent += 1
            return True
    counter.counter.attempt(
        key,
        _bytes(line.said + 4, to_end),
        b"",
        _bytes(line.daemon, line.daemon + line.daemon_length),
        _bytes(relay, relay_end),
        _bytes(status, at),
        _bytes(dsn, dsn_end),
        _bytes(reply, end),
    )
    return True


cdef bint _sent(
    _Counter counter,
    Line* line,
    bytes key,
    const char* to_end,
    const char* relay,
    const char* relay_end,
    const char* reply,
    const char* end,
) except -1:
    """Count a recipient that was delivered, if that is simple, as ``Counter.attempt`` does."""
    cdef bint outward = _is(line, b"smtp", 4) or _is(line, b"relay", 5)
    cdef const char* at
    cdef PyObject* found
    cdef list sums, trusted
    if not outward and not (
        _is(line, b"lmtp", 4) or _is(line, b"local", 5)
        or _is(line, b"virtual", 7) or _is(line, b"pipe", 4)
    ):
        return False
    found = PyDict_GetItemWithError(counter.counted, key)
    if found == NULL:
        return False
    message = <object>found
    waiting = message.waiting
    if waiting and checksum(line.said + 4, to_end) in waiting:
        return False
    at = _queued_as(reply, end)
    if at != NULL and _is_ours(counter, key, at, end):
        return False
    if outward:
        at = _find(relay, relay_end, b'[')
        if at != NULL and (
            _begins(at + 1, relay_end, b"127.", 4) or _begins(at + 1, relay_end, b"::1]", 4)
        ):
            return False
    elif _is(line, b"local", 5) and _begins(reply, end, b"forwarded as ", 13):
        return False
    else:
        _see_domain(counter, line.said + 4, to_end)
    origin = message.origin
    entity = origin.entity
    if not entity:
        return True
    user = origin.user
    sums = _sums(counter.entities, entity)
    if outward and not user:
        if origin.relays:
            trusted = counter.counter.trusted_sums(message)
            trusted[3] += 1
            trusted[1] += 1
        seen = message.outward
        if seen is None or entity not in seen:
            counter.counter.went_outward(message, entity, sums, forwarded=False)
    sums[3 if outward else 4] += 1
    if user:
        _see(counter.recipients, entity, checksum(line.said + 4, to_end))
    return True


cdef const char* _queued_as(const char* at, const char* end) noexcept nogil:
    """Return what follows ``queued as ``, or NULL."""
    while True:
        at = _find(at, end, b'q')
        if at == NULL:
            return NULL
        if _begins(at, end, b"queued as ", 10):
            return at + 10
        at += 1


cdef bint _is_ours(_Counter counter, bytes key, const char* at, const char* end) except -1:
    """Whether a message that was queued elsewhere is one of this log: a filter gave it back."""
    cdef const char* start = at
    cdef const char* own = PyBytes_AS_STRING(key)
    cdef Py_ssize_t prefix = PyBytes_GET_SIZE(key)
    cdef bytes other
    while prefix > 0 and own[prefix - 1] != b'/':
        prefix -= 1
    while at < end and _letter_or_digit(at[0]):
        at += 1
    if at - start < SHORTEST_ID:
        return False
    other = _bytes(start, at) + b":"
    if prefix:
        other = own[:prefix] + other
    return other in counter.counted or other in counter.waiting or other in counter.gone


cdef int _see_domain(_Counter counter, const char* at, const char* end) except -1:
    """Know that a mailbox of that domain is here."""
    cdef const char* domain = end
    cdef bytes name
    while domain > at and (domain - 1)[0] != b'@':
        domain -= 1
    if len(counter.domains) >= MAX_DOMAINS:
        return 0
    name = _bytes(domain, end)
    if PyDict_GetItemWithError(counter.domains, name) == NULL:
        counter.domains[name.lower()] = None
    return 0

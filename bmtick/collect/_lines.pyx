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

    cdef object tally, hand, failure
    cdef dict waiting, counted, gone, logins  # the tally's
    cdef dict senders, clients  # the bucket's
    cdef set origins
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
    tally = counter.tally = scanner.tally
    counter.base = base
    counter.home = tally.home
    counter.sent = 0
    counter.waiting, counter.counted, counter.gone = tally.waiting, tally.counted, tally.gone
    counter.logins = tally.logins
    counter.hand, counter.failure = scanner.hand(block), scanner.failure
    return counter


cdef _turn(_Counter counter):
    """Turn to the bucket that was entered."""
    bucket = counter.tally.bucket
    counter.senders, counter.clients = bucket.senders, bucket.clients
    counter.origins = bucket.origins


cdef _leave(scanner, _Counter counter, Py_ssize_t lines, Py_ssize_t size, bint known):
    if counter.sent:
        counter.tally.sent(counter.sent)
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
    """Return the queue id as the tally keeps it: behind the name of its host if that is another."""
    cdef bytes queue_id = _bytes(line.token, line.said - 1)
    cdef bytes home = counter.home
    if PyBytes_GET_SIZE(home) == line.host_length:
        if memcmp(PyBytes_AS_STRING(home), line.host, line.host_length) == 0:
            return queue_id
    before = counter.tally.before(_bytes(line.host, line.host + line.host_length))
    counter.home = counter.tally.home
    return before + queue_id


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
    if not _begins(line.said, line.end, b"uid=", 4) or not _is(line, b"pickup", 6):
        return True
    at = _number(line.said + 4, line.end, &uid)
    if at == NULL or not _begins(at, line.end, b" from=<", 7) or (line.end - 1)[0] != b'>':
        return False  # "orig_id=": it was requeued
    at = line.token
    while at < line.end and _letter_or_digit(at[0]):
        at += 1
    if at - line.token < SHORTEST_ID or line.said - at != 2 or at[0] != b':':
        return False
    counter.tally.requeued(_key(counter, line), b":")
    return True


cdef inline bint _letter_or_digit(char c) noexcept nogil:
    return _digit(c) or b'a' <= c <= b'z' or b'A' <= c <= b'Z'


cdef int _client(_Counter counter, Line* line) except -1:
    cdef bytes queue_id
    cdef bytes login = _bytes(line.said + 7, line.end)
    origin = counter.logins.get(login)
    if line.said - 1 - line.token == 8 and memcmp(line.token, b"NOQUEUE:", 8) == 0:
        counter.tally.proxied(login)
        return 0
    queue_id = _key(counter, line)
    if origin is None or origin.injected:
        counter.tally.client(queue_id, login)
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
    origin = _pop(counter.counted, queue_id)
    if origin is None:
        _pop(counter.waiting, queue_id)
    else:
        counter.gone[queue_id] = origin
    return 0


cdef int _add(_Counter counter, bytes queue_id, long long size, long long nrcpt) except -1:
    """Count a message if it is the first time that it is active, as ``Tally.active``."""
    cdef list sums
    origin = _pop(counter.waiting, queue_id)
    if origin is None:
        return 0
    counter.counted[queue_id] = origin
    user = origin.user
    if user:
        found = counter.senders.get(user)
        sums = [0, 0, 0, 0] if found is None else found
        if found is None:
            counter.senders[user] = sums
        counter.origins.add(origin)
    else:
        client = origin.client
        found = counter.clients.get(client)
        sums = [0, 0, 0] if found is None else found
        if found is None:
            counter.clients[client] = sums
    sums[0] += 1
    sums[1] += nrcpt
    sums[2] += size
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
    cdef long long size = 0, nrcpt = 0
    if at >= line.end or at[0] == b'"':
        return False
    at = _find(at, line.end, b'>')
    if at == NULL or not _begins(at, line.end, b">, size=", 8):
        return False
    at = _number(at + 8, line.end, &size)
    if at == NULL or not _begins(at, line.end, b", nrcpt=", 8):
        return False
    at = _number(at + 8, line.end, &nrcpt)
    if at == NULL or line.end - at != 15 or not _begins(at, line.end, b" (queue active)", 15):
        return False
    if _is(line, b"qmgr", 4):
        _add(counter, _key(counter, line), size, nrcpt)
    return True


cdef const char* _skip(const char* at, const char* end, const char* key, Py_ssize_t n) noexcept nogil:
    """Step over a key and its value without commas; return the comma, or NULL."""
    if at == NULL or not _begins(at, end, key, n):
        return NULL
    return _find(at + n, end, b',')


cdef bint _delivery(_Counter counter, Line* line) except -1:
    """``to=<RECIPIENT>, relay=, delay=, delays=, dsn=DSN, status=STATUS (REPLY)``."""
    cdef const char* end = line.end
    cdef const char* at = line.said + 4
    cdef const char* dsn
    cdef const char* status
    if at >= end or at[0] == b'"':
        return False
    at = _find(at, end, b'>')
    if at == NULL:
        return False
    at = _skip(at + 1, end, b", relay=", 8)
    at = _skip(at, end, b", delay=", 8)
    at = _skip(at, end, b", delays=", 9)
    if at == NULL or not _begins(at, end, b", dsn=", 6):
        return False
    dsn = at + 6
    at = _find(dsn, end, b',')
    if at == NULL or not _begins(at, end, b", status=", 9):
        return False
    status = at + 9
    if _begins(status, end, b"sent", 4) and (end - status == 4 or status[4] == b' '):
        counter.sent += 1
        return True
    return _verdict(counter, line, dsn, at, status)


cdef bint _verdict(
    _Counter counter, Line* line, const char* dsn, const char* dsn_end, const char* status
) except -1:
    cdef const char* end = line.end
    cdef const char* at = dsn
    while at < dsn_end and (_digit(at[0]) or at[0] == b'.'):
        at += 1
    if at == dsn or at != dsn_end:
        return False
    at = status
    while at < end and (b'a' <= at[0] <= b'z' or b'A' <= at[0] <= b'Z' or at[0] == b'-'):
        at += 1
    if at == status or not _begins(at, end, b" (", 2):
        return False
    if end - at > 2 and (end - 1)[0] == b')':
        end -= 1
    counter.tally.delivery(
        _key(counter, line),
        _bytes(status, at),
        _bytes(dsn, dsn_end),
        _bytes(at + 2, end),
    )
    return True

# cython: language_level=3, boundscheck=False, wraparound=False
"""What ``bucket.py`` keeps of each message and interval, with its fields in C."""

cimport cython

from bmtick.collect.raw import network
from bmtick.names import CLIENT, LOCAL, SENDER

FORMAT = 2  # of what is shared with the Python around: compiled.py refuses another one

cdef str _SENDER = SENDER + "\n"
cdef str _CLIENT = CLIENT + "\n"


@cython.no_gc
cdef class Sums:
    """The sums of one entity, to be used like a list of ``bucket.WIDTH`` numbers."""

    def __cinit__(self):
        self.recipient = -1

    def __init__(self, values=()):
        cdef int place = 0
        self.shared = True  # Python made it, and adds to the sets
        for value in values:
            if place == SUMS:
                raise ValueError("more sums than places")
            self.at[place] = value
            place += 1

    def __len__(self):
        return SUMS

    def __getitem__(self, place):
        return self.at[_place(place)]

    def __setitem__(self, place, value):
        self.at[_place(place)] = value

    def __iter__(self):
        return iter([self.at[place] for place in range(SUMS)])

    def __eq__(self, other):
        return list(self) == list(other)

    __hash__ = None

    def __repr__(self):
        return repr(list(self))


cdef int _place(place) except -1:
    cdef int found = place
    if found < 0 or found >= SUMS:
        raise IndexError(place)
    return found


def share(bucket, str entity, Sums sums not None):
    """Put what was seen of an entity into the bucket's sets, where Python looks for it."""
    if sums.shared:
        return
    sums.shared = True
    if sums.recipients is None and sums.recipient >= 0:
        sums.recipients = bucket.recipients[entity] = {sums.recipient}
    if sums.envelopes is None and sums.sender is not None:
        sums.envelopes = bucket.envelopes[entity] = {sums.sender}


def size(bucket):
    """``Bucket.size``."""
    cdef Py_ssize_t found = len(bucket.entities) + len(bucket.origins)
    cdef Sums sums
    for value in (<dict>bucket.entities).values():
        sums = <Sums>value
        if not sums.shared:
            found += sums.recipients is None and sums.recipient >= 0
            found += sums.envelopes is None and sums.sender is not None
    found += len(bucket.failures) + len(bucket.core)
    for tables in (bucket.recipients, bucket.envelopes, bucket.failures, bucket.core):
        for seen in (<dict>tables).values():
            found += len(seen)
    return found


@cython.no_gc
cdef class Origin:
    """Where messages come from; see ``bucket.Origin``."""

    def __init__(
        self,
        str user not None,
        str client not None,
        bytes orig_queue_id not None=b":",
        *,
        bint trusted=False,
        bint injected=False,
    ):
        cdef bint private = not user and client and client != "unknown" and not network(client)
        _fill(self, user, client, trusted, private)
        self.orig_queue_id = orig_queue_id
        self.injected = injected

    @classmethod
    def local(cls, str sender, uid):
        """Return the origin of mail by ``sendmail``."""
        cdef Origin self = Origin("", "")
        self.entity = f"{LOCAL}\n{sender}\n{uid}"
        return self

    def dump(self):
        """Return it as JSON-able data."""
        return [self.user, self.client, int(self.trusted), self.entity]

    @classmethod
    def restored(cls, kept):
        """Return what ``dump`` gave; two texts are those of an older state."""
        cdef Origin self = Origin(kept[0], kept[1], trusted=bool(kept[2:] and kept[2]))
        if len(kept) > 3:
            self.entity = kept[3]
        return self


cdef int _fill(Origin self, str user, str client, bint trusted, bint private) except -1:
    self.user = user
    self.client = client
    self.trusted = trusted
    if user:
        self.entity = _SENDER + user
    elif client:
        self.entity = _CLIENT + client + ("\ntrue" if trusted else "\nfalse")
        self.relays = trusted or private
    else:
        self.entity = ""
    return 0


cdef Origin new_origin(str user, str client, bint trusted, bint private):
    """Return an origin; private: the client is an address in a private network."""
    cdef Origin self = Origin.__new__(Origin)
    _fill(self, user, client, trusted, private)
    self.orig_queue_id = b":"
    return self


@cython.no_gc
cdef class Message:
    """A message in the queue; see ``bucket.Message``."""

    def __init__(self, Origin origin not None, bytes sender not None=b"", i64 size=0):
        self.origin = origin
        self.sender = sender
        self.size = size


cdef Message new_message(Origin origin, bytes sender, i64 size):
    cdef Message self = Message.__new__(Message)
    self.origin = origin
    self.sender = sender
    self.size = size
    return self

ctypedef long long i64

cdef enum:
    SUMS = 9

cdef class Sums:
    cdef i64 at[SUMS]
    # Most entities have one recipient and one sender in an interval: these stay here, and the
    # bucket gets a set when a second one comes.
    cdef bytes sender
    cdef i64 recipient  # checksum; -1: none was seen
    cdef bint shared  # whether all that is seen goes into the bucket's sets
    cdef set recipients, envelopes  # those of the bucket, once they are there

cdef class Origin:
    cdef public str user, client, entity
    cdef public bytes orig_queue_id
    cdef public bint trusted, injected, relays
    cdef i64 turn  # for which the sums are looked up
    cdef void* sums  # a Sums that the bucket holds
    cdef i64 sent  # the turn in which it was last added to the bucket's origins

cdef class Message:
    cdef public Origin origin
    cdef public bytes sender
    cdef public i64 size
    cdef public dict waiting
    cdef public set outward
    cdef str by  # the entity of who sends by the machine of an origin
    cdef Origin by_of  # that origin

cdef Origin new_origin(str user, str client, bint trusted, bint private)
cdef Message new_message(Origin origin, bytes sender, i64 size)

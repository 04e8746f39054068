ctypedef long long i64

cdef enum:
    SUMS = 9

cdef class Sums:
    cdef i64 at[SUMS]
    cdef set recipients, envelopes  # those of the bucket, once something was seen

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

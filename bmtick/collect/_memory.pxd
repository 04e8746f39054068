ctypedef long long i64

cdef class Values:
    cdef Py_ssize_t size
    cdef i64 numbers[40]

cdef unsigned int checksum(const char* at, const char* end) noexcept nogil

ctypedef long long i64

cdef class Values:
    cdef i64* numbers
    cdef Py_ssize_t size

cdef unsigned int checksum(const char* at, const char* end) noexcept nogil

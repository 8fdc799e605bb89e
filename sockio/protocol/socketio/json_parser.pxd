cdef class JsonParser:
    cdef object _dumps, _loads
    cdef bint _is_orjson
    cdef object _max_attachments
    cpdef list encode(self, packet)
cdef class JsonDecoder:
    cdef object _attachments, _fallback, _loads, _max_attachments, _packet
    cdef Py_ssize_t _missing
    cpdef feed(self, data)

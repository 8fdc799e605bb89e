import cython

cdef class JsonParser:
    cdef object _dumps, _loads
    cdef bint _is_orjson
    cdef object _max_attachments
    cdef list _spares
    @cython.locals(text=str)
    cpdef list encode(self, packet)
cdef class JsonDecoder:
    cdef object _attachments, _fallback, _loads, _max_attachments, _packet
    cdef Py_ssize_t _missing
    @cython.locals(text=str, at=Py_ssize_t)
    cpdef feed(self, data)

@cython.locals(at=Py_ssize_t, size=Py_ssize_t, number="long long", digit=Py_UCS4)
cdef tuple _usual_head(str text)

import cython

@cython.final
cdef class FrameReader:
    cdef object _compressed, _inflate, _inflation, _message
    cdef bint _enough, _finished, _masked
    cdef int _first, _opcode
    cdef Py_ssize_t _left, _max_payload, _most, _quick, _quick_limit
    cdef bytes _mask, _tail
    cdef list _pieces
    cdef public object space
    cdef readonly bint behind
    @cython.locals(size=Py_ssize_t)
    cpdef list feed(self, bytes data)
    cpdef list _read(self, bytes data, Py_ssize_t filled)
    cpdef list more(self)
    @cython.locals(size=Py_ssize_t, end=Py_ssize_t, left=int)
    cpdef _parse(self, bytes data, Py_ssize_t at, list items)
    @cython.locals(size=Py_ssize_t, first=int, length=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t)
    cdef Py_ssize_t _parse_usual(self, bytes data, Py_ssize_t at, list items) except? -2
    @cython.locals(size=Py_ssize_t, first=int, second=int, length="unsigned long long", start=Py_ssize_t, end=Py_ssize_t)
    cpdef Py_ssize_t _parse_any(self, bytes data, Py_ssize_t at, list items) except? -2
    cpdef _check_header(self, int first, int second)
    cpdef _take(self, int first, payload, list items)

import cython

cdef bytes _KINDS
cdef int _MAP, _ARRAY, _SIZED, _EXTENSION, _UNKNOWN

cdef class _Scan:
    cdef bytes data
    cdef Py_ssize_t at
    cdef bint simple
    @cython.locals(data=bytes, kinds=bytes, around=list, at=Py_ssize_t, left=Py_ssize_t, count=Py_ssize_t, marker=int, kind=int, is_map=bint)
    cdef run(self)
    cdef key(self, int marker)
    @cython.locals(count=Py_ssize_t, size=Py_ssize_t, fixed=bint, short=bint)
    cdef Py_ssize_t count(self, int marker, int kind) except -1
    @cython.locals(at=Py_ssize_t)
    cdef Py_ssize_t number(self, int size) except -1

import cython

@cython.final
cdef class Intake:
    cdef object _tap, _tally
    cdef Py_ssize_t _high_bytes, _high_events, _low_bytes, _low_events
    cdef Py_ssize_t _most_bytes, _most_events
    cdef readonly Py_ssize_t events, size, waits
    cdef readonly bint paused
    cpdef add(self, Py_ssize_t size)
    cpdef remove(self, Py_ssize_t size)
    cpdef begin_wait(self)
    cpdef end_wait(self)
    cdef _on_high(self)
    cdef _look(self)

import cython

@cython.final
cdef class EventMeter:
    cdef public unsigned long long count, failed
    cdef public double seconds
    cdef double _least
    cdef unsigned long long _quick
    cdef list _slow
    cdef object _bounds
    cdef readonly object now
    cpdef took(self, double seconds)

@cython.final
cdef class Meter:
    cdef readonly unsigned long long packets_in, size_in, packets_out, size_out
    cdef readonly dict events
    cdef readonly EventMeter other
    cdef object _now, _bounds, _most
    cpdef came(self, Py_ssize_t size)
    cpdef sent(self, frames)
    cpdef resent(self, Py_ssize_t packets, Py_ssize_t size)
    @cython.locals(found=EventMeter)
    cpdef EventMeter heard(self, str name, bint known)
    @cython.locals(made=EventMeter)
    cdef EventMeter _found(self, str name)

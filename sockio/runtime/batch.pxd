import cython

from .workers cimport Workers

@cython.final
cdef class Batch:
    cdef public Workers workers
    cdef public bint open, corked
    cdef public list ready
    cdef public object spare
    cdef public list dirty
    cdef public object now
    cdef Py_ssize_t _at, _turn, _read
    cdef double _began, _hurried_until, _parsing_since
    cdef bint _collects, _waits
    cdef unsigned long long _switches
    cpdef Py_ssize_t turn(self) except? -1
    cpdef begin(self)
    cpdef received(self, Py_ssize_t size)
    cpdef end(self)
    cpdef cork(self, bint more)
    cpdef start(self, job)
    cpdef flush(self)
    cdef _judge(self)
    @cython.locals(now=double)
    cdef bint _has_parsed_long(self)
    @cython.locals(workers=Workers)
    cpdef _finish(self)
    @cython.locals(switches="unsigned long long", ready=list)
    cpdef _work(self)

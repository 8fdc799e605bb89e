import cython

from .batch cimport Batch

@cython.final
cdef class Mailbox:
    cdef Batch _batch
    cdef object _handle
    cdef readonly bint busy
    cdef object _worker
    cdef object _running
    cdef object _next, _later
    cpdef put(self, item)
    @cython.locals(batch=Batch, began=double, now=double, count=int, turn_over=bint)
    cpdef _drain(self)
    @cython.locals(batch=Batch)
    cdef _run(self, item)

import cython

from .batch cimport Batch

@cython.final
cdef class Mailbox:
    cdef Batch _batch
    cdef object _handle
    cdef bint _active
    cdef object _worker
    cdef object _running
    cdef public object items
    cpdef put(self, item)

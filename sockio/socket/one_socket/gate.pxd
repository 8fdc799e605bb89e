import cython

from .outgoing cimport Outgoing

@cython.final
cdef class Gate:
    cdef object _owner, _home
    cdef Outgoing _outgoing
    cdef public object guards
    cdef public tuple catch_all
    cpdef let_in(self, packet)

from .bell cimport Bell

cdef class Workers:
    cdef public object keep, hub, loop, turns, thread
    cdef list _parked
    cdef int _alive, _due
    cdef Bell _bell
    cpdef switch_to(self, job)

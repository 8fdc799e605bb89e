cdef class Workers:
    cdef public object keep, hub, loop, turns, thread
    cdef list _parked
    cdef int _alive, _due
    cpdef switch_to(self, job)

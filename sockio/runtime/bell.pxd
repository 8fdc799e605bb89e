cdef class Bell:
    cdef public bint armed
    cdef public double rung
    cdef object _on_ring
    cpdef ring(self)

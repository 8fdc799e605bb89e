import cython


@cython.final
cdef class Outbox:
    cdef public object wires
    cdef public Py_ssize_t size

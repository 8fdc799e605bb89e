cdef class Listener:
    cdef public object event, fn, max_args, convert
    cdef public Py_ssize_t min_args, most_args
    cdef public bint once, concurrent, wants_ack
    cdef public bint _taken

cdef class Listeners:
    cdef dict _by_event
    cdef object _converter
    cpdef tuple get(self, event)

cdef class EventEmitter:
    cdef public Listeners _listeners

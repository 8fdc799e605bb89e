import cython

from .batch cimport Batch

@cython.final
cdef class Stream:
    cdef Batch _batch
    cdef object _loop, _turns, _sock, _receiver, _writer
    cdef public object _reader
    cdef bint _tls, _broken, _fd_open
    cdef list _pending
    cdef int _fd
    cdef object _receive_some, _send_some
    cdef object _sent_in
    cdef public bint blocked
    cdef public Py_ssize_t pending_size
    cpdef write(self, bytes data)
    cdef _send(self, bytes data)
    cpdef hold(self, data)
    cpdef flush(self)
    cpdef _send_pending(self)
    cpdef bint _receive(self) except -1
    cpdef _break(self, error)
    cpdef _wait_for_kernel(self)

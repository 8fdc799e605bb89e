import cython

from .batch cimport Batch
from .speedups cimport Syscalls

@cython.final
cdef class Stream:
    cdef Batch _batch
    cdef list _pending
    cdef Syscalls _calls
    cdef object _sock
    cdef Py_ssize_t _sent_in
    cdef public Py_ssize_t pending_size
    cdef int _fd
    cdef bint _broken, _fd_open, _paused
    cdef public bint blocked, tls
    cdef object _receiver, _loop, _writer
    cdef public object _reader
    @cython.locals(batch=Batch, pending=list)
    cpdef write(self, bytes data)
    @cython.locals(sent=Py_ssize_t)
    cdef _send(self, bytes data)
    cpdef hold(self, data)
    cpdef flush(self)
    cpdef _send_pending(self)
    cpdef bint _receive(self) except -1
    cpdef _break(self, error)
    cpdef _wait_for_kernel(self)

cdef class Syscalls:
    cpdef bytes receive(self, sock, int fd)
    cpdef Py_ssize_t send(self, sock, int fd, bytes data) except -1

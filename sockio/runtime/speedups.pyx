"""Speedups: calls of the operating system that Python does not have, or makes slowly.

``syscalls.py`` has the methods of ``Syscalls`` in Python, with their docstrings. The
calls do not block, so the interpreter's lock is kept.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from libc.errno cimport EINTR, errno
from posix.signal cimport SA_RESETHAND, sigaction, sigaction_t

cdef extern from "sys/socket.h":
    ssize_t c_recv "recv"(int fd, void *data, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *data, size_t size, int flags)

cdef extern from *:
    """
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif
    """
    int MSG_NOSIGNAL

cdef enum:
    READ_SIZE = 65536

cdef char room[READ_SIZE]


cdef class Syscalls:

    cpdef bytes receive(self, sock, int fd):
        cdef ssize_t count
        while True:
            count = c_recv(fd, room, READ_SIZE, 0)
            if count >= 0:
                return PyBytes_FromStringAndSize(room, count)
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()

    cpdef Py_ssize_t send(self, sock, int fd, bytes data) except -1:
        cdef ssize_t count
        if data is None:
            raise TypeError("no bytes")
        while True:
            count = c_send(
                fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MSG_NOSIGNAL
            )
            if count >= 0:
                return count
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()


def handle_once(int signum):
    """Give a signal its default action after the first call of its handler.

    The kernel does it, so it works even while the interpreter calls no handler.
    """
    cdef sigaction_t action
    if sigaction(signum, NULL, &action) < 0:
        PyErr_SetFromErrno(OSError)
    action.sa_flags |= SA_RESETHAND
    if sigaction(signum, &action, NULL) < 0:
        PyErr_SetFromErrno(OSError)

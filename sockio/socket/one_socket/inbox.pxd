import cython

from sockio.engine.intake cimport Intake
from sockio.runtime.mailbox cimport Mailbox

@cython.final
cdef class Queued:
    cdef readonly object packet
    cdef readonly Py_ssize_t size

@cython.final
cdef class Inbox:
    cdef Intake _intake
    cdef Mailbox _mailbox
    @cython.locals(mailbox=Mailbox)
    cpdef put_event(self, packet, Py_ssize_t size)
    cpdef put(self, job)
    cpdef counted(self, Queued queued)

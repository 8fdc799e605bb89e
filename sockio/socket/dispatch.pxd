from sockio.runtime.listeners cimport EventEmitter, Listener, Listeners
from sockio.engine.intake cimport Intake
from .inbox cimport Inbox, Queued
import cython

cdef class Receiving(EventEmitter):
    cdef public str id, _namespace
    cdef public object reactor, options, _around
    cdef public object _pending, _waiting
    cdef public Inbox _inbox
    cdef public Intake _intake
    cdef public object guards
    cdef public bint connected, _deaf
    cdef public tuple _any, _any_outgoing
    cpdef send_ack(self, packet)
    @cython.locals(listener=Listener, count=Py_ssize_t, ack=AckReply)
    cdef _dispatch(self, packet)
    cdef _call(self, Listener listener, args, AckReply ack)

@cython.final
cdef class AckReply:
    cdef object _id, _nsp
    cdef Receiving _socket
    cpdef returned(self, result)
    cdef _send(self, list args)

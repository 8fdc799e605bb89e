import cython

from sockio.runtime.listeners cimport EventEmitter, Listeners
from sockio.runtime.mailbox cimport Mailbox
from .outbox cimport Outbox

@cython.final
cdef class EngineSession(EventEmitter):
    cdef dict __dict__
    cdef object __weakref__
    cdef public object id, request, remote_address, protocol, consumer
    cdef public str ready_state
    cdef public bint upgraded, observed
    cdef public object _options, _reactor, _keeper, _callbacks, _upgrade, _transport
    cdef public object _heartbeat, _offer
    cdef public Outbox _outbox
    cdef public Mailbox _mailbox
    @cython.locals(outbox=Outbox)
    cpdef push(self, wire)
    cpdef on_message(self, data)

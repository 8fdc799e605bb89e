import cython

from sockio.protocol.engineio.wire cimport Wire
from sockio.runtime.listeners cimport EventEmitter, Listeners
from sockio.runtime.mailbox cimport Mailbox
from sockio.runtime.meter cimport Meter
from .intake cimport Intake
from .outbox cimport Outbox

@cython.final
cdef class EngineSession(EventEmitter):
    # What each packet needs stands together: it fits into a line of the cache.
    cdef public str ready_state
    cdef public Outbox _outbox
    cdef public object _offer, _callbacks
    cdef public object watch
    cdef Meter _meter
    cdef public bint upgraded
    cdef public object _heartbeat, consumer
    cdef public object id, request, remote_address, protocol
    cdef public Intake intake
    cdef public object _options, _reactor, _keeper, _upgrade, _transport
    cdef public Mailbox _mailbox
    cdef dict __dict__
    cdef object __weakref__
    @cython.locals(outbox=Outbox)
    cpdef push(self, Wire wire, about=*)
    cpdef on_message(self, data)

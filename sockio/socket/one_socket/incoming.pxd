import cython

from sockio.engine.intake cimport Intake
from sockio.runtime.listeners cimport Listener, Listeners
from sockio.runtime.meter cimport EventMeter, Meter
from .gate cimport Gate
from .inbox cimport Inbox, Queued
from .outgoing cimport AckReply, Outgoing

@cython.final
cdef class Incoming:
    # What each event needs stands together: it fits into a line of the cache.
    cdef object _waiting
    cdef Inbox _inbox
    cdef Gate _gate
    cdef Outgoing _outgoing
    cdef Listeners _listeners
    cdef object _around, _owner, _home
    cdef Meter _meter
    cdef Intake _intake
    cdef readonly bint deaf
    cpdef on_packet(self, packet, Py_ssize_t size)
    cpdef run(self, job)
    @cython.locals(listener=Listener, count=Py_ssize_t, ack=AckReply, meter=EventMeter)
    cdef _dispatch(self, packet)
    @cython.locals(began=double)
    cdef _call(
        self, owner, Listener listener, args, AckReply ack, EventMeter meter)

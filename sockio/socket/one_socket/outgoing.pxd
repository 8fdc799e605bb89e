import cython

from sockio.protocol.engineio.wire cimport Wire, wire_of

@cython.final
cdef class Outgoing:
    # What each event needs stands together: it fits into a line of the cache.
    cdef object _home, _write, _encode, _thread
    cdef public object closed
    cdef public tuple catch_all
    cdef object _client, _owner, _pending
    cdef public str sid
    cpdef emit_with(self, event, tuple args, ack, flags)
    cpdef deliver(self, wire, packet, bint volatile)
    cpdef send_packet(self, packet)
    cpdef send_ack(self, packet)
    cpdef on_answer(self, packet)
    cdef _hand_over(self, wire, packet)

@cython.final
cdef class AckReply:
    cdef object _id, _nsp
    cdef Outgoing _outgoing
    cpdef returned(self, result)
    cdef _send(self, list args)

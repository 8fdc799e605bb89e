from sockio.protocol.engineio.wire cimport Wire, wire_of
from .dispatch cimport Receiving

cdef class Sending(Receiving):
    cdef public object _gone, _write, _encode, _thread, _home, client, conn
    cpdef send_ack(self, packet)
    cdef _hand_over(self, wire)

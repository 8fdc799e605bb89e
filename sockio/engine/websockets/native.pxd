import cython

from sockio.runtime.stream cimport Stream
from sockio.protocol.websocket.frames cimport FrameReader
from sockio.protocol.engineio.wire cimport Wire

@cython.final
cdef class NativeWebSocket:
    cdef object _closed, _deflate, _deliver, _kill_timer, _pong, _reactor, _receiver, _taken
    cdef bint _closing, _goodbye
    cdef FrameReader _reader
    cdef Stream _stream
    cdef public object space
    cpdef received(self, bytes data)
    cpdef offer(self, wire)

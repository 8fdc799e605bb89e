import cython

from sockio.runtime.stream cimport Stream
from sockio.protocol.websocket.frames cimport FrameReader
from sockio.protocol.engineio.wire cimport Wire

@cython.final
cdef class NativeWebSocket:
    cdef Stream _stream
    cdef object _deflate, _deliver
    cdef FrameReader _reader
    cdef public object space
    cdef bint _closing, _paused
    cdef object _closed, _kill_timer, _pong, _reactor, _receiver, _rest, _taken, _turns
    cpdef received(self, bytes data)
    cpdef offer(self, wire)

import cython

from sockio.engine.session cimport EngineSession
from sockio.protocol.engineio.wire cimport Wire, wire_of
from sockio.runtime.meter cimport Meter
from sockio.socket.one_socket.incoming cimport Incoming

cdef class Connection:
    cdef dict __dict__
    cdef object __weakref__
    cdef public EngineSession conn
    cdef public object write, parser, form_of
    cdef public dict sockets
    cdef public object _directory, _decoder, _issued, _held, _connect_timer, _ended, _auto
    cdef public Py_ssize_t _size
    cdef public Meter _meter
    @cython.locals(incoming=Incoming)
    cpdef on_message(self, data)

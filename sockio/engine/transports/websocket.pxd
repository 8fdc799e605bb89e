import cython

cdef class WebSocketTransport:
    cdef public object _websocket, offer, sink
    @cython.locals(text=str)
    cpdef on_message(self, data)

cdef class WebSocketTransport:
    cdef public object _websocket, offer, sink
    cpdef on_message(self, data)

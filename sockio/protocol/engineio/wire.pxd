import cython

cdef class Wire:
    cdef public object _frames, _packets, _translations
    cdef public object _websocket, _webtransport, _payload
    cdef public bint compress

@cython.locals(wire=Wire)
cpdef Wire wire_of(frames, bint compress)

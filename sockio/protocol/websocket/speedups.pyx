"""Speedups: frames of text, read and written in C.

``payload.py`` has the same functions in Python, with their docstrings.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from .payload import plain_message_frames

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    object PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)


cdef void _unmask(char *to, const char *data, Py_ssize_t size, const char *mask) noexcept:
    cdef uint32_t four
    cdef uint64_t eight, word
    cdef Py_ssize_t at = 0
    memcpy(&four, mask, 4)
    eight = four
    eight |= eight << 32
    while at + 8 <= size:
        memcpy(&word, data + at, 8)
        word ^= eight
        memcpy(to + at, &word, 8)
        at += 8
    while at < size:
        to[at] = data[at] ^ mask[at & 3]
        at += 1


def masked_text(bytes data not None, Py_ssize_t at, Py_ssize_t end):
    cdef char small[512]
    cdef char *room = small
    cdef const char *start
    cdef Py_ssize_t size = end - at - 4
    if at < 0 or size < 0 or end > PyBytes_GET_SIZE(data):
        raise IndexError("not inside the data")
    start = PyBytes_AS_STRING(data) + at
    if size > <Py_ssize_t>sizeof(small):
        room = <char *>PyMem_Malloc(size)
        if room == NULL:
            raise MemoryError
    try:
        _unmask(room, start + 4, size, start)
        return PyUnicode_DecodeUTF8(room, size, NULL)
    finally:
        if room != small:
            PyMem_Free(room)


def masked_bytes(bytes data not None, Py_ssize_t at, Py_ssize_t end):
    cdef Py_ssize_t size = end - at - 4
    cdef bytes payload
    if at < 0 or size < 0 or end > PyBytes_GET_SIZE(data):
        raise IndexError("not inside the data")
    payload = PyBytes_FromStringAndSize(NULL, size)
    cdef const char *start = PyBytes_AS_STRING(data) + at
    _unmask(PyBytes_AS_STRING(payload), start + 4, size, start)
    return payload


cdef Py_ssize_t _whole(Py_ssize_t size) noexcept:
    return size + (2 if size <= 125 else 4 if size < 65536 else 10)


cdef unsigned char *_head(unsigned char *to, unsigned char first, Py_ssize_t size) noexcept:
    cdef int at
    to[0] = first
    if size <= 125:
        to[1] = <unsigned char>size
        return to + 2
    if size < 65536:
        to[1] = 126
        to[2] = <unsigned char>(size >> 8)
        to[3] = <unsigned char>(size & 0xFF)
        return to + 4
    to[1] = 127
    for at in range(8):
        to[2 + at] = <unsigned char>((<uint64_t>size >> (8 * (7 - at))) & 0xFF)
    return to + 10


def message_frames(str lead not None, messages):
    cdef Py_ssize_t more, size, all = 0
    cdef const char *first
    cdef const char *text
    cdef unsigned char *to
    cdef bytes frames
    try:
        first = PyUnicode_AsUTF8AndSize(lead, &more)
        for message in messages:
            if type(message) is str:
                PyUnicode_AsUTF8AndSize(message, &size)
                all += _whole(more + size)
            else:
                all += _whole(PyBytes_GET_SIZE(<bytes?>message))
    except UnicodeEncodeError:  # a lone surrogate
        return plain_message_frames(lead, messages)
    frames = PyBytes_FromStringAndSize(NULL, all)
    to = <unsigned char *>PyBytes_AS_STRING(frames)
    for message in messages:
        if type(message) is str:
            text = PyUnicode_AsUTF8AndSize(message, &size)
            to = _head(to, 0x81, more + size)
            memcpy(to, first, more)
            to += more
        else:
            text = PyBytes_AS_STRING(<bytes>message)
            size = PyBytes_GET_SIZE(<bytes>message)
            to = _head(to, 0x82, size)
        memcpy(to, text, size)
        to += size
    return frames

"""The six handlers, for python-socketio."""

from __future__ import annotations

import socketio


def wsgi_app() -> socketio.WSGIApp:
    """Return a server with default options, as a WSGI callable."""
    io = socketio.Server(async_mode="gevent")

    @io.event
    def echo(sid: str, payload: str) -> None:
        io.emit("echo", payload, to=sid)

    @io.event
    def ack(sid: str, payload: str) -> str:
        return payload

    @io.on("bin")
    def binary(sid: str, payload: bytes) -> None:
        io.emit("bin", payload, to=sid)

    @io.event
    def broadcast(sid: str, payload: str) -> None:
        io.emit("broadcast", payload)

    @io.event
    def join(sid: str, room: str) -> None:
        io.enter_room(sid, room)

    @io.event
    def room(sid: str, name: str, payload: str) -> None:
        io.emit("room", payload, to=name)

    return socketio.WSGIApp(io)

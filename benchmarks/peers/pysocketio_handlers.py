"""The six handlers, for python-socketio, in two namespaces."""

from __future__ import annotations

from typing import Any

import socketio

NAMESPACES = ("/", "/chat")


def wsgi_app() -> socketio.WSGIApp:
    """Return a server with default options, as a WSGI callable."""
    # Since version 5.8, python-socketio refuses namespaces that are not named here.
    io = socketio.Server(async_mode="gevent", namespaces=list(NAMESPACES))
    for namespace in NAMESPACES:
        _register(io, namespace)
    return socketio.WSGIApp(io)


def _register(io: socketio.Server, namespace: str) -> None:
    here = {"namespace": namespace}

    @io.on("echo", **here)
    def echo(sid: str, payload: Any) -> None:
        io.emit("echo", payload, to=sid, namespace=namespace)

    @io.on("ack", **here)
    def ack(sid: str, payload: Any) -> Any:
        return payload

    @io.on("bin", **here)
    def binary(sid: str, payload: bytes) -> None:
        io.emit("bin", payload, to=sid, namespace=namespace)

    @io.on("broadcast", **here)
    def broadcast(sid: str, payload: Any) -> None:
        io.emit("broadcast", payload, namespace=namespace)

    @io.on("join", **here)
    def join(sid: str, room: str) -> None:
        io.enter_room(sid, room, namespace=namespace)

    @io.on("room", **here)
    def room(sid: str, name: str, payload: Any) -> None:
        io.emit("room", payload, to=name, namespace=namespace)

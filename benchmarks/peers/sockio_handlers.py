"""The six handlers, for sockio."""

from __future__ import annotations

from typing import Any

import sockio


def server() -> sockio.Server[Any]:
    """Return a server with default options."""
    io: sockio.Server[Any] = sockio.Server()

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("echo")
        def echo(payload: str) -> None:
            socket.emit("echo", payload)

        @socket.on("ack")
        def ack(payload: str) -> str:
            return payload

        @socket.on("bin")
        def binary(payload: bytes) -> None:
            socket.emit("bin", payload)

        @socket.on("broadcast")
        def broadcast(payload: str) -> None:
            io.emit("broadcast", payload)

        @socket.on("join")
        def join(room: str) -> None:
            socket.join(room)

        @socket.on("room")
        def room(name: str, payload: str) -> None:
            io.to(name).emit("room", payload)

    return io

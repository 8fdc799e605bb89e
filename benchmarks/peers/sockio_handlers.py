"""The six handlers, for sockio, in two namespaces."""

from __future__ import annotations

import os
from typing import Any

import sockio


def server() -> sockio.Server[Any]:
    """Return a server with default options; with SOCKIO_BENCH_DEFLATE it compresses."""
    compress = bool(os.environ.get("SOCKIO_BENCH_DEFLATE"))
    # idle.py sets it, in seconds: ten pings every 25 s would take too long.
    interval = float(os.environ.get("SOCKIO_BENCH_PING_INTERVAL", "25"))
    # nodes.py sets them.
    adapter = os.environ.get("SOCKIO_BENCH_ADAPTER")
    advertise = os.environ.get("SOCKIO_BENCH_ADVERTISE")
    # To be compared with a server that has none, see README.rst.
    metrics = bool(os.environ.get("SOCKIO_BENCH_METRICS"))
    io: sockio.Server[Any] = sockio.Server(
        per_message_deflate=compress,
        ping_interval=interval,
        adapter=adapter,
        advertise=advertise,
        metrics=metrics,
    )
    for name in ("/", "/chat"):
        _register(io.of(name))
    return io


def _register(namespace: Any) -> None:
    @namespace.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("echo")
        def echo(payload: Any) -> None:
            socket.emit("echo", payload)

        @socket.on("ack")
        def ack(payload: Any) -> Any:
            return payload

        @socket.on("bin")
        def binary(payload: bytes) -> None:
            socket.emit("bin", payload)

        @socket.on("broadcast")
        def broadcast(payload: Any) -> None:
            namespace.emit("broadcast", payload)

        @socket.on("join")
        def join(room: str) -> None:
            socket.join(room)

        @socket.on("room")
        def room(name: str, payload: Any) -> None:
            namespace.to(name).emit("room", payload)

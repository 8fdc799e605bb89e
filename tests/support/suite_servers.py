"""Suite servers: the servers that the public protocol suites expect at the URL."""

from __future__ import annotations

from typing import Any

import sockio

#: Seconds; the suites wait for these.
PING_INTERVAL, PING_TIMEOUT, CONNECT_TIMEOUT = 0.3, 0.2, 1.0
MAX_PAYLOAD = 1_000_000


def engine_server(**options: Any) -> sockio.EngineServer:
    """Make the Engine.IO suites' server: every message goes back to its sender."""
    settings: dict[str, Any] = {
        "path": "/engine.io",
        "ping_interval": PING_INTERVAL,
        "ping_timeout": PING_TIMEOUT,
        "max_http_buffer_size": MAX_PAYLOAD,
        **options,
    }
    engine = sockio.EngineServer(**settings)

    @engine.on("connection")
    def connected(session: sockio.EngineSession) -> None:
        session.on("message", session.send)

    return engine


def old_engine_server(**options: Any) -> sockio.EngineServer:
    """Make the server of the suite for Engine.IO 3."""
    return engine_server(allow_eio3=True, **options)


def socket_server(**options: Any) -> sockio.Server:
    """Make the Socket.IO suite's server: two namespaces, echoes on the main one."""
    settings: dict[str, Any] = {
        "ping_interval": PING_INTERVAL,
        "ping_timeout": PING_TIMEOUT,
        "connect_timeout": CONNECT_TIMEOUT,
        "max_http_buffer_size": MAX_PAYLOAD,
        **options,
    }
    io: sockio.Server = sockio.Server(**settings)

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        socket.emit("auth", socket.handshake.auth)

        @socket.on("message")
        def message(*args: Any) -> None:
            socket.emit("message-back", *args)

        @socket.on("message-with-ack")
        def message_with_ack(*args: Any) -> tuple[Any, ...]:
            return args

    @io.of("/custom").on("connection")
    def connected_to_custom(socket: sockio.Socket) -> None:
        socket.emit("auth", socket.handshake.auth)

    return io

"""The Socket.IO server that runs under every kind of HTTP server in these tests."""

from __future__ import annotations

from typing import Any

import sockio
from sockio.types import WSGIApp


def check(request: sockio.Request) -> None:
    if request.query.get("token") == "wrong":
        raise sockio.Forbidden("wrong token")


io: sockio.Server[Any] = sockio.Server(
    cors="https://page.example", cookie=True, allow_request=check
)
#: Why clients have disconnected.
reasons: list[str] = []


@io.use
def guard(socket: sockio.Socket[Any]) -> None:
    if socket.handshake.auth.get("token") == "wrong":
        raise sockio.ConnectError("wrong token", {"code": 7})


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    @socket.on("echo")
    def echo(*args: Any) -> tuple[Any, ...]:
        socket.emit("echoed", *args)
        return args

    @socket.on("shout")
    def shout(*args: Any) -> None:
        io.emit("shouted", *args)

    @socket.on("settle")
    def settle() -> None:
        # All workers answer behind what was said; clients that come now do not hear it.
        io.fetch_sockets()

    @socket.on("reasons")
    def take_reasons() -> list[str]:
        taken, reasons[:] = reasons[:], []
        return taken

    @socket.on("clients")
    def clients() -> int:
        return io.engine.clients_count

    @socket.on("writable")
    def writable() -> bool:
        return all(session.transport.writable for session in io.engine.clients.values())

    @socket.on("disconnect")
    def gone(reason: str) -> None:
        reasons.append(reason)
        # In one piece, since other threads print, too.
        print(f"gone: {reason}\n", end="")
        io.run_in_thread(print, f"gone for a while: {reason}\n", end="")


app: WSGIApp = io.serve_handler()

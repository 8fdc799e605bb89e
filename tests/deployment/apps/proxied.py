"""A server behind a proxy: what the page about proxies says, and what clients ask."""

from __future__ import annotations

from typing import Any

import sockio

io: sockio.Server[Any] = sockio.Server(
    trusted_proxies=1,
    cors="https://page.example",
    check_origin=True,
    health="/health",
)


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    @socket.on("echo")
    def echo(*args: Any) -> tuple[Any, ...]:
        return args

    @socket.on("client")
    def client() -> tuple[str, bool]:
        return socket.handshake.address, socket.handshake.secure

"""Mistakes that mypy and pyright find: an ignore comment without one is an error."""

from __future__ import annotations

from typing import Protocol

import sockio
from sockio.socket.events import alias, prefix

new_message: sockio.Event[[str, int], bool] = sockio.event("new message")


@prefix("shop:")
class ToClient(Protocol):
    """Events that the server sends."""

    @alias("order:new")
    def order_new(self, order: dict[str, int]) -> None: ...


def takes_one(text: str) -> bool:
    """Handle an event, but not this one."""
    return True


def takes_both(text: str, count: int) -> bool:
    """Handle the event."""
    return True


def misuse(io: sockio.Server, socket: sockio.Socket) -> None:
    """Make each mistake once, some beside the correct call."""
    sockio.Server(ping_interval="25")  # type: ignore[arg-type]
    sockio.Server(pingInterval=25)  # type: ignore[call-arg]
    sockio.Server(cors=5)  # type: ignore[arg-type]
    sockio.EngineServer(ping_interval="25")  # type: ignore[arg-type]
    sockio.EngineServer(pingInterval=25)  # type: ignore[call-arg]
    sockio.create_server(keep_alive="5")  # type: ignore[arg-type]
    io.listen(3000, keepAlive=5)  # type: ignore[call-arg]
    io.run(3000, certfile=5)  # type: ignore[arg-type]

    socket.on(new_message, takes_both)
    socket.on(new_message)(takes_one)  # type: ignore[arg-type]
    new_message.handler(takes_one)  # type: ignore[arg-type]
    io.only_typed(ToClient).order_new({"id": 1})
    io.only_typed(ToClient).order_new(3)  # type: ignore[arg-type]
    io.only_typed(ToClient).order_old({})  # type: ignore[attr-defined]

    socket.nsp.nothing  # type: ignore[attr-defined]  # noqa: B018
    socket.conn.nothing  # type: ignore[attr-defined]  # noqa: B018
    socket.client.nothing  # type: ignore[attr-defined]  # noqa: B018
    socket.request.nothing  # type: ignore[attr-defined]  # noqa: B018
    socket.handshake.nothing  # type: ignore[attr-defined]  # noqa: B018
    for found in io.fetch_sockets():
        found.nsp  # type: ignore[union-attr]  # noqa: B018
    io.spawn(takes_one, 1)  # type: ignore[arg-type]

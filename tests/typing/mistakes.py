"""Mistakes that mypy and pyright find: an ignore comment without one is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import sockio
import sockio.testing

new_message: sockio.Event[[str, int], bool] = sockio.event("new message")


@sockio.prefix("shop:")
class ToClient(Protocol):
    """Events that the server sends."""

    @sockio.alias("order:new")
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
    checks_what_is_emitted(io, socket)
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


def checks_what_is_emitted(io: sockio.Server, socket: sockio.Socket) -> None:
    """Emit a typed event in each way, rightly and wrongly."""
    socket.emit(new_message, "hi", 3)
    socket.emit(new_message, "hi")  # type: ignore[call-overload]
    socket.emit(new_message, "hi", "3")  # type: ignore[call-overload]
    socket.emit(new_message, "hi", 3, 4)  # type: ignore[call-overload]
    socket.volatile.emit(new_message, 3, "hi")  # type: ignore[call-overload]
    socket.timeout(2).emit_with_ack(new_message, "hi")  # type: ignore[call-overload]
    socket.call(new_message, 3)  # type: ignore[call-overload]
    socket.to("room").emit(new_message, "hi", 3)
    socket.to("room").emit(new_message, 3)  # type: ignore[call-overload]
    socket.nsp.emit(new_message, 3)  # type: ignore[call-overload]
    io.emit(new_message, "hi", None)  # type: ignore[call-overload]
    io.timeout(2).emit_with_ack(new_message)  # type: ignore[call-overload]
    io.server_side_emit(new_message, 3)  # type: ignore[call-overload]
    emitter = sockio.Emitter("redis://localhost")
    emitter.to("room").emit(new_message, "hi", 3)
    emitter.emit(new_message, 3)  # type: ignore[call-overload]
    client = sockio.testing.TestClient(io)
    client.emit(new_message, "hi", 3)
    client.emit(new_message, "hi")  # type: ignore[call-overload]
    client.emit_with_ack(new_message, 3)  # type: ignore[call-overload]
    client.call(new_message, 3)  # type: ignore[call-overload]
    socket.emit_with_ack(new_message, "hi", 3).title()  # type: ignore[attr-defined]
    io.timeout(1).emit_with_ack(new_message, "hi", 3).title()  # type: ignore[attr-defined]


def let_everybody_in(io: sockio.Server) -> None:
    """Forget to say who may see the admin page."""
    sockio.instrument(io)  # type: ignore[call-arg]
    sockio.instrument(io, auth=True)  # type: ignore[arg-type]
    sockio.instrument(io, auth=False, mode="debug")  # type: ignore[arg-type]


@dataclass
class Account:
    """What the application keeps with a socket."""

    name: str


def keep(io: sockio.Server[Account], socket: sockio.Socket[Account]) -> None:
    """Keep an object of one's own with a socket."""
    socket.data = Account("ann")
    socket.data.name = 5  # type: ignore[assignment]
    socket.data.admin  # type: ignore[attr-defined]  # noqa: B018
    socket.data = "ann"  # type: ignore[assignment]
    io.use(keeps_nothing)  # type: ignore[arg-type]


def keeps_nothing(socket: sockio.Socket) -> None:
    """Use the data of another kind of server."""

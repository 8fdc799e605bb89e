"""The server of a crowd: what one client says, all clients hear, on all workers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import gevent.event

import sockio
from sockio.types import Environ, StartResponse

io: sockio.Server[Any] = sockio.Server(
    connection_state_recovery=sockio.Recovery(mirror="MIRROR" in os.environ)
    if "RECOVERY" in os.environ
    else None,
    ping_interval=float(os.environ.get("PING_INTERVAL", "25")),
    adapter=os.environ.get("ADAPTER"),
    advertise=os.environ.get("ADVERTISE"),
    ready="/ready",
)


class Ending(sockio.Observer):
    """Tells when the server has closed; its process may go on."""

    def server_closed(self) -> None:
        print(f"{os.getpid()} has closed")


io.observe(Ending())


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    name = socket.handshake.auth.get("name")

    @socket.on("say")
    def say(word: int) -> None:
        io.emit("said", name, word)

    @socket.on("echo")
    def echo(*args: Any) -> tuple[Any, ...]:
        return args

    @socket.on("crowd")
    def crowd() -> list[str]:
        return sorted(found.id for found in io.fetch_sockets())

    @socket.on("enter")
    def enter(room: str) -> None:
        socket.join(room)
        socket.data.entered = room

    @socket.on("where")
    def where() -> tuple[list[str], str, bool]:
        return sorted(socket.rooms), socket.data.entered, socket.recovered

    @socket.on("stay")
    def stay() -> None:
        gevent.event.Event().wait()

    @socket.on("process")
    def process() -> int:
        return os.getpid()


def page(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer pages beside the engine: who answers; ``/say`` also tells the clients."""
    if environ["PATH_INFO"] == "/say":
        io.emit("said", "page", environ["QUERY_STRING"])
    text = f"{os.getpid()} {environ['REQUEST_METHOD']} {environ['PATH_INFO']}".encode()
    start_response(
        "200 OK",
        [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))],
    )
    return [text]


app = io.attach(page)

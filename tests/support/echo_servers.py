"""Echo servers: one of ours and one of Node's, which answer the same.

What a client writes can so be given to both.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

import sockio

from .loopback import Loopback
from .node import Driver

#: What Node's does with each client, in "/" and in "/custom".
_ON_NODE = """
const reasons = (it.reasons = []);
const connected = (socket) => {
  const on = (event, listener) =>
    socket.on(event, (...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : () => {};
      listener(args, ack);
    });
  socket.emit("auth", socket.handshake.auth);
  on("message", (args) => socket.emit("message-back", ...args));
  on("message-with-ack", (args, ack) => ack(...args));
  on("token", (args, ack) => ack(socket.handshake.query.token));
  on("ask me", () =>
    socket.emit("question", (...answer) => socket.emit("you said", ...answer)));
  socket.on("disconnect", (reason) => reasons.push(reason));
};
it.on("connection", connected);
it.of("/custom").on("connection", connected);
"""


class Settings(NamedTuple):
    """What a test may choose.

    Attributes:
        ping_interval: In seconds; by default no ping comes within a test.
        parser: As in the options of our server.
        deflate: WebSockets are compressed if the client offers it.
    """

    ping_interval: float = 25.0
    parser: Literal["default", "msgpack"] = "default"
    deflate: bool = False


class EchoServer(Protocol):
    """Either server."""

    url: str

    def reasons(self) -> list[str]:
        """Return why clients have left so far."""


class OurEcho:
    """A server of ours, in this process; Engine.IO 3 is allowed."""

    def __init__(self, settings: Settings) -> None:
        self._reasons: list[str] = []
        io: sockio.Server[Any] = sockio.Server(
            allow_eio3=True,
            ping_interval=settings.ping_interval,
            parser=settings.parser,
            per_message_deflate=settings.deflate,
        )
        for name in ("/", "/custom"):
            io.of(name).on("connection", self._connected)
        self._loopback = Loopback(io)
        self.url = self._loopback.url

    def reasons(self) -> list[str]:
        return self._reasons

    def close(self) -> None:
        """Close the server."""
        self._loopback.close()

    def _connected(self, socket: sockio.Socket[Any]) -> None:
        socket.emit("auth", socket.handshake.auth)
        socket.on("message", lambda *args: socket.emit("message-back", *args))
        socket.on("message-with-ack", lambda *args: args)
        socket.on("token", lambda: socket.handshake.query["token"])
        socket.on("disconnect", self._reasons.append)

        @socket.on("ask me")
        def ask_me() -> None:
            socket.emit(
                "question", ack=lambda *answer: socket.emit("you said", *answer)
            )


class NodeEcho:
    """A server of Node's; Engine.IO 3 is allowed."""

    def __init__(self, node: Driver, settings: Settings) -> None:
        self._server = node.alone(
            allowEIO3=True,
            pingInterval=settings.ping_interval * 1000,
            perMessageDeflate=settings.deflate,
            **({} if settings.parser == "default" else {"parser": settings.parser}),
        )
        self._server.run(_ON_NODE)
        self.url = self._server.url

    def reasons(self) -> list[str]:
        found: list[str] = self._server.run("return it.reasons")
        return found

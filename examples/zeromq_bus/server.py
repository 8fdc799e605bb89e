"""Servers that act as one, on a bus of one's own: ZeroMQ, without a broker.

    python -m pip install pyzmq
    python examples/zeromq_bus/server.py 3000 tcp://127.0.0.1:5550 tcp://127.0.0.1:5551
    python examples/zeromq_bus/server.py 3001 tcp://127.0.0.1:5551 tcp://127.0.0.1:5550

The first address is the server's own, behind it are those of all others. The bus is in
``zeromq_bus.py``; docs/adapters.rst walks through it.
"""

from __future__ import annotations

import sys

from zeromq_bus import ZeroMQBus

import sockio
from sockio.adapters import Cluster

port, address, *others = sys.argv[1:]
io = sockio.Server(adapter=Cluster(ZeroMQBus(address, others)))


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    @socket.on("join")
    def join(room: str) -> int:
        """Join a room; return how many are in it, on all servers."""
        socket.join(room)
        return len(io.in_(room).fetch_sockets())

    @socket.on("say")
    def say(room: str, text: str) -> None:
        io.to(room).emit("said", text)


if __name__ == "__main__":
    io.run(("127.0.0.1", int(port)))

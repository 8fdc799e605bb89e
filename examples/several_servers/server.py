"""Servers that act as one: what is said on one reaches the clients of all.

    docker run -p 6379:6379 valkey/valkey        # or any Redis
    python -m pip install "sockio[redis]"
    python examples/several_servers/server.py 3000
    python examples/several_servers/server.py 3001

REDIS_URL says where the broker is. If it goes away, each server goes on with its own
clients, and says afterwards what was lost.

Behind a balancer that sends a client to any of them, start each with the address at
which the others reach it, for instance ADVERTISE=127.0.0.1:3000 for the first one.
"""

from __future__ import annotations

import os
import sys

import sockio
from sockio.adapters import Gap

io = sockio.Server(
    adapter=os.environ.get("REDIS_URL", "redis://localhost"),
    advertise=os.environ.get("ADVERTISE"),
)


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


@io.on("adapter_gap")
def adapter_gap(gap: Gap) -> None:
    print(f"heard nothing for {gap.seconds} s; {gap.lost} messages were lost")


if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    io.run(("127.0.0.1", port))

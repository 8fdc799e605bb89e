"""A server whose clients hear of prices, which another program announces.

    docker run -p 6379:6379 valkey/valkey        # or any Redis
    python -m pip install "sockio[redis]"
    python examples/emitter/server.py 3000
    python examples/emitter/announce.py gold 4150.20

REDIS_URL says where the broker is. As many servers as you like may run.
"""

from __future__ import annotations

import os
import sys

import sockio

io = sockio.Server(adapter=os.environ.get("REDIS_URL", "redis://localhost"))


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    @socket.on("watch")
    def watch(metal: str) -> int:
        """Hear of a price from now on; return how many do, on all servers."""
        socket.join(f"price of {metal}")
        return len(io.in_(f"price of {metal}").fetch_sockets())


@io.on("watchers")
def watchers(metal: str) -> int:
    """Tell who announces a price how many clients of this server see it."""
    return len(io.local.in_(f"price of {metal}").fetch_sockets())


if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    io.run(("127.0.0.1", port))

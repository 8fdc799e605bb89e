"""Several processes that are one server: a counter of clients, and who serves whom.

    python examples/workers/server.py 3000 4              # sockio's own HTTP server
    python -m sockio run server:io -w 4 -b 3000           # the same, in this folder
    gunicorn -k gevent -w 4 -b 127.0.0.1:3000 server:io   # behind gunicorn

A request may reach any of the processes, and an event reaches the clients of all. Kill
one: its clients come back to the others, and a new process begins.
"""

from __future__ import annotations

import os
import sys

import sockio

io = sockio.Server()


def tell_all() -> None:
    """Tell all clients how many each process serves."""
    served: dict[str, int] = {}
    for found in io.fetch_sockets(allow_partial=True):
        process = str(found.data.process)
        served[process] = served.get(process, 0) + 1
    io.emit("served", served)


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    socket.data.process = os.getpid()
    tell_all()

    @socket.on("disconnect")
    def disconnected(reason: str) -> None:
        tell_all()


if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    workers = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("WORKERS", "4"))
    io.run(("127.0.0.1", port), workers=workers)

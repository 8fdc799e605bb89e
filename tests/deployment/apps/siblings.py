"""As a program: one of several processes of one host that act as one.

python -m tests.deployment.apps.siblings FOLDER
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import sockio

from .serve import announce


def main(folder: str) -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    io: sockio.Server[Any] = sockio.Server(adapter=f"unix:{folder}", slow_handler=60.0)

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("shout")
        def shout(name: str, count: int) -> None:
            for number in range(count):
                # One of them is too long for one packet between the processes.
                more = [b"x" * 200_000] if number == count // 2 else []
                io.emit("shouted", name, number, *more)
            io.emit("done", name)

        @socket.on("servers")
        def servers() -> int:
            return io.sockets.adapter.server_count()

        @socket.on("find")
        def find() -> tuple[float, list[str]]:
            began = time.monotonic()
            found = sorted(socket.id for socket in io.fetch_sockets())
            return time.monotonic() - began, found

        @socket.on("ask")
        def ask() -> list[Any]:
            answers: list[Any] = io.timeout(60).emit_with_ack("question")
            return answers

    server = sockio.create_server(io).listen(("127.0.0.1", 0))
    announce(server.address)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

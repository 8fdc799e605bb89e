"""A server that also speaks WebTransport, on the UDP port of the environment.

As a program, it serves with three workers.
"""

from __future__ import annotations

import os
from typing import Any

import sockio
from tests.support.quic_served import ALL, CERTIFICATE

io: sockio.Server[Any] = sockio.Server(transports=ALL)
io.listen_webtransport(
    ("127.0.0.1", int(os.environ["UDP_PORT"])), CERTIFICATE, CERTIFICATE
)


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    @socket.on("process")
    def process() -> int:
        return os.getpid()


if __name__ == "__main__":
    io.run("127.0.0.1:0", workers=3)

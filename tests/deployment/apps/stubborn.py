"""As a program: a server whose handlers do not end, or end late.

python -m tests.deployment.apps.stubborn run|serve_forever [PATCHED]
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and sys.argv[2:]:
    from gevent import monkey

    monkey.patch_all()

import itertools
import logging
import os
import signal
import time
from typing import Any

import gevent
import gevent.event

import sockio

io: sockio.Server[Any] = sockio.Server(slow_handler=0.2)


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    @socket.on("echo")
    def echo(text: str) -> str:
        return text

    @socket.on("wait")
    def wait() -> None:
        socket.emit("begun")
        gevent.event.Event().wait()

    @socket.on("compute")
    def compute() -> None:
        socket.emit("begun")
        gevent.idle()
        while True:
            pass

    @socket.on("compute in C")
    def compute_in_c() -> None:
        socket.emit("begun")
        gevent.idle()
        sum(itertools.count())

    @socket.on("compute until it exists")
    def compute_until_it_exists(file: str) -> bool:
        end = time.monotonic() + 30
        while not os.path.exists(file) and time.monotonic() < end:
            pass
        return os.path.exists(file)

    @socket.on("compute in C for a second")
    def compute_in_c_for_a_second() -> None:
        count = 1_000_000
        seconds = 0.0
        while seconds < 1:
            count *= 2
            begun = time.monotonic()
            sum(range(count))
            seconds = time.monotonic() - begun


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    if sys.argv[1] == "run":
        io.run("127.0.0.1:0")
    else:
        # Whoever starts the tests in the background of a script has SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        server = sockio.create_server(io.serve_handler()).listen("127.0.0.1:0")
        logging.info("serving on %s", server.address)
        server.serve_forever()
        logging.info("after serve_forever")

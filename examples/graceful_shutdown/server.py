"""Shut down without interrupting handlers that are at work.

    python examples/graceful_shutdown/server.py 3000
    kill -TERM ...            # or Ctrl-C

The server then notifies its clients, refuses new ones, disconnects the old ones one
after the other and waits for handlers that are at work. Clients reconnect by
themselves: to another server if there is one, else when this one is back. The port may
also be given as PORT. (``io.run()`` does much the same; this example shows how to do it
your own way.)
"""

from __future__ import annotations

import os
import signal
import sys

import gevent

import sockio

#: Seconds over which the disconnections are spread.
DRAIN = 1.0
#: Seconds that handlers get to end.
PATIENCE = 5.0

http_server = sockio.create_server()
io = sockio.Server(http_server)
at_work: set[str] = set()


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    @socket.on("save")
    def save(document: str, seconds: float) -> None:
        print(f"saving {document}", flush=True)
        at_work.add(document)
        io.sleep(seconds)  # a slow disk
        at_work.remove(document)
        print(f"saved {document}", flush=True)


def end() -> None:
    """Say goodbye; runs in a greenlet of its own, so it may block."""
    io.emit("going down")
    io.drain(DRAIN)
    waited = 0.0
    while at_work and waited < PATIENCE:
        io.sleep(0.1)
        waited += 0.1
    io.close(timeout=PATIENCE)  # the HTTP server too, so serve_forever() returns


if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    for signum in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(signum, end)
    http_server.listen(("127.0.0.1", port))
    print(f"http://127.0.0.1:{port}", flush=True)
    http_server.serve_forever()
    print("bye", flush=True)

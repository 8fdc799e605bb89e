"""Sessions over an in-memory transport: what a client costs without a kernel.

memory_sessions.py COUNT SECONDS: opens COUNT sessions with a Socket.IO socket each,
lets them beat for SECONDS and prints one line of JSON. Every ping is answered.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gevent
from peers.sockio_handlers import server

from sockio.engine.http.request import Request
from sockio.engine.outbox import Outbox
from sockio.engine.transports.transport import PING, Sink
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire

PONG = Packet(PacketType.PONG)
#: Sessions opened between two passes of the loop.
AT_ONCE = 500


class MemoryTransport:
    """A client that answers pings and throws everything else away."""

    __slots__ = ("_soon", "sink")

    name = "websocket"
    upgrades_to: tuple[str, ...] = ()
    writable = ready = True
    pending_size = 0
    #: The pings to all clients.
    pings = 0

    def __init__(self, soon: Callable[..., None]) -> None:
        self._soon = soon
        self.sink: Sink

    def bind(self, outbox: Outbox, sink: Sink) -> None:
        self.sink = sink

    def offer(self, wire: Wire) -> bool:
        if wire is PING:
            MemoryTransport.pings += 1
            self._soon(self.sink.on_packet, PONG)
        return True

    def wake(self) -> None: ...

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        done()


def resident() -> float:
    """Return the KiB of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def main() -> None:
    """Measure and print."""
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    io = server()
    io.start()
    environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": "EIO=4&transport=websocket"}
    gc.collect()
    before, began = resident(), time.process_time()
    for number in range(count):
        transport = MemoryTransport(io.engine.reactor.soon)
        io.engine.open_session(f"{number:020}", Request(environ), transport)
        transport.sink.on_message("0")
        if number % AT_ONCE == 0:
            gevent.sleep(0)
    gevent.idle()
    opened = time.process_time() - began
    each = (resident() - before) / count
    assert len(io.sockets.sockets) == count
    MemoryTransport.pings = 0
    began = time.process_time()
    gevent.sleep(seconds)
    busy = (time.process_time() - began) / seconds
    print(
        json.dumps(
            {
                "sessions": count,
                "kib_each": round(each, 2),
                "opening_us": round(opened / count * 1e6, 1),
                "pings": MemoryTransport.pings,
                "busy": round(busy, 4),
                "alive": len(io.sockets.sockets),
            }
        )
    )


if __name__ == "__main__":
    main()

"""The cost of operations in a server that grows, without a network.

The clients are connected over an in-memory transport. Prints a line of JSON for each
row: its title, and pairs of size and microseconds of CPU.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from memory_sessions import MemoryTransport

import sockio
from sockio.engine.http.request import Request

#: Each cost is the lowest of this many rounds, each of this many operations.
ROUNDS, OPERATIONS = 7, 2000
SIZES = (1, 10, 100, 1000)


def main() -> None:
    """Measure and print."""
    children = (*SIZES, 10_000)
    _tell("emit to a room, rooms of each socket", _emit_to_room, SIZES)
    _tell("join and leave, rooms of the socket", _join_and_leave, SIZES)
    _tell("event, listeners for other events", _event_among_others, SIZES)
    _tell("event, listeners for it: each of them", _event_to_many, SIZES)
    _tell("event, children of the namespace", _event_in_child, children)
    _tell("connect and leave, children", _connect_to_child, children)


def _tell(
    title: str, prepare: Callable[[int], Callable[[], object]], sizes: Iterable[int]
) -> None:
    row = [(size, _cost(prepare(size))) for size in sizes]
    print(json.dumps({"title": title, "row": row}), flush=True)


def _cost(operation: Callable[[], object]) -> float:
    """Return the microseconds of CPU that one operation takes, in the hub."""
    best: list[float] = []

    def run() -> None:
        began = time.process_time()
        for _ in range(OPERATIONS):
            operation()
        best.append((time.process_time() - began) / OPERATIONS * 1e6)

    for _ in range(ROUNDS):
        gevent.get_hub().loop.run_callback(run)
        gevent.idle()
    return min(best)


class _Client:
    """A client over an in-memory transport, and its server."""

    def __init__(self, io: Any, number: int = 0) -> None:
        io.start()
        self.io = io
        self.transport = MemoryTransport(io.engine.reactor.soon)
        io.engine.open_session(
            f"{number:020}", Request({"REQUEST_METHOD": "GET"}), self.transport
        )

    def receive(self, packet: str) -> None:
        """Handle ``packet`` and all that follows from it, as a read of the hub does."""
        batch = self.io.engine.reactor.batch
        batch.begin()
        self.transport.sink.on_message(packet)
        batch.end()

    def join(self, namespace: str = "/") -> Any:
        """Connect to a namespace and return the socket."""
        # Not as a read: this is no callback of the hub.
        self.transport.sink.on_message("0" if namespace == "/" else f"0{namespace},")
        gevent.idle()
        return list(self.io.of(namespace).sockets.values())[-1]


def _client(number: int = 0) -> _Client:
    return _Client(sockio.Server(), number)


def _emit_to_room(rooms: int) -> Callable[[], object]:
    client = _client()
    socket = client.join()
    socket.join([f"room {n}" for n in range(rooms)])
    return lambda: client.io.to("room 0").emit("x", 1)


def _join_and_leave(rooms: int) -> Callable[[], object]:
    socket = _client().join()
    socket.join([f"room {n}" for n in range(rooms)])

    def operation() -> None:
        socket.join("one more")
        socket.leave("one more")

    return operation


def _event_among_others(listeners: int) -> Callable[[], object]:
    client = _client()
    socket = client.join()
    for number in range(listeners):
        socket.on(f"event {number}", lambda: None)
    return lambda: client.receive('2["event 0"]')


def _event_to_many(listeners: int) -> Callable[[], object]:
    client = _client()
    socket = client.join()
    for _ in range(listeners):
        socket.on("event", lambda: None)
    calls = iter(range(sys.maxsize))
    # One event per ``listeners`` operations, so an operation is the call of a listener.
    return lambda: next(calls) % listeners or client.receive('2["event"]')


def _event_in_child(children: int) -> Callable[[], object]:
    client = _client()
    _make_children(client, children)
    client.join("/child-0").on("event", lambda: None)
    return lambda: client.receive('2/child-0,["event"]')


def _connect_to_child(children: int) -> Callable[[], object]:
    client = _client()
    _make_children(client, children)

    def operation() -> None:
        client.receive("0/child-0,")
        client.receive("1/child-0,")

    return operation


def _make_children(client: _Client, count: int) -> None:
    client.io.of(re.compile("/child-[0-9]+"))
    for number in range(count):
        client.io.of(f"/child-{number}")


if __name__ == "__main__":
    main()

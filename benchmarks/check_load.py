"""Check the load generator: a proxy spoils a server's answers, which it must notice.

check_load.py [SERVER]      (default: node)
"""

from __future__ import annotations

import itertools
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import installation
from servers import KINDS, Server

#: One answer in so many is spoiled.
ONE_IN = 20

#: Called with the way to a client and an answer; returns the frames to deliver instead.
Spoil = Callable[["Downstream", bytes], list[bytes]]


class Downstream:
    """The way from the server to one client of the load generator."""

    def __init__(self, client: socket.socket, others: list[Downstream]) -> None:
        self.client = client
        self.others = others
        self.held: bytes | None = None

    def deliver(self, frame: bytes, piece: int) -> None:
        for start in range(0, len(frame), piece):
            self.client.sendall(frame[start : start + piece])


def truth(way: Downstream, frame: bytes) -> list[bytes]:
    return [frame]


def alter(way: Downstream, frame: bytes) -> list[bytes]:
    """Change the last letter of the payload, which is before the closing `"]`."""
    return [frame[:-3] + bytes([frame[-3] ^ 1]) + frame[-2:]]


def drop(way: Downstream, frame: bytes) -> list[bytes]:
    return []


def double(way: Downstream, frame: bytes) -> list[bytes]:
    return [frame, frame]


def misdeliver(way: Downstream, frame: bytes) -> list[bytes]:
    other = next(other for other in way.others if other is not way)
    other.deliver(frame, len(frame))
    return []


def fragment(way: Downstream, frame: bytes) -> list[bytes]:
    """Cut the frame into two, with a ping between them: some servers do."""
    head = {126: 4, 127: 10}.get(frame[1], 2)
    first, last = frame[head : head + 40], frame[head + 40 :]
    # Only the first one tells what the message is, only the last one that it ends.
    kind, final = frame[0] & 0x7F, frame[0] & 0x80
    return [_frame(kind, first), b"\x89\x00", _frame(final, last)]


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 1 << 16:
        return bytes([first, 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, 127]) + size.to_bytes(8, "big") + payload


def swap(way: Downstream, frame: bytes) -> list[bytes]:
    """Hold the answer back until the next one has passed."""
    way.held = frame
    return []


@dataclass(frozen=True, slots=True)
class Case:
    """A way to spoil answers, and where the load generator must notice it."""

    spoil: Spoil
    load: str
    noticed_as: str | None  #: a field that must not be 0; None: nothing may be noticed
    piece: int = 1 << 20  #: bytes in one send of ours


CASES = (
    Case(truth, "echo --outstanding 4", None),
    Case(truth, "echo --outstanding 4", None, piece=7),
    Case(truth, "echo --size 70000", None, piece=9000),
    Case(truth, "binary --size 700", None, piece=50),
    Case(truth, "broadcast --outstanding 3", None, piece=50),
    Case(truth, "rooms --members 2", None),
    Case(truth, "open-ack --rate 200", None, piece=7),
    Case(truth, "echo --content nested --size 3000", None, piece=700),
    Case(truth, "echo --content unicode --size 900", None, piece=7),
    Case(truth, "echo --namespace /chat", None),
    Case(truth, "ack --namespace /chat --content nested", None),
    Case(truth, "binary --namespace /chat --size 700", None),
    Case(truth, "rooms --members 2 --namespace /chat", None),
    Case(truth, "echo --deflate --size 3000 --outstanding 4", None, piece=50),
    Case(truth, "binary --deflate --size 3000", None),
    Case(fragment, "echo --size 70000", None),
    Case(fragment, "binary --size 700", None, piece=7),
    Case(fragment, "broadcast --outstanding 3", None),
    Case(fragment, "echo --deflate --size 3000", None),
    Case(alter, "echo", "mismatches"),
    Case(alter, "echo --content nested", "mismatches"),
    Case(alter, "echo --content unicode --size 900", "mismatches"),
    Case(alter, "ack --namespace /chat", "mismatches"),
    Case(alter, "ack", "mismatches"),
    Case(alter, "binary", "mismatches"),
    Case(alter, "broadcast", "mismatches"),
    Case(drop, "echo", "missing"),
    Case(drop, "ack", "missing"),
    Case(drop, "open-ack --rate 200", "missing"),
    Case(drop, "broadcast --outstanding 2", "mismatches"),
    Case(double, "echo", "mismatches"),
    Case(double, "ack", "mismatches"),
    Case(double, "open-ack --rate 200", "mismatches"),
    Case(double, "rooms --members 2", "mismatches"),
    Case(misdeliver, "echo", "mismatches"),
    Case(misdeliver, "open-ack --rate 200", "mismatches"),
    Case(swap, "broadcast --outstanding 2", "mismatches"),
)


class Spoiler:
    """A proxy in front of the server that spoils some of its answers."""

    def __init__(self, port: int, case: Case) -> None:
        self._upstream = port
        self._case = case
        self._answers = itertools.count(1)
        self._ways: list[Downstream] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        _start(self._accept)

    def close(self) -> None:
        # close() alone would not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._upstream))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            way = Downstream(client, self._ways)
            self._ways.append(way)
            _start(_copy, client, server)
            _start(self._pass_on, way, server)

    def _pass_on(self, way: Downstream, server: socket.socket) -> None:
        for frame in _frames(server):
            for result in self._spoiled(way, frame):
                way.deliver(result, self._case.piece)

    def _spoiled(self, way: Downstream, frame: bytes) -> list[bytes]:
        held, way.held = way.held, None
        # Answers are long; everything else that the server sends is short.
        if len(frame) > 60 and b"sid" not in frame:
            number = next(self._answers)
            if number % ONE_IN == 0:
                return self._case.spoil(way, frame)
        return [frame, held] if held else [frame]


def _start(target: Callable[..., None], *arguments: Any) -> None:
    def run() -> None:
        # The proxy ends when its connections are closed.
        with suppress(OSError):
            target(*arguments)

    threading.Thread(target=run, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(1 << 16):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def _frames(server: socket.socket) -> Iterator[bytes]:
    """Yield the HTTP answer, then each WebSocket frame with its header."""
    with server.makefile("rb") as stream:
        yield b"".join(iter(stream.readline, b"\r\n")) + b"\r\n"
        while head := stream.read(2):
            size = head[1] & 127
            if size > 125:
                head += stream.read(2 if size == 126 else 8)
                size = int.from_bytes(head[2:], "big")
            yield head + stream.read(size)


def check(server: Server, case: Case) -> str:
    """Return what is wrong with the load generator, "" if nothing is."""
    spoiler = Spoiler(server.port, case)
    arguments = "--connections 4 --seconds 0.4 --warmup 0 --patience 1"
    load = [*case.load.split(), *arguments.split()]
    result = server.load(load, port=spoiler.port, quiet=True)
    spoiler.close()
    noticed = {key: result[key] for key in ("errors", "mismatches", "missing")}
    if not result["operations"]:
        return "nothing was measured"
    if case.noticed_as is None:
        return f"noticed {noticed}" if any(noticed.values()) else ""
    return "" if noticed[case.noticed_as] else f"noticed only {noticed}"


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "node"
    kind = KINDS[name]
    installation.load_generator()
    if kind.needs:
        kind.needs()
    server = Server(name, kind)
    # The server compresses for clients that ask for it.
    server.environment = {"SOCKIO_BENCH_DEFLATE": "1"}
    server.start()
    failures = 0
    try:
        for case in CASES:
            if "deflate" in case.load and not server.can(frozenset({"deflate"})):
                continue
            wrong = check(server, case)
            failures += bool(wrong)
            print(f"{case.spoil.__name__:10} {case.load:42} {wrong or 'ok'}")
    finally:
        server.stop()
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

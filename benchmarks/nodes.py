"""Measure what ``advertise=`` costs, in CPU time of both machines together.

nodes.py [--reps N] [--python PATH]

A client asks the machine that has its session, or the other one, which proxies: by
polling (a POST and a GET in turns, on a connection that is kept or on new ones), and by
WebSocket (an event and its echo).
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.redis_server import RedisServer  # noqa: E402

TARGET = b"/socket.io/?EIO=4&transport="
#: Of one repetition.
TIMES = 300
_UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


class Machine:
    """A server with one process."""

    def __init__(self, command: list[str], broker: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        address = f"127.0.0.1:{self.port}"
        told = {
            "SOCKIO_BENCH_ADAPTER": broker,
            "SOCKIO_BENCH_ADVERTISE": address,
            # The clients answer no pings.
            "SOCKIO_BENCH_PING_INTERVAL": "3000",
        }
        self._process = subprocess.Popen(
            [*command, "-b", address, "sockio_gunicorn:app"],
            cwd=ROOT / "benchmarks/peers",
            env={**os.environ, **told},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > deadline:
                raise SystemExit(f"{command} does not start")
            time.sleep(0.1)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def cpu(self) -> float:
        """Return the microseconds of CPU that its processes have used."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        files = [Path(f"/proc/{each}/schedstat") for each in (pid, *children)]
        return sum(int(file.read_text().split()[0]) for file in files) / 1000

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


class Wire:
    """A connection of a client."""

    def __init__(self, machine: Machine) -> None:
        self._sock = socket.create_connection(("127.0.0.1", machine.port), timeout=20)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def ask(self, method: bytes, target: bytes, body: bytes = b"") -> bytes:
        """Return the body of an answer."""
        head = b"%b %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
        self._sock.sendall(head % (method, target, len(body)) + body)
        head = self._until(b"\r\n\r\n")
        if b" 200 " not in head:
            raise SystemExit(head.decode())
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(self._received) < length:
            self._received += self._sock.recv(65536)
        body, self._received = self._received[:length], self._received[length:]
        return body

    def upgrade(self, target: bytes) -> None:
        """Become a WebSocket."""
        head = b"GET %b HTTP/1.1\r\nHost: localhost\r\n" % target
        self._sock.sendall(head + _UPGRADE + b"\r\n")
        if b" 101 " not in self._until(b"\r\n\r\n"):
            raise SystemExit("no WebSocket")

    def say(self, text: bytes) -> None:
        """Send a frame."""
        self._sock.sendall(b"%c%c\0\0\0\0%b" % (0x81, 0x80 | len(text), text))

    def hear(self, text: bytes) -> None:
        """Wait for a frame with this text."""
        self._until(text)

    def _until(self, end: bytes) -> bytes:
        while end not in self._received:
            data = self._sock.recv(65536)
            if not data:
                raise SystemExit("a connection has ended")
            self._received += data
        found, _, self._received = self._received.partition(end)
        return found

    def close(self) -> None:
        """End it."""
        self._sock.close()


def polling(asked: Machine, owner: Machine, *, keep: bool) -> Callable[[], None]:
    """Return what makes a POST and a GET."""
    target = _opened(owner)
    kept = Wire(asked)

    def once(method: bytes, body: bytes = b"") -> bytes:
        wire = kept if keep else Wire(asked)
        answer = wire.ask(method, target, body)
        if not keep:
            wire.close()
        return answer

    def both() -> None:
        once(b"POST", b'42["echo","hello"]')
        while b"echo" not in once(b"GET"):
            pass

    return both


def websocket(asked: Machine, owner: Machine) -> Callable[[], None]:
    """Return what sends an event, and waits for its echo."""
    target = _opened(owner)
    wire = Wire(asked)
    wire.upgrade(target.replace(b"polling", b"websocket"))
    wire.say(b"2probe")
    wire.hear(b"3probe")
    wire.say(b"5")

    def echo() -> None:
        wire.say(b'42["echo","hello"]')
        wire.hear(b'42["echo","hello"]')

    return echo


def _opened(owner: Machine) -> bytes:
    wire = Wire(owner)
    opened = wire.ask(b"GET", TARGET + b"polling")
    sid = json.loads(opened[1:])["sid"].encode()
    target = TARGET + b"polling&sid=" + sid
    wire.ask(b"POST", target, b"40")
    wire.ask(b"GET", target)
    wire.close()
    return target


def measure(one: Machine, two: Machine, do: Callable[[], None]) -> float:
    """Return the CPU of both machines."""
    before = one.cpu() + two.cpu()
    for _ in range(TIMES):
        do()
    return (one.cpu() + two.cpu() - before) / TIMES


def main() -> int:
    """Measure in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reps", type=int, default=7)
    parser.add_argument("--python", default=sys.executable, help="which has sockio")
    arguments = parser.parse_args()
    broker = RedisServer()
    run = [arguments.python, "-m"]
    servers = {
        "sockio's own server": [*run, "sockio", "run"],
        "gunicorn": [
            *(*run, "gunicorn", "--no-control-socket", "-k", "gevent"),
            *("-w", "1", "--keep-alive", "75"),
        ],
    }
    try:
        for name, command in servers.items():
            machines = [Machine(command, broker.url) for _ in range(2)]
            try:
                _compare(name, *machines, arguments.reps)
            finally:
                for machine in machines:
                    machine.stop()
    finally:
        broker.close()
    return 0


def _compare(name: str, one: Machine, two: Machine, reps: int) -> None:
    ways: dict[str, Callable[[Machine, Machine], Callable[[], None]]] = {
        "a POST and a GET": lambda *pair: polling(*pair, keep=True),
        "the same, new connections": lambda *pair: polling(*pair, keep=False),
        "an event and its echo": websocket,
    }
    for what, make in ways.items():
        direct, proxied = make(two, two), make(one, two)
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(reps):
            for do, found in zip((direct, proxied), taken, strict=True):
                do()
                found.append(measure(one, two, do))
        alone, both = map(statistics.median, taken)
        print(
            f"{name}: {what}: direct {alone:.0f} us, proxied {both:.0f} us, "
            f"{both / alone:.2f} x"
        )


if __name__ == "__main__":
    sys.exit(main())

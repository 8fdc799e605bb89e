"""Measure what several workers cost, in CPU time of all of them together.

workers.py [--workers 2 4] [--reps N] [--python PATH]

Requests, each on a new connection: a POST, a GET that is answered at once, and an
upgrade to WebSocket with its probe; direct ones, those that were handed over, and those
that were proxied (TLS in the workers), with the time that they took. Which they were is
seen by the CPU time of each worker: a new connection wakes all workers for a moment,
but gives work to one of them, or to two.
Broadcasts: a delivered message with one worker and with several.
"""

from __future__ import annotations

import argparse
import json
import math
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import machine

ROOT = Path(__file__).parent.parent
CERTIFICATE = str(ROOT / "tests" / "support" / "localhost.pem")
TLS = ("--certfile", CERTIFICATE, "--keyfile", CERTIFICATE)
TARGET = b"/socket.io/?EIO=4&transport=polling"
#: Requests, and messages, of one repetition.
REQUESTS, MESSAGES = 200, 100
#: The requests; and an event that nobody listens to.
KINDS, NOTHING = ("post", "poll", "upgrade"), b'42["nobody",1]'
#: Seconds in which a worker has done all that a request gives it to do.
SETTLED = 0.002
#: How much more than nearly all those that are woken for nothing a worker takes that
#: hands a request over.
WOKEN = 1.4
#: Sessions that poll, and clients that hear broadcasts.
SESSIONS, CLIENTS = 20, 1000
#: A broadcast as a frame: what each client hears.
FRAME = len(b'42["broadcast","hello"]') + 2
_KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"


class Master:
    """gunicorn with some workers."""

    def __init__(self, python: str, workers: int, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.tls = "--certfile" in options
        self.workers = workers
        command = [python, "-m", "gunicorn", "--no-control-socket", "-k", "gevent"]
        command += ["-w", str(workers), "-b", f"127.0.0.1:{self.port}", *options]
        self._process = subprocess.Popen(
            [
                *command,
                "--chdir",
                str(ROOT / "benchmarks/peers"),
                "sockio_gunicorn:app",
            ],
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while len(self.pids()) < self.workers or not self._answers():
            if time.monotonic() > deadline:
                raise SystemExit("gunicorn does not start")
            time.sleep(0.1)
        time.sleep(2)  # all of them have imported the application

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def pids(self) -> list[int]:
        """Return the process ids of the workers."""
        pid = self._process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]

    def cpu(self) -> float:
        """Return the microseconds of CPU that the workers have used."""
        return sum(self.cpus(self.pids()))

    def cpus(self, pids: list[int]) -> list[float]:
        """Return the same of each worker."""
        files = [Path(f"/proc/{pid}/schedstat") for pid in pids]
        return [int(file.read_text().split()[0]) / 1000 for file in files]

    def connect(self) -> socket.socket:
        """Open a connection."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return context.wrap_socket(sock)
        return sock

    def ask(
        self, method: bytes, target: bytes, body: bytes = b"", status: bytes = b"200"
    ) -> bytes:
        """Send a request on a new connection; return the body of the answer."""
        head = b"%b %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if body:
            head += b"Content-Type: text/plain\r\nContent-Length: %d\r\n" % len(body)
        with self.connect() as sock:
            sock.sendall(head % (method, target) + b"\r\n" + body)
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        first, _, rest = answer.partition(b"\r\n\r\n")
        if b" %b " % status not in first:
            raise SystemExit(f"{first.decode()}\n{rest.decode()}")
        return rest

    def open(self) -> bytes:
        """Open a session; return the target of its requests."""
        opened = self.ask(b"GET", TARGET)
        target = TARGET + b"&sid=" + json.loads(opened[1:])["sid"].encode()
        self.ask(b"POST", target, b"40")
        self.ask(b"GET", target)
        return target

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Taken(NamedTuple):
    """What one request took."""

    cpu: float  #: microseconds, of all workers
    second: float  #: those of the worker that came second
    time: float  #: milliseconds until the answer was there


class Clients:
    """Clients that poll, each request on a connection of its own."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._pids = master.pids()

    def page(self) -> list[Taken]:
        """Return what requests take that any worker can answer."""
        ask = partial(self._master.ask, b"GET", b"/page", status=b"404")
        return [self._measure(ask) for _ in range(REQUESTS)]

    def post(self) -> list[Taken]:
        """Return what POSTs take."""
        return [
            self._measure(partial(self._master.ask, b"POST", target, NOTHING))
            for target in self._some()
        ]

    def poll(self) -> list[Taken]:
        """Return what GETs take for which something waits."""
        taken = []
        for target in self._some():
            self._master.ask(b"POST", target, b'42["echo","hello"]')
            taken.append(self._measure(partial(self._master.ask, b"GET", target)))
        return taken

    def upgrade(self) -> list[Taken]:
        """Return what upgrades take, until the WebSocket may be used."""
        taken = []
        for _ in range(REQUESTS):
            with ExitStack() as until_then:
                target = self._master.open().replace(b"=polling", b"=websocket")
                upgrade = partial(_upgrade, self._master, target, until_then)
                taken.append(self._measure(upgrade))
        return taken

    def _some(self) -> Iterable[bytes]:
        # New ones, since those that answer no pings end.
        targets = [self._master.open() for _ in range(SESSIONS)]
        return islice(cycle(targets), REQUESTS)

    def _measure(self, do: Callable[[], object]) -> Taken:
        time.sleep(SETTLED)
        before = self._master.cpus(self._pids)
        began = time.perf_counter()
        do()
        spent = time.perf_counter() - began
        time.sleep(SETTLED)
        after = self._master.cpus(self._pids)
        used = sorted(b - a for a, b in zip(before, after, strict=True))
        return Taken(sum(used), used[-2] if len(used) > 1 else 0.0, spent * 1000)


def _upgrade(master: Master, target: bytes, until_then: ExitStack) -> None:
    """Upgrade a session to a WebSocket, which is closed by ``until_then``."""
    sock = until_then.enter_context(master.connect())
    sock.sendall(_websocket(target))
    _receive(sock, b"\r\n\r\n")
    _send_frame(sock, b"2probe")
    _receive(sock, b"3probe")
    _send_frame(sock, b"5")


def _websocket(target: bytes) -> bytes:
    """Return a request for a WebSocket."""
    head = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    return head % target + b"Upgrade: websocket\r\n" + _KEY + b"\r\n"


def _send_frame(sock: socket.socket, text: bytes) -> None:
    sock.sendall(b"%c%c\0\0\0\0%b" % (0x81, 0x80 | len(text), text))


def _receive(sock: socket.socket, end: bytes) -> None:
    """Wait for what ends with ``end``, or contains it."""
    data = b""
    while end not in data:
        more = sock.recv(65536)
        if not more:
            raise SystemExit(f"the connection ended: {data!r}")
        data += more


class Audience:
    """WebSockets that hear broadcasts."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._selector = selectors.DefaultSelector()
        self._clients = [self._open() for _ in range(CLIENTS)]
        for client in self._clients:
            client.setblocking(False)
            self._selector.register(client, selectors.EVENT_READ)
        self._drain(0.3)

    def _open(self) -> socket.socket:
        sock = self._master.connect()
        sock.sendall(_websocket(b"/socket.io/?EIO=4&transport=websocket"))
        _send_frame(sock, b"40")
        _receive(sock, b"40{")
        return sock

    def _drain(self, seconds: float) -> None:
        while events := self._selector.select(seconds):
            for key, _ in events:
                key.fileobj.recv(65536)  # type: ignore[union-attr]

    def deliver(self) -> tuple[float, float]:
        """Return the CPU of a delivery, and the milliseconds until all have heard."""
        before, times = self._master.cpu(), []
        for number in range(MESSAGES):
            began = time.perf_counter()
            _send_frame(self._clients[number % CLIENTS], b'42["broadcast","hello"]')
            missing = FRAME * CLIENTS
            while missing > 0:
                events = self._selector.select(20)
                if not events:
                    raise SystemExit(f"{missing // FRAME} clients have heard nothing")
                for key, _ in events:
                    missing -= len(key.fileobj.recv(65536))  # type: ignore[union-attr]
            times.append((time.perf_counter() - began) * 1000)
        used = self._master.cpu() - before
        return used / MESSAGES / CLIENTS, statistics.median(times)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()
        self._selector.close()


def main() -> int:
    """Measure in turns, and print the ratios."""
    arguments = _arguments()
    counts: list[int] = arguments.workers
    machine.raise_file_limit()
    plain = {n: Master(arguments.python, n) for n in (1, *counts)}
    secure = {n: Master(arguments.python, n, *TLS) for n in (1, max(counts))}
    try:
        for what, masters in (("handed over", plain), ("proxied, TLS", secure)):
            _requests(what, masters, arguments.reps)
        _broadcasts(plain, arguments.reps)
    finally:
        for master in (*plain.values(), *secure.values()):
            master.stop()
    return 0


def _requests(what: str, masters: dict[int, Master], reps: int) -> None:
    clients = {n: Clients(master) for n, master in masters.items()}
    runs: dict[tuple[str, int], list[list[Taken]]] = {
        (name, n): [] for name in KINDS for n in masters
    }
    woken = {n: [taken.second for taken in clients[n].page()] for n in masters}
    for _ in range(reps):
        for name, n in runs:
            runs[name, n].append(getattr(clients[n], name)())
    for (name, n), found in runs.items():
        # Those that are woken for nothing take less than one that hands over.
        most = WOKEN * statistics.quantiles(woken[n], n=20)[-1] if n > 1 else math.inf
        _tell(f"{name}, {n} workers", what, found, most)


def _tell(about: str, what: str, runs: list[list[Taken]], most: float) -> None:
    direct = [[taken for taken in run if taken.second <= most] for run in runs]
    others = [[taken for taken in run if taken.second > most] for run in runs]
    text = f"{about}: direct {_told(direct)}"
    ratios = [
        _median(b, "cpu") / _median(a, "cpu")
        for a, b in zip(direct, others, strict=True)
        if a and b
    ]
    if ratios:
        text += f"; {what} {_told(others)}: {statistics.median(ratios):.2f} x"
    print(text)


def _told(runs: list[list[Taken]]) -> str:
    found = [taken for run in runs for taken in run]
    cpu, milliseconds = _median(found, "cpu"), _median(found, "time")
    return f"{cpu:.0f} us, {milliseconds:.2f} ms ({len(found)})"


def _median(found: list[Taken], field: str) -> float:
    return statistics.median(getattr(taken, field) for taken in found)


def _broadcasts(masters: dict[int, Master], reps: int) -> None:
    audiences = {n: Audience(master) for n, master in masters.items()}
    taken: dict[int, list[tuple[float, float]]] = {n: [] for n in masters}
    for _ in range(reps):
        for n, audience in audiences.items():
            taken[n].append(audience.deliver())
    alone = statistics.median(cpu for cpu, _ in taken[1])
    for n, found in taken.items():
        cpu = statistics.median(cpu for cpu, _ in found)
        milliseconds = statistics.median(ms for _, ms in found)
        print(
            f"broadcast to {CLIENTS}, {n} workers: {cpu:.2f} us for each delivery, "
            f"{cpu / alone:.2f} x; all had it after {milliseconds:.1f} ms"
        )
        audiences[n].close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--reps", type=int, default=9)
    parser.add_argument("--python", default=sys.executable, help="which has sockio")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

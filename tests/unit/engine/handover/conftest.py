"""Two siblings of one process, a connection to give away, and descriptors to count."""

from __future__ import annotations

import os
import socket
from _socket import socket as PlainSocket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent.socket
import pytest

from sockio.runtime.reactor import Reactor
from sockio.siblings.place import Folder
from sockio.siblings.siblings import Siblings
from sockio.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock()


@pytest.fixture
def reactor(clock: FakeClock) -> Iterator[Reactor]:
    """Give the reactor of a server that has started."""
    reactor = Reactor(clock)
    reactor.start()
    yield reactor
    clock.settle()
    assert clock.armed == 0


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    """Give a place where siblings meet."""
    return Folder(tmp_path / "place")


@pytest.fixture
def join(place: Folder, reactor: Reactor) -> Iterator[Callable[[], Siblings]]:
    """Give what makes a sibling; it opens itself where that comes later."""
    joined: list[Siblings] = []

    def join() -> Siblings:
        joined.append(Siblings(place, reactor))
        return joined[-1]

    yield join
    for siblings in joined:
        siblings.close()


class Connection:
    """A client's connection, which this process has accepted."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        #: This process's end.
        self.sock = PlainSocket(fileno=ours.detach())
        self._client: Any = gevent.socket.socket(fileno=theirs.detach())

    def send(self, data: bytes) -> None:
        """Send something as the client."""
        self._client.sendall(data)

    def rest(self) -> bytes:
        """Return what the client gets until the connection ends.

        Blocks:
            Until then.
        """
        self._client.settimeout(20)
        return b"".join(iter(lambda: self._client.recv(65536), b""))

    def quiet(self) -> bool:
        """Whether the client has got nothing, and the connection is there."""
        try:
            self._client._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """Close both ends."""
        self.sock.close()
        self._client.close()


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Give a connection."""
    connection = Connection()
    yield connection
    connection.close()


@pytest.fixture
def descriptors() -> Callable[[], int]:
    """Give what counts the open descriptors of this process."""
    return lambda: len(os.listdir("/proc/self/fd"))

"""Served: a Socket.IO server on loopback, and both ends of its sockets."""

from __future__ import annotations

import json
from typing import Any

import gevent.event
import gevent.queue

import sockio

from .http_wire import TIMEOUT
from .loopback import Kind, Loopback
from .raw_client import PollingSession
from .raw_websocket import RawWebSocket


class Served(Loopback):
    """A running server; with each client you get the server's end of its socket."""

    def __init__(self, io: sockio.Server[Any], kind: Kind = "sockio") -> None:
        super().__init__(io, kind)
        self.io = io
        self.raw = self.client()

    def connect(
        self, namespace: str = "/", auth: Any = None
    ) -> tuple[RawWebSocket, sockio.Socket[Any]]:
        """Join a namespace over a new WebSocket; return both ends.

        Blocks:
            Until the namespace has let the client in.
        """
        websocket = self.raw.open_socket(namespace, auth)
        return websocket, self.newest(namespace)

    def poll(self, namespace: str = "/") -> tuple[PollingSession, sockio.Socket[Any]]:
        """Join a namespace over a new polling session; return both ends.

        Blocks:
            Until the namespace has let the client in.
        """
        session = self.raw.open_session()
        prefix = "40" if namespace == "/" else f"40{namespace},"
        session.post(prefix)
        if not (answer := session.poll().text).startswith(prefix + "{"):
            raise AssertionError(f"the namespace did not answer 40: {answer!r}")
        return session, self.newest(namespace)

    def also(self, websocket: RawWebSocket, namespace: str) -> sockio.Socket[Any]:
        """Join one more namespace over a WebSocket; return the server's end.

        Blocks:
            Until the namespace has let the client in.
        """
        websocket.send(f"40{namespace},")
        if not str(websocket.receive_message()).startswith(f"40{namespace},{{"):
            raise AssertionError("the namespace did not answer 40")
        return self.newest(namespace)

    def newest(self, namespace: str = "/") -> sockio.Socket[Any]:
        """Return the server's end of the socket that was let in last."""
        return list(self.io.of(namespace).sockets.values())[-1]


class Heard:
    """A listener that remembers what it heard, and lets a test wait for it."""

    def __init__(self, answer: Any = None) -> None:
        #: The arguments of each call.
        self.calls: list[tuple[Any, ...]] = []
        self._answer = answer
        self._fresh: Any = gevent.queue.Queue()

    def __call__(self, *args: Any) -> Any:
        self.calls.append(args)
        self._fresh.put(args)
        return self._answer

    def next(self, timeout: float = TIMEOUT) -> Any:
        """Return the arguments of the oldest call not returned yet.

        Blocks:
            Until there is one; fails after ``timeout``.
        """
        try:
            return self._fresh.get(timeout=timeout)
        except gevent.queue.Empty:
            raise AssertionError(f"heard nothing for {timeout} s") from None


class Gate:
    """A point at which a handler stops until the test lets it continue."""

    def __init__(self) -> None:
        self._reached = gevent.event.Event()
        self._opened = gevent.event.Event()

    def stop(self) -> None:
        """Say that the handler is here, and wait.

        Blocks:
            Until the gate is opened.
        """
        self._reached.set()
        if not self._opened.wait(10 * TIMEOUT):
            raise AssertionError("nobody opened the gate")

    def wait_reached(self) -> None:
        """Wait for the handler.

        Blocks:
            Until it is here.
        """
        assert self._reached.wait(TIMEOUT), "nobody came to the gate"

    @property
    def reached(self) -> bool:
        """Whether the handler has come."""
        return bool(self._reached.is_set())

    def open(self) -> None:
        """Let the handler continue, and every one that comes later."""
        self._opened.set()


def event(message: str | bytes) -> Any:
    """Return [name, ...args] of an event packet of any namespace."""
    assert isinstance(message, str)
    assert message.startswith("42"), message
    return json.loads(message[message.index("[") :])

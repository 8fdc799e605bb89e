"""A bus of one's own: servers that speak through ZeroMQ, each with all others.

There is no broker. Every server binds one socket, on which it publishes, and subscribes
at those of the others. The first part of each message is its topic: a namespace, or the
id of an adapter that is to get an answer.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container
from typing import Any

import gevent
import zmq.green as zmq

from sockio.adapters import Account, LocalNamespace, Message
from sockio.adapters.cluster.messages import decode, encode
from sockio.errors import EncodeError, ProtocolError

#: Most bytes of one message.
LARGEST = 16 << 20
#: Messages that may wait for a server that is slow or away; ZeroMQ drops later ones.
WAITING = 10_000
#: Answers that may wait for a server which has not subscribed to them yet.
EARLY = 100
#: Milliseconds for which last words may take at the end.
LINGER = 200


class ZeroMQBus:
    """The way from one server to all others; see ``sockio.adapters.Bus``."""

    #: Nothing is kept: clients recover only on the server that they have left.
    log = None

    def __init__(self, address: str, others: list[str]) -> None:
        """Make a bus; nothing is opened before the server starts.

        Args:
            address: Where this server publishes: ``tcp://10.0.0.5:5550``.
            others: Where the other servers do.
        """
        self.account = Account()
        self._address = address
        self._others = others
        #: How many servers have subscribed to a topic.
        self._listeners: Counter[bytes] = Counter()
        #: Topics and answers, for servers that are still connecting.
        self._early: deque[tuple[bytes, bytes]] = deque(maxlen=EARLY)
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    def open(self, reactor: Any, receive: Callable[[Message, None], None]) -> None:
        """Bind and connect; ZeroMQ does it in threads of its own, again and again."""
        self._context = zmq.Context()
        self._out = self._context.socket(zmq.XPUB)
        # Tell of each subscription, not only of the first to a topic and the last.
        self._out.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._out.setsockopt(zmq.SNDHWM, WAITING)
        self._out.bind(self._address)
        self._in = self._context.socket(zmq.SUB)
        self._in.setsockopt(zmq.RCVHWM, WAITING)
        for other in self._others:
            self._in.connect(other)
        self.account.connected = True
        self._greenlets = [
            gevent.spawn(self._count),
            gevent.spawn(self._hear, receive),
        ]

    def close(self) -> None:
        """End; what was published last is still sent."""
        gevent.killall(self._greenlets, block=False)
        for socket in (self._out, self._in):
            socket.close(LINGER)
        self.account.connected = False

    def join(self, nsp: LocalNamespace, uid: str, rooms: Container[str]) -> None:
        """Subscribe to what is for the namespace, and for this adapter alone."""
        for name in (nsp.name, uid):
            self._in.setsockopt(zmq.SUBSCRIBE, topic(name))

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        """Subscribe to that no longer."""
        for name in (nsp.name, uid):
            self._in.setsockopt(zmq.UNSUBSCRIBE, topic(name))

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        """Send a message to all that have subscribed; this never waits."""
        self._send(topic(message.nsp), packed(message))
        if reached is not None:
            reached(self._listeners[topic(message.nsp)])

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to one adapter, as soon as it has subscribed."""
        self._send_or_keep(topic(uid), packed(message))

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        """Tell how many other servers have the namespace."""
        told(self._listeners[topic(nsp.name)])

    def _send(self, to: bytes, data: bytes) -> None:
        self._out.send_multipart([to, data], zmq.NOBLOCK)

    def _send_or_keep(self, to: bytes, data: bytes) -> None:
        """Send an answer, or keep it while the server that asked still connects."""
        if self._listeners[to]:
            self._send(to, data)
        else:
            self._early.append((to, data))

    def _count(self) -> None:
        """Count subscriptions; ZeroMQ also tells when a subscriber has gone."""
        while True:
            said = self._out.recv()
            self._listeners[said[1:]] += 1 if said[0] else -1
            for _ in range(len(self._early)):
                self._send_or_keep(*self._early.popleft())

    def _hear(self, receive: Callable[[Message, None], None]) -> None:
        """Take what the others publish."""
        while True:
            parts = self._in.recv_multipart()
            try:
                receive(decode(parts[-1]), None)
            except ProtocolError:
                self.account.unreadable += 1
            # What has arrived is read without waiting: others must have their turn.
            gevent.sleep(0)


def packed(message: Message) -> bytes:
    """Return the bytes of a message.

    Raises:
        EncodeError: It is too large, or a value in it cannot travel.
    """
    data = encode(message)
    if len(data) > LARGEST:
        raise EncodeError(f"the message has {len(data)} bytes, {LARGEST} may be")
    return data


def topic(name: str) -> bytes:
    """Return a topic; ZeroMQ compares beginnings, so no topic may begin another one."""
    return name.encode("utf-8", "replace") + b"\0"

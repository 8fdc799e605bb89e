"""ClientSocket: a client of a test in one namespace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from sockio.errors import ConnectError, Disconnected
from sockio.protocol.client import Membership
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.socket.emit_arguments import event_name
from sockio.socket.events import Event
from sockio.socket.one_socket.socket import Socket

from .carrier import Carrier
from .emitting import Emitting
from .handlers import Answer, Handlers
from .received import Received, ReceivedEvents

__all__ = ["ClientSocket"]

H = TypeVar("H", bound=Callable[..., Any])

#: Why a client is disconnected, in the words of the JavaScript client.
BY_SERVER = "io server disconnect"
BY_CLIENT = "io client disconnect"


class ClientSocket(Emitting):
    """What a client of a test does in one namespace, and what it gets there.

    Events for which there is no handler wait until ``expect`` takes them.
    """

    def __init__(self, carrier: Carrier, namespace: str, auth: Any) -> None:
        #: The name of the namespace.
        self.namespace = namespace
        #: What the client gives when it joins; a mapping, or None.
        self.auth = auth
        #: Why it is disconnected; None as long as it is connected, or never was.
        self.reason: str | None = None
        self._carrier = carrier
        self._received = ReceivedEvents()
        self._handlers = Handlers(namespace, carrier.mailbox, carrier.activity)
        #: Of the answers that are awaited: what to call with the arguments.
        self._answers: dict[int, Callable[[list[Any]], object]] = {}
        self._refusal: ConnectError | None = None

    def __repr__(self) -> str:
        state = "connected" if self.connected else self.reason or "not connected"
        return f"<{type(self).__name__} {self.namespace} {state}>"

    # ------------------------------------------------------------------ what it is

    @property
    def connected(self) -> bool:
        """Whether the server has let it in, and neither side has ended that."""
        return self._member.connected

    @property
    def id(self) -> str | None:
        """The id of its socket; None if it was never let in."""
        return self._member.sid

    @property
    def recovered(self) -> bool:
        """Whether the server has given it back its former socket."""
        return self._member.recovered

    @property
    def socket(self) -> Socket[Any]:
        """The server's side: its ``data``, ``rooms`` and ``handshake``.

        Raises:
            Disconnected: The client is not connected.
        """
        self._check_connected()
        assert self.id is not None
        return self._carrier.io.of(self.namespace).sockets[self.id]

    @property
    def received(self) -> list[Received]:
        """The events that nobody has taken yet, in order."""
        return list(self._received)

    @property
    def _member(self) -> Membership:
        return self._carrier.core.memberships.get(self.namespace, _STRANGER)

    # ------------------------------------------------------------------ receiving

    @overload
    def on(self, event: str | Event[..., Any]) -> Callable[[H], H]: ...
    @overload
    def on(self, event: str | Event[..., Any], handler: H) -> H: ...
    def on(self, event: str | Event[..., Any], handler: H | None = None) -> Any:
        """Call ``handler`` with each such event; it is also a decorator.

        What the handler returns acknowledges the event, unless it takes a keyword-only
        parameter ``ack``. What it raises is raised in the test.
        """
        listen = partial(self._handlers.listeners.on, event)

        def decorate(fn: H) -> H:
            listen(fn)
            return fn

        return decorate if handler is None else decorate(handler)

    def expect(
        self, event: str | Event[..., Any], *args: Any, timeout: float | None = None
    ) -> Received:
        """Take the oldest event of that name, and return its arguments.

        Args:
            event: The name.
            args: What the arguments must be; without any, they may be anything.
            timeout: Real seconds for which it is awaited; None: the client's.

        Raises:
            AssertionError: It did not come in time, or has other arguments.
            Exception: What a handler raised meanwhile.

        Blocks:
            Until it has come.
        """
        name = event_name(event)
        seconds = self._seconds(timeout)
        first = partial(self._received.first, name)
        self._wait(lambda: first() is not None or not self.connected, seconds)
        received = first()
        if received is None:
            ended = f", and the client is disconnected: {self.reason}"
            raise AssertionError(
                f"{name!r} did not come within {seconds:g} s"
                f"{'' if self.connected else ended}; {self._received}"
            )
        if args and received != args:
            raise AssertionError(
                f"{name!r} came with {tuple(received)!r}, expected {args!r}"
            )
        self._received.take(received)
        return received

    def expect_nothing(self, event: str | Event[..., Any] | None = None) -> None:
        """Check that no event has come, or none of that name, that nobody has taken.

        Raises:
            AssertionError: One has come.
            Exception: What a handler raised meanwhile.

        Blocks:
            Until the handlers that run have ended.
        """
        self.settle()
        name = None if event is None else event_name(event)
        if any(name in (None, received.event) for received in self._received):
            nothing = "nothing" if name is None else f"no {name!r}"
            raise AssertionError(f"expected {nothing}, but {self._received}")

    def take_received(self) -> list[Received]:
        """Wait until the handlers have ended; take all events that have come.

        Blocks:
            Until they have ended.
        """
        self.settle()
        return self._received.take_all()

    def expect_disconnect(self, timeout: float | None = None) -> str:
        """Wait until the client is disconnected, and return why.

        Returns:
            The reason, in the words of the JavaScript client.

        Raises:
            AssertionError: It is still connected after ``timeout`` real seconds.
            Exception: What a handler raised meanwhile.

        Blocks:
            Until it is disconnected, and the handlers that run have ended.
        """
        seconds = self._seconds(timeout)
        if not self._wait(lambda: self.reason is not None, seconds):
            raise AssertionError(f"still connected after {seconds:g} s")
        self.settle()
        assert self.reason is not None
        return self.reason

    def settle(self) -> None:
        """Wait until the handlers that run have ended, or wait for a client.

        Raises:
            Exception: What a handler raised.
            TimeoutError: A handler has not ended in time.

        Blocks:
            Until they have ended.
        """
        with self._settling():
            pass

    # ------------------------------------------------------------------ joining

    def join(self) -> None:
        """Join the namespace, and wait until the connection handlers have ended.

        Raises:
            ConnectError: The server has refused, with its message and data.
            Exception: What a middleware or a connection handler raised.

        Blocks:
            Until they have ended.
        """
        self.reason = self._refusal = None
        with self._settling():
            self._carrier.core.connect(self.namespace, self.auth)
            self._carrier.flush()
            seconds = self._carrier.timeout
            self._wait(lambda: self.connected or self.reason, seconds)
        if self._refusal is not None:
            raise self._refusal
        if self.id is None:
            why = self.reason or f"the server has not answered in {seconds:g} s"
            raise ConnectError(why)

    def disconnect(self) -> None:
        """Leave the namespace, and wait until the disconnect handlers have ended.

        The connection ends with the last namespace.

        Raises:
            Exception: What a handler raised.

        Blocks:
            Until they have ended.
        """
        with self._settling():
            if self.connected:
                self._carrier.core.leave(self.namespace)
                self._carrier.flush()
                self.end(BY_CLIENT)
                self._carrier.left()

    # ------------------------------------------------------------------ from below

    def on_packet(self, packet: Packet) -> None:
        """A packet for this namespace has come; called in the hub."""
        kind, _, data, id = packet
        if kind is PacketType.EVENT:
            self._on_event(data, id)
        elif kind is PacketType.ACK and id is not None:
            answered = self._answers.pop(id, None)
            if answered is not None:
                answered(data)
        elif kind is PacketType.CONNECT_ERROR:
            fields = data if isinstance(data, dict) else {"message": data}
            self._refusal = ConnectError(str(fields.get("message")), fields.get("data"))
            self.end("refused")
        elif kind is PacketType.DISCONNECT:
            self.end(BY_SERVER)
            self._carrier.left()

    def end(self, reason: str) -> None:
        """It is not connected any more; the first reason is kept."""
        if self.reason is None:
            self.reason = reason
        self._answers.clear()

    def _on_event(self, data: list[Any], id: int | None) -> None:
        name, *args = data
        if id is None and self._member.pid is not None:
            del args[-1:]  # with recovery, this is the offset of each event
        ack = None if id is None else Answer(partial(self._answer, id))
        if not self._handlers.handle(name, args, ack):
            self._received.put(Received(name, args, ack))

    def _answer(self, id: int, args: list[Any]) -> None:
        self._carrier.core.answer(self.namespace, id, args)
        self._carrier.flush()

    # ------------------------------------------------------------------ waiting

    def _check_connected(self) -> None:
        if not self.connected:
            raise Disconnected(self.reason or "not connected")

    def _seconds(self, timeout: float | None) -> float:
        return self._carrier.timeout if timeout is None else timeout

    def _wait(self, fact: Callable[[], object], seconds: float) -> bool:
        carrier = self._carrier
        return carrier.activity.wait_until(fact, seconds, carrier.check)

    def _settling(self) -> Any:
        carrier = self._carrier
        return carrier.activity.settling(carrier.timeout, carrier.check)


#: What is known of a namespace that the client has not asked for.
_STRANGER = Membership()

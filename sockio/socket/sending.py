"""Sending: the half of a socket that emits; every packet to one client goes through it.

What is emitted is encoded at once and handed to the session, which never blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from sockio.adapters.adapter import Flags
from sockio.protocol.engineio.wire import Wire, wire_of
from sockio.protocol.socketio.packet import RESERVED_EVENTS, Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.workers import native_thread
from sockio.types import SocketId

from . import emit_options
from .acks import PendingAcks
from .broadcast import event_name, take_ack
from .dispatch import Receiving
from .events import Event
from .home import Home, Link
from .operator import SocketOperator

if TYPE_CHECKING:
    from typing_extensions import Self

log = logs.get("socket")

_EVENT = PacketType.EVENT
#: Makes a packet without the detour over its class's Python-level constructor.
_new = tuple.__new__
_PLAIN = Flags()


class Sending(Receiving):
    """A socket as far as its packets go, in and out."""

    def __init__(self, sid: SocketId, nsp: Home, client: Link) -> None:
        super().__init__(sid, nsp.name, nsp.reactor, nsp.options, client.conn.intake)
        #: The connection that all sockets of this client share.
        self.client = client
        #: The Engine.IO session below.
        self.conn = client.conn
        self._home = nsp
        self._write = client.write
        self._encode = client.parser.encode
        self._thread = self.reactor.workers.thread
        #: Why the socket has gone; None while it has not.
        self._gone: str | None = None

    @property
    def _acks(self) -> PendingAcks:
        if self._pending is None:
            reactor = self.reactor
            self._pending = PendingAcks(
                reactor.clock, reactor.workers.run, self._call_back
            )
            if self._gone is not None:
                self._pending.close(self._gone)
        return self._pending

    def _call_back(
        self, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        self._around.call("ack", callback, args, socket=self, namespace=self._namespace)

    # ------------------------------------------------------------------ emitting

    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Callable[..., object] | None = None,
        **unknown: NoReturn,
    ) -> None:
        """Send an event to this client. Never blocks.

        Args:
            event: Its name.
            args: What JSON can carry, and bytes, at any depth.
            ack: Called with the client's answer; a callable as last argument is taken
                for it.

        Raises:
            EncodeError: An argument cannot travel; nothing was sent.
            ReservedEventError: The name is one of the library's own.
        """
        if unknown:
            emit_options.refuse("emit", unknown, "ack")
        self.emit_with(event, args, ack, _PLAIN)

    def emit_with(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        ack: Callable[..., object] | None,
        flags: Flags,
    ) -> None:
        """Emit as ``flags`` say."""
        if type(event) is not str or event in RESERVED_EVENTS:
            event = event_name(event)
        ack_id = None
        if ack is not None or (args and callable(args[-1])):
            args, ack = take_ack(args, ack)
            ack_id = self._home.next_ack_id()
        packet = _new(Packet, (_EVENT, self._home.name, [event, *args], ack_id))
        wire = wire_of(self._encode(packet), flags.compress)
        # What ``reactor.in_order`` does, without its call: each event comes here.
        if native_thread() != self._thread:
            self.reactor.workers.call_in_hub(self._send_event, wire, packet, flags, ack)
        elif ack is not None or flags is not _PLAIN or self._any_outgoing:
            self._send_event(wire, packet, flags, ack)
        elif self._gone is None:
            self._write(wire)
        else:
            log.debug("sid=%s has gone: %r is not sent", self.id, event)

    def _send_event(
        self,
        wire: Wire,
        packet: Packet,
        flags: Flags,
        ack: Callable[..., object] | None,
    ) -> None:
        if ack is not None:
            assert packet.id is not None
            self._acks.add_callback(packet.id, ack, flags.timeout, packet.data[0])
        self.deliver(wire, packet, flags.volatile)

    def emit_with_ack(
        self, event: str | Event[..., Any], *args: Any, **unknown: NoReturn
    ) -> Any:
        """Emit, wait for the client's answer and return its first argument.

        Use ``socket.timeout(seconds).emit_with_ack(...)`` to wait a limited time.

        Raises:
            Disconnected: The socket went away first.

        Blocks:
            Until the answer comes or the socket goes away.
        """
        if unknown:
            emit_options.refuse("emit_with_ack", unknown)
        answer = self.ask(event, args, _PLAIN)
        return answer[0] if answer else None

    def call(
        self,
        event: str | Event[..., Any],
        *args: Any,
        timeout: float = 60.0,
        **unknown: NoReturn,
    ) -> tuple[Any, ...]:
        """Emit, wait for the client's answer and return all its arguments.

        Raises:
            AckTimeout: It did not come within ``timeout`` seconds.
            Disconnected: The socket went away first.

        Blocks:
            Until one of these.
        """
        if unknown:
            emit_options.refuse("call", unknown, "timeout")
        return tuple(self.ask(event, args, Flags(timeout=timeout)))

    def ask(
        self, event: str | Event[..., Any], args: tuple[Any, ...], flags: Flags
    ) -> list[Any]:
        """Emit and wait for the answer."""
        self.reactor.may_block("emit_with_ack()")
        name = event_name(event)
        ack_id = self._home.next_ack_id()
        packet = Packet(_EVENT, self._home.name, [name, *args], ack_id)
        wire = self.client.encode(packet, flags.compress)
        self.deliver(wire, packet, flags.volatile)
        self._intake.begin_wait()
        try:
            return self._acks.wait(ack_id, flags.timeout, name)
        finally:
            self._intake.end_wait()

    def send(self, *args: Any, **unknown: NoReturn) -> Self:
        """Emit a ``message`` event."""
        self.emit("message", *args, **unknown)
        return self

    write = send

    @property
    def volatile(self) -> SocketOperator:
        """Drop the event if it cannot leave at this instant."""
        return SocketOperator(self, Flags(volatile=True))

    def compress(self, on: bool) -> SocketOperator:
        """Let the transport compress the event, or not."""
        return SocketOperator(self, Flags(compress=on))

    def timeout(self, seconds: float) -> SocketOperator:
        """Wait at most ``seconds`` for the acknowledgement."""
        return SocketOperator(self, Flags(timeout=seconds))

    # ------------------------------------------------------------------ outgoing

    def send_packet(self, packet: Packet) -> None:
        """Send what belongs to no event; dropped when the socket has gone."""
        if self._gone is None:
            self._hand_over(self.client.encode(packet))

    def on_unheard(self, event: str) -> None:
        """An event found no listener: perhaps one was registered elsewhere."""
        self._home.unheard(event)

    def send_ack(self, packet: Packet) -> None:
        """Send an acknowledgement; dropped when the socket has gone."""
        if self._gone is None:
            self._hand_over(wire_of(self._encode(packet), True))

    def _hand_over(self, wire: Wire) -> None:
        if native_thread() != self._thread:
            self.reactor.workers.call_in_hub(self._write, wire)
        else:
            self._write(wire)

    def deliver(self, wire: Wire, packet: Packet, volatile: bool) -> None:
        """Tell the outgoing catch-all listeners, then write; an adapter's way in."""
        if self._gone is not None:
            log.debug("sid=%s has gone: nothing is sent", self.id)
            return
        if self._any_outgoing:
            self._before_outgoing(packet)
            if self._gone is not None:
                return
        if volatile and not self.conn.writable:
            log.debug("sid=%s is not ready: a volatile event is dropped", self.id)
            return
        self._write(wire)

    def _before_outgoing(self, packet: Packet) -> None:
        if self.reactor.in_hub:  # where no user code may run
            self._inbox.put(lambda: self._tell_outgoing(packet))
        else:
            self._tell_outgoing(packet)

    def _tell_outgoing(self, packet: Packet) -> None:
        for fn in self._any_outgoing:
            try:
                self._surround(packet.data[0], fn, tuple(packet.data), {})
            except Exception:
                # A boundary: a listener is user code and ends nothing but itself.
                log.exception("sid=%s an outgoing catch-all listener failed", self.id)

    def expect_ack(
        self,
        ack_id: int,
        answered: Callable[[list[Any]], None],
        lost: Callable[[], None],
    ) -> None:
        """Call one of both, once; an adapter's way to collect answers."""
        intake = self._intake

        def came(args: list[Any]) -> None:
            intake.end_wait()
            answered(args)

        def went() -> None:
            intake.end_wait()
            lost()

        intake.begin_wait()
        self._acks.expect(ack_id, came, went)

    def cancel_ack(self, ack_id: int) -> bool:
        """Expect the answer no longer."""
        cancelled = self._acks.cancel(ack_id)
        if cancelled:
            self._intake.end_wait()
        return cancelled

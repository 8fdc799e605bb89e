"""Socket: one client in one namespace.

Events come in through the inbox and are handled one at a time, in order, in a greenlet
that exists while there is work; acknowledgements and disconnects bypass it. What is
emitted is encoded at once and handed to the session, which never blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sockio.adapters.adapter import BroadcastOptions, Flags
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio.packet import RESERVED_EVENTS, Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.listeners import EventEmitter, Listeners
from sockio.runtime.mailbox import Mailbox
from sockio.runtime.reactor import Reactor
from sockio.runtime.workers import native_thread
from sockio.types import Room, SocketId

from . import middleware
from .acks import PendingAcks
from .broadcast import (
    Addressing,
    BroadcastOperator,
    event_name,
    room_names,
    take_ack,
)
from .catch_all import CatchAll
from .data import DataT
from .dispatch import admit, dispatch
from .events import Event
from .facts import NO_ROOMS, Facts
from .handshake import Handshake
from .home import Home, Link
from .operator import SocketOperator
from .options import ServerOptions
from .reasons import Reason
from .waiting import Waiting, Waits

if TYPE_CHECKING:
    from typing_extensions import Self

log = logs.get("socket")

_EVENT = PacketType.EVENT
_ACK = PacketType.ACK
#: Makes a packet without the detour over its class's Python-level constructor.
_new = tuple.__new__
_PLAIN = Flags()


class Socket(EventEmitter, Facts[DataT], Addressing, CatchAll, Waits):
    """One client in one namespace; made by the server, for your handlers.

    Events of our own: ``disconnecting(reason, description)``, ``disconnect(reason,
    description)``, ``error(error)``. All others are the client's.
    """

    def __init__(self, sid: SocketId, nsp: Home, client: Link, auth: Any) -> None:
        self._listeners = Listeners()
        #: Public id: 20 characters, its own for each namespace.
        self.id = sid
        self.nsp: Any = nsp
        #: The connection that all sockets of this client share.
        self.client = client
        #: The Engine.IO session below.
        self.conn = client.conn
        self._auth = auth
        self._handshake: Handshake | None = None
        self._data: DataT | None = None
        self.connected = False
        #: Whether rooms, data and missed events were restored.
        self.recovered = False
        self._home: Home = nsp
        self.reactor: Reactor = nsp.reactor
        self._inbox: Mailbox[Packet | Callable[[], object]]
        self._inbox = self.reactor.mailbox(self._handle)
        self._pending: PendingAcks | None = None
        self._waiting: Waiting | None = None
        self.guards: Sequence[Callable[..., object]] = ()
        self._write = client.write
        self._encode = client.parser.encode
        self._thread = self.reactor.workers.thread
        #: Why the socket has gone; None while it has not.
        self._gone: str | None = None
        self._last_rooms = NO_ROOMS

    @property
    def _acks(self) -> PendingAcks:
        if self._pending is None:
            reactor = self.reactor
            self._pending = PendingAcks(reactor.clock, reactor.workers.run)
            if self._gone is not None:
                self._pending.close(self._gone)
        return self._pending

    # ------------------------------------------------------------------ emitting

    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Callable[..., object] | None = None,
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
        wire = Wire(self._encode(packet), compress=flags.compress)
        if native_thread() != self._thread:
            self.reactor.workers.call_in_hub(self._send_event, wire, packet, flags, ack)
        elif ack is not None or flags is not _PLAIN or self._any_outgoing:
            self._send_event(wire, packet, flags, ack)
        elif self._gone is None:
            self._write(wire)

    def _send_event(
        self,
        wire: Wire,
        packet: Packet,
        flags: Flags,
        ack: Callable[..., object] | None,
    ) -> None:
        if ack is not None:
            assert packet.id is not None
            self._acks.add_callback(packet.id, ack, flags.timeout)
        self.deliver(wire, packet, flags.volatile)

    def emit_with_ack(self, event: str | Event[..., Any], *args: Any) -> Any:
        """Emit, wait for the client's answer and return its first argument.

        Use ``socket.timeout(seconds).emit_with_ack(...)`` to wait a limited time.

        Raises:
            Disconnected: The socket went away first.

        Blocks:
            Until the answer comes or the socket goes away.
        """
        answer = self.ask(event, args, _PLAIN)
        return answer[0] if answer else None

    def call(
        self, event: str | Event[..., Any], *args: Any, timeout: float = 60.0
    ) -> tuple[Any, ...]:
        """Emit, wait for the client's answer and return all its arguments.

        Raises:
            AckTimeout: It did not come within ``timeout`` seconds.
            Disconnected: The socket went away first.

        Blocks:
            Until one of these.
        """
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
        return self._acks.wait(ack_id, flags.timeout)

    def send(self, *args: Any) -> Self:
        """Emit a ``message`` event."""
        self.emit_with("message", args, None, _PLAIN)
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

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everybody in the namespace but this socket."""
        return self._operator()

    def _operator(self) -> BroadcastOperator:
        return BroadcastOperator(
            self._home, BroadcastOptions(except_=frozenset((self.id,)))
        )

    # ------------------------------------------------------------------ rooms

    def join(self, *rooms: Room | Iterable[Room]) -> None:
        """Join ``rooms``; nothing happens when the socket has gone."""
        self._change_rooms(self._home.adapter.add_all, room_names(rooms))

    def leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Leave ``rooms``."""
        for room in room_names(rooms):
            self._change_rooms(self._home.adapter.del_, room)

    def _change_rooms(self, change: Callable[..., object], what: object) -> None:
        if self._gone is not None:
            return
        if self.reactor.workers.elsewhere:
            self.reactor.workers.call_in_hub(self._change_rooms, change, what)
        else:
            change(self.id, what)

    # ------------------------------------------------------------------ listening

    def use(self, fn: Callable[..., object]) -> Callable[..., object]:
        """Run ``fn(event, args)`` before each event is dispatched; raise to reject."""
        middleware.check(fn, 2, "the event's name and its arguments")
        self.guards = [*self.guards, fn]
        return fn

    # ------------------------------------------------------------------ incoming

    @property
    def options(self) -> ServerOptions:
        """The options of the server."""
        return self._home.options

    def on_packet(self, packet: Packet) -> None:
        """A packet of this socket arrived; called in the hub."""
        kind = packet.type
        if kind is _EVENT:
            if self._waiting is None or not self._waiting.offer(packet):
                self._inbox.put(packet)
        elif kind is _ACK:
            if packet.id is not None and self._pending is not None:
                self._pending.resolve(packet.id, packet.data)
        elif kind is PacketType.DISCONNECT:
            self.close(Reason.CLIENT_NAMESPACE_DISCONNECT)

    def run(self, job: Callable[[], object]) -> None:
        """Run ``job`` behind the events that came before it."""
        self._inbox.put(job)

    def _handle(self, item: Packet | Callable[[], object]) -> None:
        if isinstance(item, Packet):
            if self.connected:
                dispatch(self, item)
        else:
            item()

    def _let_in(self, packet: Packet) -> tuple[Any, ...] | None:
        return admit(self, packet)

    def report_error(self, error: BaseException) -> None:
        """Tell the ``error`` listeners, in this greenlet."""
        self._fire("error", error)

    def report_error_soon(self, error: Exception) -> None:
        """Tell the ``error`` listeners, behind the events that came before."""
        self._inbox.put(lambda: self._fire("error", error))

    # ------------------------------------------------------------------ outgoing

    def send_packet(self, packet: Packet) -> None:
        """Send any packet but an event; dropped when the socket has gone."""
        if self._gone is not None:
            return
        wire = self.client.encode(packet)
        if self.reactor.workers.elsewhere:
            self.reactor.workers.call_in_hub(self._write, wire)
        else:
            self._write(wire)

    def deliver(self, wire: Wire, packet: Packet, volatile: bool) -> None:
        """Tell the outgoing catch-all listeners, then write; an adapter's way in."""
        if self._gone is not None:
            return
        if self._any_outgoing:
            if self.reactor.in_hub:  # where no user code may run
                self._inbox.put(lambda: self._tell_outgoing(packet))
            else:
                self._tell_outgoing(packet)
                if self._gone is not None:
                    return
        if volatile and not self.conn.writable:
            return
        self._write(wire)

    def _tell_outgoing(self, packet: Packet) -> None:
        for fn in self._any_outgoing:
            try:
                fn(*packet.data)
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
        self._acks.expect(ack_id, answered, lost)

    def cancel_ack(self, ack_id: int) -> bool:
        """Expect the answer no longer."""
        return self._acks.cancel(ack_id)

    # ------------------------------------------------------------------ the end

    def disconnect(self, close: bool = False) -> Self:
        """Leave the namespace; with ``close`` the whole connection ends."""
        if self.reactor.workers.elsewhere:
            self.reactor.workers.call_in_hub(self.disconnect, close)
        elif close and self.connected:
            self.client.disconnect()
        elif self.connected:
            self.send_packet(Packet(PacketType.DISCONNECT, self._home.name))
            self.close(Reason.SERVER_NAMESPACE_DISCONNECT)
        return self

    def close(self, reason: str, description: object = None) -> None:
        """End without a word to the client; everything changes in this one step."""
        if self._gone is not None:
            return
        log.debug("sid=%s disconnected: %s", self.id, reason)
        was_connected = self.connected
        self._last_rooms = self.rooms
        self._gone = str(reason)
        self.connected = False
        self._home.remove(self)
        self.client.forget(self)
        if self._pending is not None:
            self._pending.close(self._gone)
        if self._waiting is not None:
            self._waiting.close(self._gone)
        self._inbox.drop(lambda item: isinstance(item, Packet))
        if was_connected:
            if self.options.cancel_on_disconnect:
                self._inbox.kill_running()
            self._inbox.put(lambda: self._say_goodbye(reason, description))
        else:
            self._let_go()

    def _say_goodbye(self, reason: str, description: object) -> None:
        self._fire("disconnecting", reason, description)
        self._last_rooms = NO_ROOMS
        self._fire("disconnect", reason, description)
        self._let_go()

    def _let_go(self) -> None:
        """Part with what refers back to the socket, and would keep it for a while.

        Listeners, which never hear anything again, usually do.
        """
        self._listeners = Listeners()
        self._inbox = self.reactor.mailbox(_run)


def _run(item: Packet | Callable[[], object]) -> None:
    """Handle what comes for a socket that has gone: there are no events any more."""
    if not isinstance(item, Packet):
        item()

"""Socket: one client in one namespace, as your handlers see it.

Its way in handles the client's events one at a time, in order, in a greenlet that
exists while there is work; acknowledgements and disconnects do not wait for it. Its way
out encodes events when they are emitted and hands them to the session, which never
blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from logging import DEBUG
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    TypeVar,
    overload,
)

from sockio.adapters.addressing import BroadcastOptions, Flags
from sockio.engine.http.request import Request
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.listeners import Listener, Listeners
from sockio.socket import middleware, validation
from sockio.socket.data import DataT, SocketData
from sockio.socket.emit_arguments import refuse
from sockio.socket.error_handlers import ErrorHandlers, Fallible
from sockio.socket.events import Event, P
from sockio.socket.handshake import Handshake
from sockio.socket.many_sockets.addressing import Addressing
from sockio.socket.many_sockets.broadcast import BroadcastOperator
from sockio.socket.reasons import REFUSED, Reason
from sockio.socket.room_names import room_names
from sockio.types import Json, Room, RoomLike, SocketId

from .catch_all import CatchAll
from .home import Home, Link
from .incoming import Incoming
from .operator import PLAIN, Emits, Sender
from .outgoing import Outgoing
from .user import HasUser
from .waits import Waits

if TYPE_CHECKING:
    from typing_extensions import Self

    from sockio.socket.namespace.connection import Connection
    from sockio.socket.namespace.namespace import Namespace

log = logs.get("socket")

F = TypeVar("F", bound=Callable[..., object])

NO_ROOMS: frozenset[Room] = frozenset()


class Socket(Fallible, Emits, Addressing, CatchAll, Waits, HasUser, Generic[DataT]):
    """One client in one namespace; made by the server, for your handlers.

    Events of our own: ``disconnecting(reason, description)``, ``disconnect(reason,
    description)``, ``error(error)``. All others are the client's.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_auth",
        "_data",
        "_handshake",
        "_last_rooms",
        "_sender",
        "announced",
        "client",
        "conn",
        "connected",
        "errors",
        "incoming",
        "nsp",
        "outgoing",
        "reactor",
        "recovered",
    )

    #: The connection that all sockets of this client share.
    client: Connection
    _flags = PLAIN

    def __init__(self, sid: SocketId, nsp: Home, client: Link, auth: Json) -> None:
        validate = nsp.options.validate
        self._listeners = Listeners(validation.converter) if validate else Listeners()
        #: Its namespace, which is the only kind of home there is.
        self.nsp: Namespace = nsp  # type: ignore[assignment]
        self.reactor = nsp.reactor
        self.client = client  # type: ignore[assignment]
        #: The Engine.IO session below.
        self.conn = client.conn
        #: Its way out, which adapters use too, and its way in.
        self.outgoing = Outgoing(sid, self, nsp, client)
        self.incoming = Incoming(
            self, nsp, self.outgoing, self._listeners, client.conn.intake
        )
        self._sender: Sender = self.outgoing
        self._auth = auth
        self._handshake: Handshake | None = None
        self._data: DataT | None = None
        #: Its error handlers, and those above it.
        self.errors = nsp.errors
        self.connected = False
        #: Whether rooms, data and missed events were restored.
        self.recovered = False
        #: Whether it was admitted: connection and disconnect listeners are called.
        self.announced = False
        self._last_rooms = NO_ROOMS

    # ------------------------------------------------------------------ what it is

    @property
    def id(self) -> SocketId:
        """Public id: 20 characters, its own for each namespace."""
        return self.outgoing.sid

    @property
    def disconnected(self) -> bool:
        """The opposite of ``connected``."""
        return not self.connected

    @property
    def gone(self) -> bool:
        """Whether the socket has been disconnected or refused."""
        return self.outgoing.closed is not None

    @property
    def rooms(self) -> frozenset[Room]:
        """The rooms it is in; in ``disconnecting`` listeners, the rooms it was in."""
        if self.outgoing.closed is not None:
            return self._last_rooms
        return self.nsp.adapter.socket_rooms(self.id) or NO_ROOMS

    @property
    def data(self) -> DataT:
        """Yours: ``socket.data.user = ...``; seen by ``fetch_sockets``."""
        if self._data is None:
            self._data = SocketData()  # type: ignore[assignment]
        return self._data  # type: ignore[return-value]

    @data.setter
    def data(self, value: DataT) -> None:
        self._data = value

    @property
    def handshake(self) -> Handshake:
        """What the server learned when the client connected, and its ``auth``."""
        if self._handshake is None:
            self._handshake = self.client.handshake(self._auth)
        return self._handshake

    @property
    def request(self) -> Request:
        """The request that opened the connection."""
        # None only if the application has set it to None.
        return self.conn.request  # type: ignore[return-value]

    @property
    def buffered_amount(self) -> int:
        """Bytes (of text: characters) that wait for this client."""
        return self.conn.buffered_amount

    # ------------------------------------------------------------------ emitting

    @overload
    def call(
        self, event: Event[P, Any], *args: P.args, **named: P.kwargs
    ) -> tuple[Any, ...]: ...
    @overload
    def call(self, event: str, *args: Any, timeout: float = ...) -> tuple[Any, ...]: ...
    @overload
    def call(
        self, event: Event[..., Any], *args: Any, timeout: float
    ) -> tuple[Any, ...]: ...
    def call(
        self,
        event: str | Event[..., Any],
        *args: Any,
        timeout: Any = 60.0,
        **unknown: Any,
    ) -> tuple[Any, ...]:
        """Emit, wait for the client's answer and return all its arguments.

        Raises:
            AckTimeout: The answer did not come within ``timeout`` seconds.
            Disconnected: The socket went away first.

        Blocks:
            Until the answer comes or one of these happens.
        """
        if unknown:
            refuse("call", unknown, "timeout")
        return tuple(self._sender.ask(event, args, Flags(timeout=timeout)))

    # ------------------------------------------------------------------ many sockets

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everybody in the namespace but this socket."""
        return self._operator()

    def _operator(self) -> BroadcastOperator:
        options = BroadcastOptions(except_=frozenset((self.id,)))
        return BroadcastOperator(self.nsp, options)

    # ------------------------------------------------------------------ rooms

    def join(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Join ``rooms``, which are as in ``to``; does nothing if the socket has gone.

        Raises:
            ConfigError: Something among ``rooms`` is no room.
        """
        if names := room_names(rooms):
            self._change_rooms(self.nsp.adapter.add_all, names)

    def leave(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Leave ``rooms``."""
        for room in room_names(rooms):
            self._change_rooms(self.nsp.adapter.del_, room)

    def _change_rooms(self, change: Callable[..., object], what: object) -> None:
        self.reactor.in_order(self._change_now, change, what)

    def _change_now(self, change: Callable[..., object], what: object) -> None:
        if not self.gone:
            change(self.id, what)

    # ------------------------------------------------------------------ listening

    def use(self, fn: F) -> F:
        """Run ``fn(event, args)`` before each event is dispatched.

        ``fn`` rejects the event by raising an error or returning False.
        """
        middleware.check(fn, 2, "the event's name and its arguments")
        gate = self.incoming.gate()
        gate.guards = [*gate.guards, fn]
        return fn

    def _own_errors(self) -> ErrorHandlers:
        if self.errors is self.nsp.errors:
            self.errors = self.errors.below()
        return self.errors

    def _about(self, event: str, args: tuple[Any, ...]) -> dict[str, Any]:
        return {"socket": self, "namespace": self.nsp.name}

    def report_error_soon(self, error: Exception) -> None:
        """Call the ``error`` listeners, after the events that came before."""
        self.incoming.run(lambda: self._fire("error", error))

    def report_error(self, error: BaseException) -> None:
        """Call the ``error`` listeners in this greenlet."""
        self._fire("error", error)

    # ------------------------------------------------------------------ the end

    def disconnect(self, close: bool = False) -> Self:
        """Disconnect from the namespace; with ``close``, end the whole connection."""
        self.reactor.in_order(self._disconnect, close)
        return self

    def _disconnect(self, close: bool) -> None:
        if close and self.connected:
            self.client.disconnect()
        elif self.connected:
            self.outgoing.send_packet(Packet(PacketType.DISCONNECT, self.nsp.name))
            self.close(Reason.SERVER_NAMESPACE_DISCONNECT)
        elif self.gone:
            self.incoming.turn_deaf()

    @property
    def wanted(self) -> bool:
        """Whether it has not gone, or has gone but left events to be handled."""
        return not self.gone or self.incoming.has_events

    def close(self, reason: str, description: object = None) -> None:
        """End without notifying the client; all state changes in this one step.

        Events that arrived before are still handled, except after the server's own
        ``disconnect``, after a refusal, and with ``cancel_on_disconnect``.
        """
        if self.gone:
            return
        if log.isEnabledFor(DEBUG):
            extra = self.outgoing.about()
            log.debug("sid=%s disconnected: %s", self.id, reason, extra=extra)
        was_connected = self.connected
        self._last_rooms = self.rooms
        self.connected = False
        self.outgoing.close(str(reason))
        self.nsp.remove(self)
        self.client.forget(self)
        incoming = self.incoming
        incoming.close(str(reason))
        cancel = self.nsp.options.cancel_on_disconnect
        if cancel or reason in (REFUSED, Reason.SERVER_NAMESPACE_DISCONNECT):
            incoming.turn_deaf()
        if was_connected:
            self.reactor.observers.tell("socket_disconnected", self, str(reason))
        if was_connected and cancel:
            incoming.kill_running()
        if was_connected or incoming.has_events:
            incoming.run(lambda: self._say_goodbye(reason, description))
        else:
            self._let_go()

    def _call_listener(
        self, listener: Listener, args: tuple[Any, ...], by_name: Mapping[str, object]
    ) -> Any:
        leaving = listener.event in ("disconnecting", "disconnect")
        return self.reactor.around.call(
            "disconnect" if leaving else "event",
            listener.fn,
            args,
            by_name,
            socket=self,
            namespace=self.nsp.name,
            event=listener.event,
        )

    def _say_goodbye(self, reason: str, description: object) -> None:
        try:
            if self.announced:
                self._fire("disconnecting", reason, description)
                self._last_rooms = NO_ROOMS
                self._fire("disconnect", reason, description)
        finally:  # a listener may be killed
            self._let_go()

    def _let_go(self) -> None:
        """Drop what refers back to the socket, so that its memory is freed soon.

        Listeners usually do; they are never called again.
        """
        self._listeners.off()
        self.incoming.let_go()
        self.outgoing.let_go()
        self.nsp.on_left(self)

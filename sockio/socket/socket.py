"""Socket: one client in one namespace.

Events come in through the inbox and are handled one at a time, in order, in a greenlet
that exists while there is work; acknowledgements and disconnects bypass it. What is
emitted is encoded at once and handed to the session, which never blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from sockio.adapters.adapter import BroadcastOptions
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.listeners import Listener, Listeners
from sockio.types import Json, RoomLike, SocketId

from . import middleware
from .broadcast import Addressing, BroadcastOperator
from .catch_all import CatchAll
from .data import DataT
from .facts import NO_ROOMS, Facts
from .handshake import Handshake
from .home import Home, Link
from .inbox import Inbox
from .reasons import REFUSED, Reason
from .room_names import room_names
from .sending import Sending
from .waiting import Waits

if TYPE_CHECKING:
    from typing_extensions import Self

    from .connection import Connection
    from .namespace import Namespace

log = logs.get("socket")

F = TypeVar("F", bound=Callable[..., object])


class Socket(Sending, Facts[DataT], Addressing, CatchAll, Waits):
    """One client in one namespace; made by the server, for your handlers.

    Events of our own: ``disconnecting(reason, description)``, ``disconnect(reason,
    description)``, ``error(error)``. All others are the client's.
    """

    #: The connection that all sockets of this client share.
    client: Connection

    def __init__(self, sid: SocketId, nsp: Home, client: Link, auth: Json) -> None:
        super().__init__(sid, nsp, client)
        #: Its namespace, which is the only kind of home there is.
        self.nsp: Namespace = nsp  # type: ignore[assignment]
        self._auth = auth
        self._handshake: Handshake | None = None
        self._data: DataT | None = None
        #: Whether rooms, data and missed events were restored.
        self.recovered = False
        #: Whether the connection listeners have been told of it.
        self.announced = False
        self._last_rooms = NO_ROOMS

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everybody in the namespace but this socket."""
        return self._operator()

    def _operator(self) -> BroadcastOperator:
        return BroadcastOperator(
            self._home, BroadcastOptions(except_=frozenset((self.id,)))
        )

    # ------------------------------------------------------------------ rooms

    def join(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Join ``rooms``; nothing happens when the socket has gone.

        Raises:
            ConfigError: Something is no room: neither text nor a whole number.
        """
        if names := room_names(rooms):
            self._change_rooms(self._home.adapter.add_all, names)

    def leave(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Leave ``rooms``."""
        for room in room_names(rooms):
            self._change_rooms(self._home.adapter.del_, room)

    def _change_rooms(self, change: Callable[..., object], what: object) -> None:
        self.reactor.in_order(self._change_now, change, what)

    def _change_now(self, change: Callable[..., object], what: object) -> None:
        if self._gone is None:
            change(self.id, what)

    # ------------------------------------------------------------------ listening

    def use(self, fn: F) -> F:
        """Run ``fn(event, args)`` before each event is dispatched.

        To raise rejects the event, and so does to return False.
        """
        middleware.check(fn, 2, "the event's name and its arguments")
        self.guards = [*self.guards, fn]
        return fn

    def report_error_soon(self, error: Exception) -> None:
        """Tell the ``error`` listeners, behind the events that came before."""
        self._inbox.put(lambda: self._fire("error", error))

    # ------------------------------------------------------------------ the end

    def disconnect(self, close: bool = False) -> Self:
        """Leave the namespace; with ``close`` the whole connection ends."""
        self.reactor.in_order(self._disconnect, close)
        return self

    def _disconnect(self, close: bool) -> None:
        if close and self.connected:
            self.client.disconnect()
        elif self.connected:
            self.send_packet(Packet(PacketType.DISCONNECT, self._home.name))
            self.close(Reason.SERVER_NAMESPACE_DISCONNECT)
        elif self._gone is not None:
            self.turn_deaf()

    def turn_deaf(self) -> None:
        """Handle none of the events that wait."""
        if self._inbox.has_events:
            log.debug("sid=%s the events that wait are dropped", self.id)
        self._deaf = True
        self._inbox.drop()

    @property
    def wanted(self) -> bool:
        """Whether it is there, or has left events that are to be handled."""
        return self._gone is None or self._inbox.has_events

    def close(self, reason: str, description: object = None) -> None:
        """End without a word to the client; everything changes in this one step.

        What the client sent before it left is handled still. The server's own
        ``disconnect`` drops it.
        """
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
        cancel = self.options.cancel_on_disconnect
        if cancel or reason in (REFUSED, Reason.SERVER_NAMESPACE_DISCONNECT):
            self.turn_deaf()
        if was_connected and cancel:
            self._inbox.kill_running()
        if was_connected or self._inbox.has_events:
            self._inbox.put(lambda: self._say_goodbye(reason, description))
        else:
            self._let_go()

    def _call_listener(
        self, listener: Listener, args: tuple[Any, ...], by_name: Mapping[str, object]
    ) -> Any:
        leaving = listener.event in ("disconnecting", "disconnect")
        return self._around.call(
            "disconnect" if leaving else "event",
            listener.fn,
            args,
            by_name,
            socket=self,
            namespace=self._namespace,
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
        """Part with what refers back to the socket, and would keep it for a while.

        Listeners, which never hear anything again, usually do.
        """
        self._listeners = Listeners()
        self._inbox = Inbox(self.reactor.mailbox(_run), self._intake)
        self._home.on_left(self)


def _run(job: Callable[[], object]) -> None:
    """Handle what comes for a socket that has gone: there are no events any more."""
    job()

"""Adapter: who receives a broadcast; and what an adapter asks of its namespace.

An adapter belongs to one namespace of one server. It keeps the rooms and hands
broadcasts to the sockets of this server and, where it spans servers, to the other
servers. To write an adapter, implement ``Adapter``; the rest of this file holds the
types that its methods take and return.

Calls of an adapter never block, and what comes from other servers is handed on in the
hub. The few calls that wait say so (``Blocks:``), and nobody makes them in the hub.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sockio.protocol.socketio.packet import Packet
from sockio.runtime.listeners import EventEmitter, Listeners
from sockio.runtime.observers import Observers
from sockio.runtime.repeats import Repeats
from sockio.types import Json, Room, SocketId

from .addressing import BroadcastOptions, Flags
from .session import Session

if TYPE_CHECKING:
    from sockio.runtime.clock import Clock

__all__ = [
    "Adapter",
    "AdapterFactory",
    "Answered",
    "Asking",
    "BroadcastOptions",
    "Details",
    "Flags",
    "FoundSocket",
    "LocalNamespace",
    "LocalSocket",
    "Reply",
    "ServerAnswers",
    "Session",
]


class Details(Protocol):
    """The handshake of a socket, as far as other servers get to see it."""

    def as_dict(self) -> dict[str, Json]: ...


class FoundSocket(Protocol):
    """What ``fetch_sockets`` says about a socket, on whichever server it is."""

    @property
    def id(self) -> SocketId: ...
    @property
    def handshake(self) -> Details: ...
    @property
    def rooms(self) -> AbstractSet[Room]: ...
    @property
    def data(self) -> Any: ...


class Outlet(Protocol):
    """The way out of a socket of this server, as an adapter sees it."""

    @property
    def label(self) -> str:
        """The id of the socket, for logs above DEBUG: it tells no secret."""

    def deliver(self, wire: Any, packet: Packet, volatile: bool) -> None:
        """Call the outgoing catch-all listeners with ``packet``, and write ``wire``.

        Writing never blocks; a socket that has closed ignores it.
        """

    def expect_ack(
        self, ack_id: int, answered: Answered, lost: Callable[[], None]
    ) -> None:
        """Call ``answered`` once, or ``lost`` if the client goes away before."""

    def cancel_ack(self, ack_id: int) -> bool:
        """Stop expecting it; False: the answer has come, or the client has gone."""


class LocalSocket(FoundSocket, Protocol):
    """A socket of this server, as an adapter sees it."""

    @property
    def outgoing(self) -> Outlet: ...

    def disconnect(self, close: bool) -> object:
        """Leave the namespace; with ``close``, end the whole connection."""


class Carriage(Protocol):
    """Moves encoded packets to another server of the same application."""

    def load(self, wire: Any) -> Json:
        """Return what ``encode`` has returned in a form that can travel."""

    def unload(self, load: Any) -> Any:
        """Return what ``encode`` has returned on another server.

        None if that server encodes packets in another format.
        """


class LocalNamespace(Protocol):
    """A namespace of this server, as its adapter sees it."""

    @property
    def name(self) -> str: ...
    @property
    def sockets(self) -> Mapping[SocketId, LocalSocket]:
        """The connected sockets, without those that are still in a middleware."""

    def next_ack_id(self) -> int:
        """Return a number under which no packet of this namespace waits for answers."""

    def encode(self, packet: Packet, flags: Flags) -> Any:
        """Return what ``deliver`` writes; made once for all sockets of a broadcast.

        Its ``size`` is roughly the number of bytes that it takes.

        Raises:
            EncodeError: A value in the packet cannot travel.
        """

    @property
    def carriage(self) -> Carriage:
        """How what ``encode`` returns can go to another server."""

    def let_go(self, pid: str) -> None:
        """End the connection of a client that has come back to another server.

        Args:
            pid: The secret by which it can be recovered.
        """

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def observers(self) -> Observers: ...
    @property
    def repeats(self) -> Repeats: ...

    @property
    def recovery_duration(self) -> float | None:
        """Seconds for which sessions and events are kept; None: they are not."""

    @property
    def recovery_mirrored(self) -> bool:
        """Whether another server is told what is kept, since this one may be killed."""

    def announce(self, sid: SocketId, fire: Callable[[], None]) -> None:
        """Run ``fire``, which calls listeners of room events.

        It runs at once, in the caller's greenlet; if the caller is the hub, which must
        not run user code, in the mailbox of the socket ``sid``.
        """

    def serve(
        self,
        event: str,
        args: Sequence[Json],
        reply: Reply | None,
        trail: Mapping[str, str] | None = None,
    ) -> None:
        """Call the listeners of ``event``, which another server has emitted.

        Never blocks: they run in a worker.

        Args:
            event: Its name; one of the server's own events is ignored.
            args: Its arguments.
            reply: Takes the answer, once, if one is wanted.
            trail: What the other server was doing; None: that is not known.
        """


class Asking(Protocol):
    """Collects the answers to a ``broadcast_with_ack``; nothing in it blocks."""

    def expect(self, servers: int) -> None:
        """Expect ``count`` from so many servers; called when they have been asked."""

    def count(self, clients: int) -> None:
        """One server has asked ``clients`` clients."""

    def answered(self, args: list[Json]) -> None:
        """One client has answered; this may come before its server's ``count``."""

    def lost(self) -> None:
        """One client has gone without an answer."""


#: Takes the arguments of one client's answer.
Answered: TypeAlias = Callable[[list[Json]], None]
#: Takes the error, or None, and one answer per server.
ServerAnswers: TypeAlias = Callable[["Exception | None", list[Json]], object]
#: Takes the value that a server answers with.
Reply: TypeAlias = Callable[[Json], None]
#: Makes the adapter of a namespace.
AdapterFactory: TypeAlias = "Callable[[LocalNamespace], Adapter]"


class Adapter(EventEmitter, ABC):
    """The rooms of one namespace, and how to reach the sockets in them.

    Events: ``create-room(room)``, ``join-room(room, id)``, ``leave-room(room, id)``,
    ``delete-room(room)``, for this server's sockets; a socket's own id is a room too.
    They are fired when the change is complete.
    """

    def __init__(self, nsp: LocalNamespace, listeners: Listeners | None = None) -> None:
        """Make the adapter of ``nsp``.

        Args:
            nsp: Its namespace.
            listeners: Those of the adapter of which this one is a part; None: its own.
        """
        self._listeners = Listeners() if listeners is None else listeners
        self.nsp = nsp

    def init(self) -> None:
        """Start what the adapter needs; called once, in the process that serves."""

    def close(self) -> None:
        """Stop the adapter; the namespace is going away."""

    def settle(self) -> None:
        """Wait until the other servers are heard: only then is a client let in.

        So it gets all that they say once it is connected.

        Blocks:
            Where the adapter spans servers: in the first moments of this one. If they
            cannot be heard soon, clients are let in nevertheless.
        """

    def server_count(self) -> int:
        """Return the number of servers that share the namespace, this one included.

        Blocks:
            Where the adapter spans servers: until that is known.
        """
        return 1

    # ---- rooms

    @property
    @abstractmethod
    def rooms(self) -> Mapping[Room, AbstractSet[SocketId]]:
        """The rooms of this server's sockets, with their members; a live view."""

    @property
    @abstractmethod
    def sids(self) -> Mapping[SocketId, AbstractSet[Room]]:
        """This server's sockets and the rooms they are in; a live view."""

    @abstractmethod
    def add_all(self, sid: SocketId, rooms: Iterable[Room]) -> None:
        """Add a socket of this server to ``rooms``."""

    @abstractmethod
    def del_(self, sid: SocketId, room: Room) -> None:
        """Take a socket out of ``room``."""

    @abstractmethod
    def del_all(self, sid: SocketId) -> None:
        """Forget a socket: take it out of every room it is in."""

    @abstractmethod
    def socket_rooms(self, sid: SocketId) -> frozenset[Room] | None:
        """Return the rooms of a socket of this server; None: no such socket."""

    @abstractmethod
    def sockets(self, rooms: Collection[Room]) -> set[SocketId]:
        """Return the ids of the sockets in any of ``rooms``; of all, if it is empty.

        Blocks:
            Where the adapter spans servers: until all have answered.
        """

    # ---- broadcasts

    @abstractmethod
    def broadcast(self, packet: Packet, options: BroadcastOptions) -> None:
        """Send ``packet`` to every socket that ``options`` address.

        Raises:
            EncodeError: A value in the packet cannot travel; nothing was sent.
        """

    @abstractmethod
    def broadcast_with_ack(
        self, packet: Packet, options: BroadcastOptions, asking: Asking
    ) -> Callable[[], None]:
        """Send ``packet``; report to ``asking`` whom it reached and what they answer.

        Args:
            packet: Under its ``id`` no other packet of this namespace waits.
            options: Whom to ask.
            asking: May be called in the hub, and before this returns.

        Returns:
            A function that ends the waiting: after it, ``asking`` is not called any
            more.

        Raises:
            EncodeError: A value in the packet cannot travel; nothing was sent.
        """

    # ---- the sockets themselves

    @abstractmethod
    def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FoundSocket]:
        """Return the addressed sockets.

        Raises:
            ClusterTimeout: Another server did not answer in time.

        Blocks:
            Where the adapter spans servers: until all have answered.
        """

    @abstractmethod
    def add_sockets(self, options: BroadcastOptions, rooms: Collection[Room]) -> None:
        """Make the addressed sockets join ``rooms``."""

    @abstractmethod
    def del_sockets(self, options: BroadcastOptions, rooms: Collection[Room]) -> None:
        """Make the addressed sockets leave ``rooms``."""

    @abstractmethod
    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        """Disconnect the addressed sockets; with ``close`` their connections too."""

    # ---- between servers

    @abstractmethod
    def server_side_emit(
        self,
        packet: Sequence[Json],
        ack: ServerAnswers | None = None,
        timeout: float | None = None,
    ) -> None:
        """Send an event to the other servers.

        Args:
            packet: ``[name, *args]``.
            ack: Called once, in the hub, with their answers; if some are silent, with
                ``ClusterTimeout`` and the answers that came.
            timeout: Seconds that they have to answer; None: the adapter's own limit.

        Raises:
            EncodeError: An argument cannot travel; nothing was sent.
        """

    # ---- connection state recovery

    def watch_session(
        self, pid: str, sid: SocketId, session: Callable[[], Session]
    ) -> None:
        """A client was let in that can come back.

        Args:
            pid: The secret by which it asks for its session.
            sid: Id of its socket.
            session: Returns what is to be kept of the socket.
        """

    def forget_session(self, pid: str) -> None:
        """A client has gone; if it may come back, its session was persisted before."""

    def persist_session(self, session: Session) -> None:
        """Keep a session whose connection broke."""

    def restore_session(self, pid: str, offset: str | None) -> Session | None:
        """Return, once only, the session and what it missed since ``offset``.

        Args:
            pid: The secret of the client.
            offset: Of the last event that the client has seen; None: it saw none.

        Returns:
            None if the session or the offset is not known (any more).

        Blocks:
            Where another program keeps the sessions.
        """
        return None

    def newest_offset(self) -> str | None:
        """Return the offset of the event logged last; None: there is none."""
        return None

    def hand_on(self, seconds: float) -> None:
        """Give what is kept to another server that stays; this one is about to close.

        Blocks:
            Where there is one: until it has taken everything, at most ``seconds``.
        """

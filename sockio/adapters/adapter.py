"""Adapter: who receives a broadcast; and what an adapter asks of its namespace.

An adapter belongs to one namespace of one server. It keeps the rooms, hands broadcasts
to the sockets of this server and, where it spans servers, to the other ones. Whoever
writes an adapter implements ``Adapter``; the rest of this file travels through it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from sockio.errors import ConfigError
from sockio.protocol.socketio.packet import Packet
from sockio.runtime.clock import Clock
from sockio.runtime.listeners import EventEmitter, Listeners
from sockio.types import Json, Room, SocketId


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """How one emit is to be sent; a chained call makes new Flags, nothing is reset."""

    #: Drop the packet for a client that cannot take it at this instant.
    volatile: bool = False
    #: Whether the transport may compress it.
    compress: bool = True
    #: Stay on this server.
    local: bool = False
    #: Everybody but the sender.
    broadcast: bool = False
    #: Seconds to wait for answers: those of clients, or of the other servers.
    timeout: float | None = None
    #: Exactly one client is asked, wherever it is.
    expect_single_response: bool = False

    def __post_init__(self) -> None:
        seconds = self.timeout
        if seconds is not None and (
            not isinstance(seconds, (int, float))
            or isinstance(seconds, bool)
            or not seconds >= 0
        ):
            raise ConfigError(
                f"timeout({seconds!r}): give a number of seconds, 0 or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastOptions:
    """Whom a call addresses: the union of rooms, minus rooms, and how it is sent."""

    #: In the order given, which is the order of sending; empty means everybody.
    rooms: tuple[Room, ...] = ()
    #: Whoever is in one of these is left out; a socket's id is a room too.
    except_: frozenset[Room] = frozenset()
    flags: Flags = field(default_factory=Flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What recovery keeps of a socket whose connection broke."""

    sid: SocketId
    #: The secret by which the client asks for it.
    pid: str
    rooms: tuple[Room, ...]
    data: Json
    #: Offset of the newest event when the client was let in: it got none before.
    since: str | None = None
    #: What the client missed, oldest first, as ``LocalNamespace.encode`` returns it;
    #: empty when the session is persisted.
    missed_packets: Sequence[Any] = ()


class Details(Protocol):
    """The handshake of a socket, as far as other servers get to see it."""

    def as_dict(self) -> dict[str, Json]: ...


class FoundSocket(Protocol):
    """What ``fetch_sockets`` tells of a socket, on whichever server it is."""

    @property
    def id(self) -> SocketId: ...
    @property
    def handshake(self) -> Details: ...
    @property
    def rooms(self) -> AbstractSet[Room]: ...
    @property
    def data(self) -> Any: ...


class LocalSocket(FoundSocket, Protocol):
    """A socket of this server, as an adapter sees it."""

    def deliver(self, wire: Any, packet: Packet, volatile: bool) -> None:
        """Tell the outgoing catch-all listeners of ``packet`` and write ``wire``.

        Writing never blocks; a socket that has closed ignores it.
        """

    def expect_ack(
        self, ack_id: int, answered: Answered, lost: Callable[[], None]
    ) -> None:
        """Call one of both, once: the client's answer, or that it went away before."""

    def cancel_ack(self, ack_id: int) -> bool:
        """Expect it no longer; False where the answer had come or the client gone."""

    def disconnect(self, close: bool) -> object:
        """Leave the namespace; with ``close`` the whole connection ends."""


class LocalNamespace(Protocol):
    """A namespace of this server, as its adapter sees it."""

    @property
    def name(self) -> str: ...

    @property
    def sockets(self) -> Mapping[SocketId, LocalSocket]:
        """The connected ones; those still in a middleware are not among them."""

    def encode(self, packet: Packet, flags: Flags) -> Any:
        """Return what ``deliver`` writes; made once for all sockets of a broadcast.

        Its ``size`` is about how many bytes it takes.

        Raises:
            EncodeError: A value in the packet cannot travel.
        """

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def recovery_duration(self) -> float | None:
        """Seconds for which sessions and events are kept; None: they are not."""

    def announce(self, sid: SocketId, fire: Callable[[], None]) -> None:
        """Run ``fire``, which calls listeners of room events.

        At once in the greenlet of the caller; in the mailbox of the socket ``sid``
        where the caller must not run user code (the hub, a bus reader).
        """


#: Takes all arguments of one client's answer.
Answered: TypeAlias = Callable[[list[Json]], None]
#: Takes the error, or None, and one answer per server.
ServerAnswers: TypeAlias = Callable[["Exception | None", list[Json]], object]
#: Makes the adapter of a namespace.
AdapterFactory: TypeAlias = "Callable[[LocalNamespace], Adapter]"


class Adapter(EventEmitter, ABC):
    """The rooms of one namespace, and how to reach the sockets in them.

    Events: ``create-room(room)``, ``join-room(room, id)``, ``leave-room(room, id)``,
    ``delete-room(room)``, of this server's sockets; a socket's own id is a room too.
    They are fired when the change is complete.
    """

    def __init__(self, nsp: LocalNamespace) -> None:
        self._listeners = Listeners()
        self.nsp = nsp

    def init(self) -> None:
        """Start what the adapter needs; called once, in the process that serves."""

    def close(self) -> None:
        """Stop it; the namespace is going away."""

    def server_count(self) -> int:
        """Return the number of servers that share the namespace, this one included."""
        return 1

    # ---- rooms

    @property
    @abstractmethod
    def rooms(self) -> Mapping[Room, AbstractSet[SocketId]]:
        """The rooms of this server's sockets and who is in them; a live view."""

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
        """Return the rooms of a socket of this server; None if there is no such one."""

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
        self,
        packet: Packet,
        options: BroadcastOptions,
        client_count_callback: Callable[[int], None],
        ack: Answered,
        lost: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """Send ``packet`` and report how many clients were asked, and their answers.

        The callbacks must not block: they may run in the hub. One of a client may come
        before the count it is part of.

        Args:
            packet: With an ``id`` that no other packet of this namespace waits under.
            options: Whom to ask.
            client_count_callback: Called once per server with its number of clients.
            ack: Called for each answer.
            lost: Called for each client that disconnected without an answer.

        Returns:
            A function that ends the waiting: no callback runs after it.
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
        self, packet: Sequence[Json], ack: ServerAnswers | None = None
    ) -> None:
        """Send an event, as ``[name, *args]``, to the other servers.

        With ``ack`` their answers are collected; it is called once.
        """

    # ---- connection state recovery

    def persist_session(self, session: Session) -> None:
        """Keep a session whose connection broke."""

    def restore_session(self, pid: str, offset: str | None) -> Session | None:
        """Give back, once, the session and what it missed since ``offset``.

        Args:
            pid: The secret of the client.
            offset: Of the last event that it has seen; None: it saw none.

        Returns:
            None where one of both is not known (any more).

        Blocks:
            Where sessions are kept by another program.
        """
        return None

    def newest_offset(self) -> str | None:
        """Return the offset of the event logged last; None: there is none."""
        return None

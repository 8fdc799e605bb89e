"""MemoryAdapter: the sockets of this server only.

It is the default, and the local half of the adapters that span servers. Nothing in it
blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from logging import DEBUG
from typing import Any, NamedTuple

from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.listeners import Listeners
from sockio.types import Json, Room, SocketId

from .adapter import (
    Adapter,
    Asking,
    LocalNamespace,
    LocalSocket,
    ServerAnswers,
    Session,
)
from .addressing import BroadcastOptions
from .recovery import RecoveryLog
from .rooms import Change, Members, Rooms

log = logs.get("adapters.memory")


#: What observers are told of, of the changes of rooms.
_HOOKS = {"join-room": "room_joined", "leave-room": "room_left"}


class Prepared(NamedTuple):
    """A broadcast that is encoded, but not sent yet."""

    wire: Any
    packet: Packet
    options: BroadcastOptions
    #: The offset under which it can be recovered; None: it cannot be.
    offset: str | None = None


class MemoryAdapter(Adapter):
    """The rooms in this process, and the sockets of one namespace in them."""

    def __init__(
        self,
        nsp: LocalNamespace,
        listeners: Listeners | None = None,
        *,
        logged: bool = True,
    ) -> None:
        """Make the adapter of ``nsp``, or the local half of one.

        Args:
            nsp: Its namespace.
            listeners: Those of the whole adapter.
            logged: Whether events are kept here if the namespace has recovery.
        """
        super().__init__(nsp, listeners)
        self._rooms = Rooms()
        #: Called with each socket that has entered or left rooms.
        self.on_rooms: Callable[[SocketId], object] | None = None
        self._warned = False
        #: Whether broadcasts are written to the debug log.
        self._told = False
        duration = nsp.recovery_duration if logged else None
        self._log = None if duration is None else RecoveryLog(nsp.clock, duration)

    def init(self) -> None:
        """Find out whether the debug log is on."""
        self._told = log.isEnabledFor(DEBUG)

    def close(self) -> None:
        """Drop what is kept for clients that may come back."""
        if self._log is not None:
            self._log.close()

    # ---- rooms

    @property
    def rooms(self) -> Members:
        """The rooms and their members; a live view."""
        return self._rooms.members

    @property
    def sids(self) -> Mapping[SocketId, AbstractSet[Room]]:
        """The sockets and the rooms they are in; a live view."""
        return self._rooms.sids

    def add_all(self, sid: SocketId, rooms: Iterable[Room]) -> None:
        """Add a socket to ``rooms``."""
        self._announce(sid, self._rooms.add(sid, rooms))

    def del_(self, sid: SocketId, room: Room) -> None:
        """Take a socket out of ``room``."""
        self._announce(sid, self._rooms.remove(sid, room))

    def del_all(self, sid: SocketId) -> None:
        """Forget a socket: take it out of every room it is in."""
        self._announce(sid, self._rooms.remove_all(sid))

    def socket_rooms(self, sid: SocketId) -> frozenset[Room] | None:
        """Return the rooms of a socket; None: there is no such socket."""
        return self._rooms.rooms_of(sid)

    def sockets(self, rooms: Collection[Room]) -> set[SocketId]:
        """Return the ids of the sockets in any of ``rooms``; of all, if it is empty."""
        connected = self.nsp.sockets
        chosen = self._rooms.select(BroadcastOptions(rooms=tuple(rooms)))
        return {sid for sid in chosen if sid in connected}

    def _announce(self, sid: SocketId, changes: list[Change]) -> None:
        """Fire the events of ``changes`` that somebody listens to."""
        if self.on_rooms is not None and changes:
            self.on_rooms(sid)
        told = log.isEnabledFor(DEBUG)
        tell = self.nsp.observers.tell
        for what, room, *_ in changes:
            if told:
                log.debug("sid=%s %s %r", sid, what, room)
            hook = _HOOKS.get(what)
            if hook is not None:
                tell(hook, self.nsp.name, room, sid)
        get = self._listeners.get
        heard = [change for change in changes if get(change[0])]
        if heard:
            self.nsp.announce(sid, lambda: self._fire_all(heard))

    def _fire_all(self, changes: list[Change]) -> None:
        for change in changes:
            self._fire(*change)

    # ---- broadcasts

    def broadcast(self, packet: Packet, options: BroadcastOptions) -> None:
        """Send ``packet`` to every socket that ``options`` address."""
        self.deliver(self.prepare(packet, options))

    def prepare(self, packet: Packet, options: BroadcastOptions) -> Prepared:
        """Encode ``packet``, with an offset if it can be recovered.

        Raises:
            EncodeError: A value in it cannot travel.
        """
        log, flags = self._log, options.flags
        if log is None or packet.type is not PacketType.EVENT or packet.id is not None:
            return Prepared(self.nsp.encode(packet, flags), packet, options)
        # Clients take any text at the end of an event for its offset. So a volatile
        # event repeats the offset before it.
        offset = log.newest if flags.volatile else log.new_offset()
        prepared = self.prepared_at(offset, packet, options)
        return prepared if flags.volatile else prepared._replace(offset=offset)

    def prepared_at(
        self, offset: str | None, packet: Packet, options: BroadcastOptions
    ) -> Prepared:
        """Encode ``packet`` with an offset, for somebody else to keep."""
        marked = packet._replace(data=[*packet.data, offset])
        return Prepared(self.nsp.encode(marked, options.flags), packet, options)

    def deliver(self, prepared: Prepared) -> None:
        """Send what was prepared, and keep it if it can be recovered."""
        wire, packet, options, offset = prepared
        if offset is not None and self._log is not None:
            self._log.add(offset, wire, wire.size, options)
        if self._told:
            log.debug(
                "broadcast of %r in %r, rooms=%r except=%r%s",
                packet.data[0] if packet.type is PacketType.EVENT else packet.type,
                self.nsp.name,
                options.rooms,
                options.except_,
                logs.payload(packet.data),
            )
        volatile = options.flags.volatile
        find = self.nsp.sockets.get
        for sid in self._rooms.select(options):
            socket = find(sid)
            if socket is None:  # still in a middleware, or gone meanwhile
                continue
            try:
                socket.outgoing.deliver(wire, packet, volatile)
            except Exception:
                # A boundary: below is code of others, too (aioquic, a WebSocket of the
                # application's); an error of one client must not cut off the rest.
                sid = socket.outgoing.label
                log.exception("sid=%s not reached by a broadcast", sid)

    def broadcast_with_ack(
        self, packet: Packet, options: BroadcastOptions, asking: Asking
    ) -> Callable[[], None]:
        """Send ``packet``, report how many clients were asked, forward the answers."""
        wire = self.nsp.encode(packet, options.flags)
        asking.expect(1)
        return self.ask(wire, packet, options, asking)

    def ask(
        self, wire: Any, packet: Packet, options: BroadcastOptions, asking: Asking
    ) -> Callable[[], None]:
        """Send what is encoded, and report to ``asking`` for this server alone."""
        ack_id = packet.id
        if ack_id is None:
            raise ValueError("a packet that asks for answers needs an id")
        asked: list[SocketId] = []
        for socket in self._select(options):
            asked.append(socket.id)
            socket.outgoing.expect_ack(ack_id, asking.answered, asking.lost)
            try:
                socket.outgoing.deliver(wire, packet, options.flags.volatile)
            except Exception:
                # A boundary, as in deliver; a client that was not asked cannot answer.
                sid = socket.outgoing.label
                log.exception("sid=%s not reached by a broadcast", sid)
                if socket.outgoing.cancel_ack(ack_id):
                    asking.lost()
        asking.count(len(asked))

        def stop() -> None:
            for sid in asked:
                socket = self.nsp.sockets.get(sid)
                if socket is not None:
                    socket.outgoing.cancel_ack(ack_id)

        return stop

    def _select(self, options: BroadcastOptions) -> Iterator[LocalSocket]:
        """Yield the addressed sockets that are connected when their turn comes."""
        find = self.nsp.sockets.get
        for sid in self._rooms.select(options):
            socket = find(sid)
            if socket is not None:
                yield socket

    # ---- the sockets themselves

    def fetch_sockets(self, options: BroadcastOptions) -> Sequence[LocalSocket]:
        """Return the addressed sockets."""
        return list(self._select(options))

    def add_sockets(self, options: BroadcastOptions, rooms: Collection[Room]) -> None:
        """Make the addressed sockets join ``rooms``."""
        for socket in self._select(options):
            self.add_all(socket.id, rooms)

    def del_sockets(self, options: BroadcastOptions, rooms: Collection[Room]) -> None:
        """Make the addressed sockets leave ``rooms``."""
        for socket in self._select(options):
            for room in rooms:
                self.del_(socket.id, room)

    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        """Disconnect the addressed sockets; with ``close`` their connections too."""
        for socket in self._select(options):
            socket.disconnect(close)

    # ---- between servers

    def server_side_emit(
        self,
        packet: Sequence[Json],
        ack: ServerAnswers | None = None,
        timeout: float | None = None,
    ) -> None:
        """Reach nobody, since there are no other servers; ``ack`` gets no answers."""
        if not self._warned:
            self._warned = True
            log.warning(
                "namespace=%r server_side_emit reaches no server: "
                "this adapter knows only its own",
                self.nsp.name,
            )
        if ack is not None:
            ack(None, [])

    # ---- connection state recovery

    def persist_session(self, session: Session) -> None:
        """Keep a session whose connection broke."""
        if self._log is not None:
            self._log.persist(session)

    def restore_session(self, pid: str, offset: str | None) -> Session | None:
        """Return, once only, the session and what it missed since ``offset``."""
        return None if self._log is None else self._log.restore(pid, offset)

    def newest_offset(self) -> str | None:
        """Return the offset of the event logged last; None: there is none."""
        return None if self._log is None else self._log.newest

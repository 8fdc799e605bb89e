"""ClusterAdapter: the sockets of this server and, over the bus, those of all others.

A call acts on the sockets here, and is published to the other servers, which do the
same with their sockets. Their messages arrive in the hub, so nothing here blocks or
runs the application's code, except for the calls that say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol

from sockio.adapters.adapter import (
    Adapter,
    Asking,
    FoundSocket,
    LocalNamespace,
    ServerAnswers,
    Session,
)
from sockio.adapters.addressing import BroadcastOptions
from sockio.adapters.memory import MemoryAdapter, Prepared
from sockio.adapters.rooms import Members
from sockio.errors import ClusterTimeout, EncodeError
from sockio.protocol.socketio.packet import Packet
from sockio.runtime import logs
from sockio.types import Json, Room, SocketId

from .bus import Bus
from .keeper import Keeper, keeper
from .messages import Message, MessageType, options_data, packet_data
from .receiver import Receiver
from .requests import Done, Requests, new_id

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.cluster")

__all__ = ["ClusterAdapter"]


class Shared(Protocol):
    """What the adapters of one server have in common."""

    bus: Bus
    reactor: Reactor
    requests_timeout: float

    def settle(self) -> None: ...
    def join(self, adapter: ClusterAdapter) -> None: ...
    def leave(self, adapter: ClusterAdapter) -> None: ...


class ClusterAdapter(Adapter):
    """One namespace on all servers of a cluster."""

    def __init__(self, nsp: LocalNamespace, shared: Shared) -> None:
        super().__init__(nsp)
        self._shared = shared
        self._bus = shared.bus
        duration = nsp.recovery_duration
        keeps = None if duration is None else shared.bus.log
        self._local = MemoryAdapter(nsp, self._listeners, logged=keeps is None)
        self._requests = Requests()
        self._kept: Keeper | None = None
        if duration is not None and keeps is not None:
            self._kept = keeper(
                nsp, self._local, self._requests, shared.bus, keeps, duration
            )
        self._receiver = Receiver(nsp, self._local, self._requests, self._reply)
        #: Id in the cluster; empty until the server has started.
        self.uid = ""

    def init(self) -> None:
        """Join the other servers."""
        self._local.init()
        self.uid = new_id()
        self._shared.join(self)
        if self._kept is not None:
            self._kept.open(self.uid, self._shared.reactor)

    def close(self) -> None:
        """Leave the other servers."""
        if self.uid:
            self._say(MessageType.ADAPTER_CLOSE)
            self._shared.leave(self)
            self.uid = ""
        self._requests.close()
        self._receiver.close()
        if self._kept is not None:
            self._kept.close()
        self._local.close()

    def settle(self) -> None:
        """Wait until the other servers are heard; see ``Adapter``."""
        if self.uid:
            self._shared.settle()

    def server_count(self) -> int:
        """Return the number of servers that share the namespace, this one included."""
        told = self._shared.reactor.latch()
        self._bus.count(self.nsp, told.set)
        try:
            others: int = told.wait(self._shared.requests_timeout)
        except TimeoutError:
            raise ClusterTimeout("the bus did not count the servers in time") from None
        return others + 1

    # ---- rooms

    @property
    def rooms(self) -> Members:
        return self._local.rooms

    @property
    def sids(self) -> Mapping[SocketId, AbstractSet[Room]]:
        return self._local.sids

    def add_all(self, sid: SocketId, rooms: Iterable[Room]) -> None:
        self._local.add_all(sid, rooms)

    def del_(self, sid: SocketId, room: Room) -> None:
        self._local.del_(sid, room)

    def del_all(self, sid: SocketId) -> None:
        self._local.del_all(sid)

    def socket_rooms(self, sid: SocketId) -> frozenset[Room] | None:
        return self._local.socket_rooms(sid)

    def sockets(self, rooms: Collection[Room]) -> set[SocketId]:
        found = self.fetch_sockets(BroadcastOptions(rooms=tuple(rooms)))
        return {socket.id for socket in found}

    # ---- broadcasts

    def broadcast(self, packet: Packet, options: BroadcastOptions) -> None:
        kept = self._kept if packet.id is None else None
        if options.flags.local or not self.uid:
            if kept is None:
                self._local.broadcast(packet, options)
            else:
                kept.append_here(packet, options)
        elif kept is None:
            self._send(self._local.prepare(packet, options))
        elif options.flags.volatile:
            self._send(kept.prepare(packet, options))
        else:
            message = self._message(MessageType.BROADCAST, _broadcast(packet, options))
            kept.append(message, packet, options, self._shared.reactor.to_hub)

    def _send(self, prepared: Prepared) -> None:
        """Publish first, then send here: what runs meanwhile may broadcast, too."""
        data = _broadcast(prepared.packet, prepared.options)
        self._say(MessageType.BROADCAST, data)
        self._local.deliver(prepared)

    def broadcast_with_ack(
        self, packet: Packet, options: BroadcastOptions, asking: Asking
    ) -> Callable[[], None]:
        if options.flags.local or not self.uid:
            return self._local.broadcast_with_ack(packet, options, asking)
        wire = self.nsp.encode(packet, options.flags)
        id, poll = self._requests.poll(asking)
        data = _broadcast(packet, options)
        try:
            self._ask(MessageType.BROADCAST, {**data, "lost": True}, id, poll.expect)
        except EncodeError:
            self._requests.drop(id)
            raise
        stop_here = self._local.ask(wire, packet, options, asking)

        def stop() -> None:
            self._requests.drop(id)
            stop_here()

        return stop

    # ---- the sockets themselves

    def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FoundSocket]:
        here: list[FoundSocket] = list(self._local.fetch_sockets(options))
        if options.flags.local or not self.uid:
            return here
        reactor = self._shared.reactor
        reactor.may_block("fetch_sockets()")
        latch = reactor.latch()

        def done(error: ClusterTimeout | None, lists: list[list[FoundSocket]]) -> None:
            there = [socket for found in lists for socket in found]
            if error is not None:
                error.responses = [*here, *there]
                latch.fail(error)
            else:
                latch.set([*here, *there])

        timeout = options.flags.timeout
        self._gather(
            MessageType.FETCH_SOCKETS, {"opts": options_data(options)}, timeout, done
        )
        return latch.wait()  # type: ignore[no-any-return]

    def add_sockets(self, options: BroadcastOptions, rooms: Collection[Room]) -> None:
        self._change(MessageType.SOCKETS_JOIN, options, rooms=list(rooms))
        self._local.add_sockets(options, rooms)

    def del_sockets(self, options: BroadcastOptions, rooms: Collection[Room]) -> None:
        self._change(MessageType.SOCKETS_LEAVE, options, rooms=list(rooms))
        self._local.del_sockets(options, rooms)

    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        self._change(MessageType.DISCONNECT_SOCKETS, options, close=close)
        self._local.disconnect_sockets(options, close)

    def _change(
        self, kind: MessageType, options: BroadcastOptions, **data: Any
    ) -> None:
        if self.uid and not options.flags.local:
            self._say(kind, {"opts": options_data(options), **data})

    # ---- between servers

    def server_side_emit(
        self,
        packet: Sequence[Json],
        ack: ServerAnswers | None = None,
        timeout: float | None = None,
    ) -> None:
        data = {"packet": list(packet)}
        if not self.uid:
            if ack is not None:
                ack(None, [])
        elif ack is None:
            self._say(MessageType.SERVER_SIDE_EMIT, data)
        else:
            self._gather(MessageType.SERVER_SIDE_EMIT, data, timeout, ack)

    # ---- connection state recovery

    def watch_session(
        self, pid: str, sid: SocketId, session: Callable[[], Session]
    ) -> None:
        if self._kept is not None:
            self._kept.watch(pid, sid, session)

    def forget_session(self, pid: str) -> None:
        if self._kept is not None:
            self._kept.forget(pid)

    def persist_session(self, session: Session) -> None:
        if self._kept is None:
            self._local.persist_session(session)
        else:
            self._kept.persist(session)

    def restore_session(self, pid: str, offset: str | None) -> Session | None:
        if self._kept is None:
            return self._local.restore_session(pid, offset)
        return self._kept.restore(pid, offset)

    def newest_offset(self) -> str | None:
        if self._kept is None:
            return self._local.newest_offset()
        return self._kept.newest

    def hand_on(self, seconds: float) -> None:
        if self._kept is not None:
            self._kept.hand_on(seconds)

    # ---- saying

    def _message(
        self, kind: MessageType, data: Mapping[str, Json] | None = None
    ) -> Message:
        return Message(self.uid, self.nsp.name, kind, data or {})

    def _say(self, kind: MessageType, data: Mapping[str, Json] | None = None) -> None:
        self._bus.publish(self._message(kind, data))

    def _ask(
        self,
        kind: MessageType,
        data: Mapping[str, Json],
        id: str,
        expect: Callable[[int], None],
    ) -> None:
        hub = self._shared.reactor.to_hub
        message = self._message(kind, {**data, "requestId": id})
        self._bus.publish(message, lambda servers: hub(expect, servers))

    def _gather(
        self,
        kind: MessageType,
        data: Mapping[str, Json],
        timeout: float | None,
        done: Done,
    ) -> None:
        what = "fetch_sockets" if "opts" in data else "server_side_emit"
        seconds = self._shared.requests_timeout if timeout is None else timeout

        def over(error: ClusterTimeout | None, values: list[Any]) -> None:
            if error is not None:
                self.nsp.observers.tell("adapter_failed", self.nsp.name, error)
            done(error, values)

        id, gathering = self._requests.gather(what, self.nsp.clock, seconds, over)
        try:
            self._ask(kind, data, id, gathering.expect)
        except EncodeError:
            self._requests.drop(id)
            raise

    def _reply(self, to: str, kind: MessageType, **data: Json) -> None:
        try:
            self._bus.reply(to, self._message(kind, data))
        except EncodeError:
            log.exception("namespace=%r an answer cannot travel", self.nsp.name)

    # ---- hearing

    def hear(self, message: Message, offset: str | None) -> None:
        """Carry out a message of another server; called in the hub.

        Raises:
            ProtocolError: The message does not fit its type.
        """
        self._receiver.hear(message, offset, self._kept, self._shared.reactor)


def _broadcast(packet: Packet, options: BroadcastOptions) -> dict[str, Json]:
    return {"packet": packet_data(packet), "opts": options_data(options)}

"""ClusterAdapter: the sockets of this server, and by the bus those of all others.

What one calls is done here and told to the others, who do the same with their sockets.
What they say comes in the hub, so nothing here blocks or runs the application's code,
but for the calls that say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
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
from sockio.adapters.memory import MemoryAdapter
from sockio.errors import ClusterTimeout, EncodeError
from sockio.protocol.socketio.packet import Packet
from sockio.runtime import logs
from sockio.types import Json, Room, SocketId

from .bus import Bus, Log
from .elsewhere import found_in, shown
from .errand import Errand
from .messages import (
    Message,
    MessageType,
    event_in,
    options_data,
    options_in,
    packet_data,
    packet_in,
    text_in,
    texts_in,
    value_in,
)
from .requests import Done, Requests, new_id

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.cluster")

__all__ = ["TIMEOUT", "ClusterAdapter"]

#: Seconds that other servers have for an answer.
TIMEOUT = 5.0


class Shared(Protocol):
    """What the adapters of one server have in common."""

    bus: Bus
    reactor: Reactor

    def join(self, adapter: ClusterAdapter) -> None: ...
    def leave(self, adapter: ClusterAdapter) -> None: ...


class ClusterAdapter(Adapter):
    """One namespace on all servers of a cluster."""

    def __init__(self, nsp: LocalNamespace, shared: Shared) -> None:
        super().__init__(nsp)
        self._shared = shared
        self._bus = shared.bus
        recovers = nsp.recovery_duration is not None
        self._log: Log | None = shared.bus.log if recovers else None
        self._local = MemoryAdapter(nsp, self._listeners, logged=self._log is None)
        self._requests = Requests()
        #: What is being asked for other servers.
        self._errands: set[Errand] = set()
        self._newest: str | None = None
        #: Id in the cluster; empty until the server has started.
        self.uid = ""

    def init(self) -> None:
        """Join the others."""
        self._local.init()
        self.uid = new_id()
        self._shared.join(self)

    def close(self) -> None:
        """Leave them."""
        if self.uid:
            self._say(MessageType.ADAPTER_CLOSE)
            self._shared.leave(self)
            self.uid = ""
        self._requests.close()
        for errand in tuple(self._errands):
            errand.end()
        self._local.close()

    def server_count(self) -> int:
        """Return the number of servers that share the namespace, this one included."""
        told = self._shared.reactor.latch()
        self._bus.count(self.nsp, told.set)
        try:
            others: int = told.wait(TIMEOUT)
        except TimeoutError:
            raise ClusterTimeout("nobody could tell the number of servers") from None
        return others + 1

    # ---- rooms

    @property
    def rooms(self) -> Mapping[Room, AbstractSet[SocketId]]:
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
        if options.flags.local or not self.uid:
            self._local.broadcast(packet, options)
        elif self._log is None or packet.id is not None or options.flags.volatile:
            prepared = self._prepare(packet, options)
            self._say(MessageType.BROADCAST, _broadcast(packet, options))
            self._local.deliver(prepared)
        else:
            self._append(self._log, packet, options)

    def _prepare(self, packet: Packet, options: BroadcastOptions) -> Any:
        if self._log is None or packet.id is not None:
            return self._local.prepare(packet, options)
        return self._local.prepared_at(self._newest, packet, options)

    def _append(self, log: Log, packet: Packet, options: BroadcastOptions) -> None:
        """Have the bus make the offset; here the packet is sent when it is known."""
        self.nsp.encode(packet, options.flags)  # an error belongs to the caller
        hub = self._shared.reactor.to_hub

        def kept(offset: str | None) -> None:
            hub(self._deliver_at, offset, packet, options)

        log.append(
            self._message(MessageType.BROADCAST, _broadcast(packet, options)), kept
        )

    def _deliver_at(
        self, offset: str | None, packet: Packet, options: BroadcastOptions
    ) -> None:
        if offset is not None:
            self._newest = offset
        self._local.deliver(self._local.prepared_at(self._newest, packet, options))

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

    def persist_session(self, session: Session) -> None:
        if self._log is None:
            self._local.persist_session(session)
        else:
            self._log.persist(self.nsp, session)

    def restore_session(self, pid: str, offset: str | None) -> Session | None:
        if self._log is None:
            return self._local.restore_session(pid, offset)
        found = self._log.restore(self.nsp, pid, offset)
        if found is None:
            return None
        session, missed = found
        packets = [
            self._local.prepared_at(at, packet_in(message), options_in(message)).wire
            for at, message in missed
        ]
        return replace(session, missed_packets=packets)

    def newest_offset(self) -> str | None:
        return self._local.newest_offset() if self._log is None else self._newest

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
        seconds = TIMEOUT if timeout is None else timeout
        id, gathering = self._requests.gather(what, self.nsp.clock, seconds, done)
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

    # ---- hearing, in the hub

    def hear(self, message: Message, offset: str | None) -> None:
        """Do what another server says.

        Raises:
            ProtocolError: The message is not what its type says.
        """
        hear = _HEARD.get(message.type)
        if hear is not None:
            hear(self, message, offset)

    def _hear_broadcast(self, message: Message, offset: str | None) -> None:
        packet, options = packet_in(message), options_in(message)
        if "requestId" in message.data:
            self._ask_for(message, packet, options)
        elif self._log is None:
            self._local.broadcast(packet, options)
        else:
            self._deliver_at(offset, packet, options)

    def _ask_for(
        self, message: Message, packet: Packet, options: BroadcastOptions
    ) -> None:
        """Ask our clients for another server."""
        packet = packet._replace(id=self.nsp.next_ack_id())
        wire = self.nsp.encode(packet, options.flags)
        errand = Errand(self._reply, message, self._errands.discard)
        self._errands.add(errand)
        stop = self._local.ask(wire, packet, options, errand)
        seconds = options.flags.timeout
        errand.started(stop, self.nsp.clock, TIMEOUT if seconds is None else seconds)

    def _hear_join(self, message: Message, _: str | None) -> None:
        self._local.add_sockets(options_in(message), texts_in(message, "rooms"))

    def _hear_leave(self, message: Message, _: str | None) -> None:
        self._local.del_sockets(options_in(message), texts_in(message, "rooms"))

    def _hear_disconnect(self, message: Message, _: str | None) -> None:
        close = message.data.get("close") is True
        self._local.disconnect_sockets(options_in(message), close)

    def _hear_fetch(self, message: Message, _: str | None) -> None:
        id = text_in(message, "requestId")
        sockets = [shown(s) for s in self._local.fetch_sockets(options_in(message))]
        kind = MessageType.FETCH_SOCKETS_RESPONSE
        self._reply(message.uid, kind, requestId=id, sockets=sockets)

    def _hear_fetched(self, message: Message, _: str | None) -> None:
        question = self._requests.gathering(text_in(message, "requestId"))
        if question is not None:
            question.answer(message.uid, found_in(message))

    def _hear_event(self, message: Message, _: str | None) -> None:
        name, args = event_in(message)
        if "requestId" not in message.data:
            self.nsp.serve(name, args, None)
            return
        id = text_in(message, "requestId")
        kind = MessageType.SERVER_SIDE_EMIT_RESPONSE
        reply, hub = self._reply, self._shared.reactor.to_hub

        def answer(value: Json) -> None:
            hub(lambda: reply(message.uid, kind, requestId=id, packet=value))

        self.nsp.serve(name, args, answer)

    def _hear_event_answer(self, message: Message, _: str | None) -> None:
        question = self._requests.gathering(text_in(message, "requestId"))
        if question is not None:
            question.answer(message.uid, value_in(message, "packet"))

    def _hear_count(self, message: Message, _: str | None) -> None:
        clients = value_in(message, "clientCount")
        poll = self._requests.clients(text_in(message, "requestId"))
        if poll is not None and type(clients) is int and clients >= 0:
            poll.count(message.uid, clients)

    def _hear_answer(self, message: Message, _: str | None) -> None:
        poll = self._requests.clients(text_in(message, "requestId"))
        if poll is not None:
            poll.answered(message.uid, message.data.get("packet"))

    def _hear_lost(self, message: Message, _: str | None) -> None:
        poll = self._requests.clients(text_in(message, "requestId"))
        if poll is not None:
            poll.lost(message.uid)

    def _hear_end(self, message: Message, _: str | None) -> None:
        self._requests.gone(message.uid)


def _broadcast(packet: Packet, options: BroadcastOptions) -> dict[str, Json]:
    return {"packet": packet_data(packet), "opts": options_data(options)}


_HEARD = {
    MessageType.BROADCAST: ClusterAdapter._hear_broadcast,
    MessageType.SOCKETS_JOIN: ClusterAdapter._hear_join,
    MessageType.SOCKETS_LEAVE: ClusterAdapter._hear_leave,
    MessageType.DISCONNECT_SOCKETS: ClusterAdapter._hear_disconnect,
    MessageType.FETCH_SOCKETS: ClusterAdapter._hear_fetch,
    MessageType.FETCH_SOCKETS_RESPONSE: ClusterAdapter._hear_fetched,
    MessageType.SERVER_SIDE_EMIT: ClusterAdapter._hear_event,
    MessageType.SERVER_SIDE_EMIT_RESPONSE: ClusterAdapter._hear_event_answer,
    MessageType.BROADCAST_CLIENT_COUNT: ClusterAdapter._hear_count,
    MessageType.BROADCAST_ACK: ClusterAdapter._hear_answer,
    MessageType.BROADCAST_LOST: ClusterAdapter._hear_lost,
    MessageType.ADAPTER_CLOSE: ClusterAdapter._hear_end,
}

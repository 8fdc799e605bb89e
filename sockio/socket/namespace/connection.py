"""Connection: one Engine.IO session and its sockets, by namespace.

Users know it as ``socket.client``.
"""

from __future__ import annotations

from collections.abc import Callable
from logging import DEBUG
from typing import Any, Protocol

from sockio.engine.http.request import Request
from sockio.engine.session import EngineSession
from sockio.errors import ProtocolError
from sockio.protocol.engineio.wire import Wire, wire_of
from sockio.protocol.socketio import AutoDecoder, CheckedDecoder, Decoder, Parser
from sockio.protocol.socketio.json_parser import JsonDecoder
from sockio.protocol.socketio.msgpack_parser import MsgpackDecoder
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.failures import shown
from sockio.runtime.ids import new_sid
from sockio.runtime.log_fields import About, fields
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import (
    BAD_PACKET,
    NAMESPACE_UNKNOWN,
    NO_NAMESPACE,
    PROTOCOL_VIOLATED,
    Cause,
)
from sockio.socket.handshake import Handshake, time_text
from sockio.socket.one_socket.socket import Socket
from sockio.socket.options import ServerOptions
from sockio.socket.reasons import Reason
from sockio.types import SocketId

from .namespace import Namespace
from .twin_wire import twin_of
from .watched_parser import WatchedDecoder, WatchedParser, is_on

log = logs.get("client")

_CONNECTS = "sid=%s connects to namespace %r"

_CONNECT = PacketType.CONNECT
_EVENT = PacketType.EVENT
_CONNECT_ERROR = PacketType.CONNECT_ERROR
#: Decoders that return only packets that a client may send.
_STRICT = (JsonDecoder, MsgpackDecoder, AutoDecoder)


class Directory(Protocol):
    """What a connection asks of the namespaces."""

    @property
    def options(self) -> ServerOptions: ...
    @property
    def reactor(self) -> Reactor: ...
    def find(self, name: str, auth: Any) -> Namespace | None:
        """Return the namespace of that name, made if a parent accepts it; may block."""

    def find_now(self, name: str) -> Namespace | None:
        """Return the namespace of that name, or None, without calling user code."""

    def may_find(self) -> bool:
        """Whether ``find`` might find what ``find_now`` did not."""


class Connection:
    """What all sockets of one client share."""

    def __init__(
        self, directory: Directory, session: EngineSession, parser: Parser
    ) -> None:
        #: The Engine.IO session.
        self.conn = session
        #: Hands a wire and the packet in it to the session; never blocks.
        self.write: Callable[[Wire, Packet | None], None] = session.push
        #: Sockets, connected or connecting, by namespace; None while that is looked up.
        self.sockets: dict[str, Socket[Any] | None] = {}
        self._directory = directory
        self._meter = directory.reactor.meter
        #: Encodes packets in the format that this client reads.
        self.parser = parser
        #: Returns a wire in the format that this client reads.
        self.form_of: Callable[[Wire], Wire] = _as_it_is
        decoder = parser.decoder()
        strict = type(decoder) in _STRICT
        self._decoder: Decoder = decoder if strict else CheckedDecoder(decoder)
        #: Finds out which of two formats the client uses; None once it is known.
        self._auto = decoder if isinstance(decoder, AutoDecoder) else None
        self._watch()
        self._issued = directory.reactor.clock.time()
        #: Size of the messages of the packet that is not complete yet.
        self._size = 0
        #: Packets for namespaces that are being looked up, and their sizes.
        self._held: dict[str, list[tuple[Packet, int]]] | None = None
        #: Why the connection has ended, for sockets that are made later.
        self._ended: tuple[str, object] | None = None
        self._connect_timer: Timer | None = directory.reactor.deadline(
            directory.options.connect_timeout, self._on_nothing_joined
        )

    @property
    def request(self) -> Request:
        """The request that opened the connection."""
        # None only where the application has made it so.
        return self.conn.request  # type: ignore[return-value]

    def socket_id(self, namespace: str) -> SocketId:
        """Return the id for the client's socket in ``namespace``."""
        return new_sid()

    def label(self, sid: SocketId) -> str:
        """Return the id of a socket for logs above DEBUG: it is no secret."""
        return sid

    def encode(self, packet: Packet, compress: bool = True) -> Wire:
        """Encode a packet for this client."""
        return wire_of(self.parser.encode(packet), compress)

    # ------------------------------------------------------------------ incoming

    def on_message(self, data: str | bytes) -> None:
        """A message of the session arrived; called in the hub or a POST's greenlet."""
        try:
            packet = self._decoder.feed(data)
        except ProtocolError as exc:
            self._on_unreadable(exc)
            return
        except Exception as exc:
            # A boundary: a parser may be user code; its failure ends this client only.
            extra = fields(**self._known())
            log.error("the parser failed", exc_info=shown(exc), extra=extra)
            self._on_unreadable(ProtocolError("the parser failed"))
            return
        self._size += len(data)
        if packet is not None:
            size, self._size = self._size, 0
            if self._meter is not None:
                self._meter.came(size)
            if self.conn.watch is not None:
                self.conn.watch.on_decoded(self.conn, packet, size)
            kind, nsp, _, _ = packet
            socket = self.sockets.get(nsp)
            if socket is None or kind is _CONNECT or kind is _CONNECT_ERROR:
                self._on_other(packet, size)
            else:
                incoming = socket.incoming
                incoming.on_packet(packet, size)

    def _on_unreadable(self, error: ProtocolError) -> None:
        self._tell(f"bad packet: {error.reason}", BAD_PACKET)
        for socket in list(self.sockets.values()):
            if socket is not None:
                socket.report_error_soon(error)
        self._close(Reason.FORCED_CLOSE)

    def _tell(self, what: str, cause: Cause) -> None:
        """Log that the client is turned away."""
        level = cause.level_now(log, self._directory.reactor.repeats)
        if log.isEnabledFor(level):
            sid = self.conn.id
            if level > DEBUG:  # it is a secret
                sid = f"{sid[:4]}..."
            extra = cause.fields(**self._known())
            log.log(level, "sid=%s %s; %s", sid, what, cause, extra=extra)

    def _known(self) -> About:
        conn = self.conn
        address = conn.remote_address or None
        return {"transport": conn.transport_name, "address": address}

    def _on_other(self, packet: Packet, size: int) -> None:
        """Handle a CONNECT, or a packet for which there is no socket."""
        name = packet.nsp
        if packet.type is PacketType.CONNECT_ERROR:
            self._violated(f"CONNECT_ERROR from a client, for {name!r}")
        elif packet.type is not PacketType.CONNECT and name in (self._held or ()):
            self.conn.intake.add(size)
            self._held_for(name).append((packet, size))
        elif packet.type is not PacketType.CONNECT:
            self._violated(f"packet for a namespace that was not joined: {name!r}")
        elif name in self.sockets:
            self._violated(f"second CONNECT for namespace {name!r}")
        else:
            self._connect(name, packet.data)

    def _violated(self, what: str) -> None:
        self._tell(f"broke the protocol: {what}", PROTOCOL_VIOLATED)
        self.close()

    def _connect(self, name: str, auth: Any) -> None:
        if log.isEnabledFor(DEBUG):
            about = self._known()
            about["session"], about["namespace"] = self.conn.id, name
            extra = fields(**about)
            log.debug(_CONNECTS, self.conn.id, name, extra=extra)
        if self._auto is not None:
            self._settle(self._auto)
        if auth is None:
            auth = {}
        namespace = self._directory.find_now(name)
        if namespace is not None:
            socket = namespace.connect(self, auth)
            if self._ended is None:
                self.sockets[name] = socket
            else:  # the connection has ended
                socket.close(*self._ended)
        elif self._directory.may_find():
            self.sockets[name] = None
            self._held_for(name)
            self.conn.intake.add(0)
            self._directory.reactor.workers.spawn(self._look_up, name, auth)
        else:
            self._unknown(name)

    def _settle(self, auto: AutoDecoder) -> None:
        """Use the format that the client uses."""
        self._auto = None
        self.parser, self._decoder = auto.settle()
        if isinstance(self._decoder, MsgpackDecoder):
            push = self.write
            self.form_of = twin_of
            self.write = lambda wire, packet: push(twin_of(wire), packet)
        self._watch()

    def _watch(self) -> None:
        """Log the client's packets, if debug lines are on."""
        if is_on():
            self.parser = WatchedParser(self.parser, self.conn.id)
            self._decoder = WatchedDecoder(self._decoder, self.conn.id)

    def _held_for(self, name: str) -> list[tuple[Packet, int]]:
        if self._held is None:
            self._held = {}
        return self._held.setdefault(name, [])

    def _look_up(self, name: str, auth: Any) -> None:
        try:
            namespace = self._directory.find(name, auth)
        finally:
            held = self._take_held(name)
            self.conn.intake.remove(0)
        if self._ended is None:
            self.sockets.pop(name, None)
            if namespace is None:
                self._unknown(name)
                return
        elif namespace is None or not any(packet.type is _EVENT for packet, _ in held):
            return
        socket = namespace.connect(self, auth)
        if self._ended is None:
            self.sockets[name] = socket
        for packet, size in held:
            if socket.gone:
                self._violated("packet for a namespace that was left")
                break
            socket.incoming.on_packet(packet, size)
        if self._ended is not None:
            socket.close(*self._ended)

    def _take_held(self, name: str) -> list[tuple[Packet, int]]:
        held = self._held.pop(name, []) if self._held is not None else []
        for _, size in held:
            self.conn.intake.remove(size)
        return held

    def _unknown(self, name: str) -> None:
        self._tell(f"unknown namespace {name!r}", NAMESPACE_UNKNOWN)
        payload = {"message": "Invalid namespace"}
        packet = Packet(PacketType.CONNECT_ERROR, name, payload)
        self.write(self.encode(packet), packet)

    def handshake(self, auth: Any) -> Handshake:
        """Return what the server learned when the client connected, and ``auth``."""
        request = self.conn.request
        return Handshake(
            headers=request.headers if request is not None else {},
            time=time_text(self._issued),
            address=self.conn.remote_address,
            xdomain=request is not None and request.header("origin") is not None,
            secure=request is not None and request.secure,
            issued=round(self._issued * 1000),
            url=request.url if request is not None else "",
            query=request.query if request is not None else {},
            auth=auth,
        )

    # ------------------------------------------------------------------ sockets

    def joined(self, socket: Socket[Any]) -> None:
        """Note that a socket was let in: the client is not idle."""
        self._stop_timer()

    def forget(self, socket: Socket[Any]) -> None:
        """Forget a socket that has gone."""
        if self.sockets.get(socket.nsp.name) is socket:
            del self.sockets[socket.nsp.name]

    def disconnect(self) -> None:
        """Disconnect every socket of this client, then close the connection."""
        for name, socket in list(self.sockets.items()):
            if socket is not None:
                socket.disconnect()
            elif self._held is not None:
                self._take_held(name)
        self.close()

    # ------------------------------------------------------------------ the end

    def _on_nothing_joined(self) -> None:
        self._connect_timer = None
        self._tell("joined no namespace in time", NO_NAMESPACE)
        self.close()

    def _stop_timer(self) -> None:
        if self._connect_timer is not None:
            self._connect_timer.cancel()
            self._connect_timer = None

    def close(self) -> None:
        """Close the connection; end the sockets now if the session closes later."""
        self._close(Reason.FORCED_SERVER_CLOSE)

    def _close(self, later: Reason) -> None:
        """Close the connection; end the sockets.

        Args:
            later: The reason for them if the session closes later.
        """
        if self.conn.ready_state == "open":
            self.conn.close()
            self._end(later, None)

    def lose(self) -> None:
        """The client has come back over another connection: this one is dead."""
        self.conn.lose(Reason.TRANSPORT_CLOSE)

    def end(self, reason: str) -> None:
        """Disconnect every socket for ``reason``, then close the connection."""
        self._end(reason, None)
        self.conn.close()

    def on_close(self, reason: str, description: object) -> None:
        """The session has ended."""
        self._end(reason, description)

    def _end(self, reason: str, description: object) -> None:
        self._stop_timer()
        if self._ended is None:
            self._ended = (reason, description)
        for socket in list(self.sockets.values()):
            if socket is not None:
                socket.close(reason, description)
        self.sockets.clear()


def _as_it_is(wire: Wire) -> Wire:
    return wire

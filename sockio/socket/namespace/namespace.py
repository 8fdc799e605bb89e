"""Namespace: its middlewares, its sockets, its adapter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from logging import DEBUG
from typing import Any, TypeAlias, TypeVar

from sockio.adapters.adapter import Adapter, AdapterFactory, Reply
from sockio.adapters.addressing import BroadcastOptions, Flags
from sockio.engine.intake import Intake
from sockio.errors import ConnectError, EncodeError
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio import AutoParser, Parser
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.clock import Clock
from sockio.runtime.failures import shown, who
from sockio.runtime.listeners import Listener, Listeners
from sockio.runtime.observers import Observers
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import NAMESPACE_FAILED, NAMESPACE_REFUSED, Cause
from sockio.runtime.repeats import Repeats
from sockio.runtime.workers import FAILURES
from sockio.socket import middleware
from sockio.socket.emit_arguments import SERVER_EVENTS
from sockio.socket.error_handlers import ErrorHandlers, Fallible
from sockio.socket.many_sockets.addressing import Targets
from sockio.socket.many_sockets.broadcast import BroadcastOperator
from sockio.socket.one_socket.home import Link
from sockio.socket.one_socket.socket import Socket
from sockio.socket.options import ServerOptions
from sockio.socket.reasons import REFUSED
from sockio.types import SocketId

from .admission import Admission, PlainAdmission
from .carriage import Carriage
from .misplaced import Misplaced
from .recovery import RecoveringAdmission
from .server_events import ServerSide, tell_listeners
from .twin_wire import TwinWire

log = logs.get("namespace")

_FAILED = "namespace %r: a middleware failed: %s"
_REFUSED = "sid=%s refused by namespace %r: %r; %s"

#: A middleware: raises, or returns False, to refuse the socket.
Guard: TypeAlias = Callable[[Socket[Any]], object]
G = TypeVar("G", bound=Guard)


class Namespace(Fallible, ServerSide, Targets):
    """A communication channel of its own over the same connections.

    Events: ``connect(socket)``, ``connection(socket)``, and those that other servers
    send with ``server_side_emit``; on ``/`` also ``new_namespace(namespace)``
    and ``adapter_gap(gap)``.
    """

    def __init__(
        self,
        name: str,
        *,
        options: ServerOptions,
        reactor: Reactor,
        parser: Parser,
        make_adapter: AdapterFactory,
        misplaced: Misplaced,
        errors: ErrorHandlers,
    ) -> None:
        self._listeners = Listeners()
        self._misplaced = misplaced
        self.name = name
        self.options = options
        self.reactor = reactor
        #: Connected sockets by id.
        self._sockets: dict[SocketId, Socket[Any]] = {}
        self._parser = parser
        self.carriage = Carriage(parser)  # of what ``encode`` returns
        self._guards: list[Guard] = []
        self.errors = errors.below()
        self._ack_ids = itertools.count()  # any thread may take the next one
        #: Called when a socket has left or was refused.
        self.on_removed: Callable[[Namespace], object] = _nothing
        self._connecting: set[Socket[Any]] = set()
        #: Sockets that have gone, while their last events are being handled.
        self._leaving: set[Socket[Any]] = set()
        recovery = options.connection_state_recovery
        #: Seconds for which the adapter keeps sessions and events; None: not at all.
        self.recovery_duration = (
            None if recovery is None else recovery.max_disconnection_duration
        )
        #: Whether it tells another server beforehand what it keeps.
        self.recovery_mirrored = recovery is not None and recovery.mirror
        self._admission: Admission = (
            PlainAdmission()
            if recovery is None
            else RecoveringAdmission(self, recovery)
        )
        self.adapter: Adapter = make_adapter(self)

    @property
    def sockets(self) -> Mapping[SocketId, Socket[Any]]:
        """The connected sockets of this server by id; the caller must not change it."""
        return self._sockets

    @property
    def empty(self) -> bool:
        """Whether no socket is connected or connecting, or has events left."""
        return not (self._sockets or self._connecting or self._leaving)

    def use(self, fn: G) -> G:
        """Run ``fn(socket)`` for each client that connects; raise to refuse it.

        The client gets the message and data of a ``ConnectError(message, data)``.
        Returning False refuses it too.
        """
        middleware.check(fn, 1, "the socket")
        self._guards.append(fn)
        return fn

    @property
    def guards(self) -> list[Guard]:
        """The middlewares, in order."""
        return self._guards

    def swap_adapter(self, make_adapter: AdapterFactory) -> None:
        """Use another adapter; the sockets stay in the rooms they are in."""
        old = self.adapter
        new = make_adapter(self)
        for sid in self._sockets:
            new.add_all(sid, old.socket_rooms(sid) or ())
        old.close()
        self.adapter = new
        if self.reactor.started:
            new.init()
        self._admission.watch_all()

    # ------------------------------------------------------------------ for floors

    @property
    def clock(self) -> Clock:
        """The clock, for the adapter."""
        return self.reactor.clock

    @property
    def observers(self) -> Observers:
        """The observers of the server."""
        return self.reactor.observers

    @property
    def repeats(self) -> Repeats:
        """Counts the lines that clients cause again and again."""
        return self.reactor.repeats

    def next_ack_id(self) -> int:
        """Return a number under which no packet of this namespace waits for answers."""
        return next(self._ack_ids)

    def encode(self, packet: Packet, flags: Flags) -> Wire:
        """Encode ``packet`` once for all its receivers."""
        parser = self._parser
        if isinstance(parser, AutoParser):
            return TwinWire(parser, packet, compress=flags.compress)
        return Wire(parser.encode(packet), compress=flags.compress)

    def let_go(self, pid: str) -> None:
        """End the connection of a client that has come back to another server."""
        self._admission.let_go(pid)

    def announce(self, sid: SocketId, fire: Callable[[], None]) -> None:
        """Run the listeners of a room event in a greenlet that may run user code."""
        socket = self._sockets.get(sid)
        if socket is not None and self.reactor.in_hub:
            socket.incoming.run(fire)
        elif self.reactor.in_hub:
            self.reactor.workers.spawn(fire)
        else:
            fire()

    def serve(
        self,
        event: str,
        args: Sequence[Any],
        reply: Reply | None,
        trail: Mapping[str, str] | None = None,
    ) -> None:
        """Call the listeners of ``event``, which another server has emitted.

        Args:
            event: Its name.
            args: Its arguments.
            reply: Called with the first answer of a listener; None: none is wanted.
            trail: What the other server was doing; None: that is not known.
        """
        if event in SERVER_EVENTS:
            log.debug("namespace=%r another server sent %r: ignored", self.name, event)
            return
        self.reactor.workers.spawn(self._serve, event, args, reply, trail)

    def _serve(
        self,
        event: str,
        args: Sequence[Any],
        reply: Reply | None,
        trail: Mapping[str, str] | None,
    ) -> None:
        self.reactor.around.follow(trail)
        about = self._listeners, event, args, reply
        tell_listeners(*about, self._call_listener, self._failed)

    def _call_listener(
        self, listener: Listener, args: tuple[Any, ...], by_name: Mapping[str, object]
    ) -> Any:
        around = self.reactor.around
        if not around.makers:
            return super()._call_listener(listener, args, by_name)
        connecting = listener.event in ("connect", "connection")
        return around.call(
            "connection" if connecting else "event",
            listener.fn,
            args,
            by_name,
            socket=args[0] if connecting and args else None,
            namespace=self.name,
            event=listener.event,
        )

    def _about(self, event: str, args: tuple[Any, ...]) -> dict[str, Any]:
        connecting = event in ("connect", "connection")
        return {"socket": args[0] if connecting else None, "namespace": self.name}

    def _operator(self) -> BroadcastOperator:
        return BroadcastOperator(self, BroadcastOptions())

    def _to_servers(self) -> Adapter:
        return self.adapter

    # ------------------------------------------------------------------ connecting

    def connect(self, link: Link, auth: Any) -> Socket[Any]:
        """Make the socket of a client; the first job in its inbox admits it, or not."""
        sid = link.socket_id(self.name)
        socket = self._admission.socket_class(sid, self, link, auth)
        self._connecting.add(socket)
        intake = link.conn.intake
        intake.add(0)
        socket.incoming.run(lambda: self._admit(socket, intake))
        return socket

    def _admit(self, socket: Any, intake: Intake) -> None:
        admitted = None
        try:
            self.adapter.settle()
            admitted = socket.wanted and self._admission.admit(socket, self._passes)
        finally:
            if admitted is None:  # it failed, and nothing was decided
                socket.close(REFUSED)
            intake.remove(0)
        if admitted:
            socket.announced = True
            if not socket.gone:
                self._enter(socket)
            self._admission.wait_for_former(socket)
            self._introduce(socket)
        elif socket.gone:
            socket.incoming.turn_deaf()

    def _enter(self, socket: Any) -> None:
        self._connecting.discard(socket)
        self._sockets[socket.id] = socket
        socket.connected = True
        self.adapter.add_all(socket.id, (socket.id,))
        self._admission.welcome(socket)
        socket.client.joined(socket)
        if log.isEnabledFor(DEBUG):
            extra = socket.outgoing.about()
            log.debug("sid=%s joined namespace %r", socket.id, self.name, extra=extra)
        self.reactor.observers.tell("socket_connected", socket)

    def _introduce(self, socket: Socket[Any]) -> None:
        """Call the connection handlers; disconnect the client if one of them fails.

        Otherwise listeners that the client needs could be missing, without its knowing.
        """
        keep = self.options.error_in_connection == "keep"
        for event in ("connect", "connection"):
            for listener in self._listeners.get(event):
                if not self._tell(listener, (socket,)) and not keep:
                    socket.disconnect()
                    return

    def _ask_guards(self, socket: Socket[Any]) -> bool:
        return middleware.run(
            self._guards,
            (socket,),
            self.reactor.around,
            "middleware",
            socket=socket,
            namespace=self.name,
        )

    def _passes(self, socket: Socket[Any]) -> bool:
        """Ask the middlewares; refuse the socket if one of them does."""
        try:
            if self._guards and not self._ask_guards(socket):
                self._refuse(socket, "Connection refused", None)
        except ConnectError as exc:
            self._refuse(socket, exc.message, exc.data)
        except FAILURES as exc:
            # A boundary: a middleware is user code; the client gets no details.
            culprit, trace = who(self._ask_guards, exc), shown(exc)
            extra = socket.outgoing.about()
            log.error(_FAILED, self.name, culprit, exc_info=trace, extra=extra)
            self._refuse(socket, "Internal server error", None, NAMESPACE_FAILED)
        else:
            return socket.wanted
        return False

    def _refuse(
        self,
        socket: Socket[Any],
        message: str,
        data: Any,
        cause: Cause = NAMESPACE_REFUSED,
    ) -> None:
        level = cause.level_now(log, self.reactor.repeats)
        if log.isEnabledFor(level):
            sid, extra = socket.outgoing.label, cause.fields() | socket.outgoing.about()
            log.log(level, _REFUSED, sid, self.name, message, cause, extra=extra)
        if socket.gone:
            return
        payload = {"message": message}
        packet = Packet(PacketType.CONNECT_ERROR, self.name, payload)
        try:
            if data is not None:
                payload["data"] = data
            socket.outgoing.send_packet(packet)
        except EncodeError:
            log.exception("namespace %r: the data of a refusal is left out", self.name)
            del payload["data"]
            socket.outgoing.send_packet(packet)
        self.observers.tell("socket_refused", socket, message)
        socket.close(REFUSED)

    def unheard(self, event: str) -> None:
        """An event of a client found no listener on its socket."""
        self._misplaced.check(event, self._listeners, self.name)

    def remove(self, socket: Socket[Any]) -> None:
        """Remove a socket that has gone or was not let in."""
        self._connecting.discard(socket)
        for event in ("disconnecting", "disconnect"):
            if not socket.listener_count(event):
                self._misplaced.check(event, self._listeners, self.name)
        self._admission.forget(socket)
        # A recovered socket has the same id as its former socket.
        if self._sockets.get(socket.id, socket) is socket:
            self._sockets.pop(socket.id, None)
            self.adapter.del_all(socket.id)
        self._leaving.add(socket)

    def on_left(self, socket: Socket[Any]) -> None:
        """The last handler of a socket that has gone has returned."""
        self._leaving.discard(socket)
        self._admission.on_left(socket)
        self.on_removed(self)

    # ------------------------------------------------------------------ the end

    def close(self, reason: str) -> None:
        """Close every socket as ``close_sockets`` does, then close the adapter."""
        self.close_sockets(reason)
        self.adapter.close()

    def close_sockets(self, reason: str) -> None:
        """Close every socket without notifying its client."""
        for socket in (*self._sockets.values(), *self._connecting):
            socket.close(reason)


def _nothing(_: object) -> None:
    """Do nothing when a socket is removed."""

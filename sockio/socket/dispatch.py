"""Dispatch: from an event packet to the listeners, and back with the acknowledgement.

What is said of greenlets here: ``on_packet`` runs in the hub, everything else in the
greenlet of the socket's inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from logging import DEBUG, WARNING
from typing import Any

from sockio.engine.intake import Intake
from sockio.errors import Disconnected, EventRejected
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.deferred import SIMPLE, done
from sockio.runtime.event_names import event_name
from sockio.runtime.listeners import EventEmitter, Listener, Listeners
from sockio.runtime.reactor import Reactor
from sockio.runtime.signature import advise_ack, arguments
from sockio.runtime.workers import FAILURES
from sockio.types import SocketId

from . import middleware
from .acks import PendingAcks
from .inbox import Inbox, Queued
from .options import ServerOptions
from .reasons import Reason
from .waiting import Waiting

log = logs.get("socket.dispatch")

_EVENT = PacketType.EVENT
_ACK = PacketType.ACK
#: Makes a packet without the detour over its class's Python-level constructor.
_new = tuple.__new__


class Receiving(EventEmitter):
    """The half of a socket that takes packets."""

    def __init__(
        self,
        sid: SocketId,
        namespace: str,
        reactor: Reactor,
        options: ServerOptions,
        intake: Intake,
    ) -> None:
        self._listeners = Listeners()
        #: Name of the namespace.
        self._namespace = namespace
        #: Public id: 20 characters, its own for each namespace.
        self.id = sid
        self.connected = False
        self.reactor = reactor
        self._around = reactor.around
        #: The options of the server.
        self.options = options
        #: What sees events before they are dispatched, and may reject them.
        self.guards: Sequence[Callable[..., object]] = ()
        #: Catch-all listeners: called with every event, incoming and outgoing.
        self._any: tuple[Callable[..., Any], ...] = ()
        self._any_outgoing: tuple[Callable[..., Any], ...] = ()
        #: Counts what waits for handlers, of all sockets of the client.
        self._intake = intake
        told = log.isEnabledFor(DEBUG)
        handle = self._handle_told if told else self._handle
        self._inbox = Inbox(reactor.mailbox(handle), intake)
        #: No event is handled any more: the server has disconnected the client.
        self._deaf = False
        self._pending: PendingAcks | None = None
        self._waiting: Waiting | None = None

    def send_ack(self, packet: Packet) -> None:
        """Send an acknowledgement; dropped when the socket has gone."""
        raise NotImplementedError

    def close(self, reason: str, description: object = None) -> None:
        """End without a word to the client."""
        raise NotImplementedError

    def on_unheard(self, event: str) -> None:
        """An event found no listener."""
        raise NotImplementedError

    # ------------------------------------------------------------------ in the hub

    def on_packet(self, packet: Packet, size: int) -> None:
        """A packet of this socket arrived, in a message of ``size``."""
        kind = packet[0]
        if kind is _EVENT:
            if self._waiting is None or not self._waiting.offer(packet, size):
                self._inbox.put_event(packet, size)
        elif kind is _ACK:
            pending = self._pending
            id = packet.id
            if id is None or pending is None or not pending.resolve(id, packet.data):
                log.debug("sid=%s nobody waits for ack %r", self.id, id)
        elif kind is PacketType.DISCONNECT:
            self.close(Reason.CLIENT_NAMESPACE_DISCONNECT)

    def run(self, job: Callable[[], object]) -> None:
        """Run ``job`` behind the events that came before it."""
        self._inbox.put(job)

    # ------------------------------------------------------------------ in the inbox

    def _handle(self, item: Packet | Queued | Callable[[], object]) -> None:
        if type(item) is Packet:
            self._dispatch(item)
        elif type(item) is Queued:
            self._dispatch(self._inbox.counted(item))
        else:
            item()  # type: ignore[operator]

    def _handle_told(self, item: Packet | Queued | Callable[[], object]) -> None:
        """Handle an item, and tell about it; for when debug lines are on."""
        packet = item.packet if isinstance(item, Queued) else item
        if not isinstance(packet, Packet) or not packet.data:
            self._handle(item)
            return
        name = packet.data[0]
        count = len(self._listeners.get(name)) if type(name) is str else 0
        log.debug("sid=%s event %r, its listeners: %d", self.id, name, count)
        if not count:
            log.debug("sid=%s event %r has no listener on this socket", self.id, name)
        began = self.reactor.clock.now()
        self._handle(item)
        took = (self.reactor.clock.now() - began) * 1000
        log.debug("sid=%s event %r handled in %.1f ms", self.id, name, took)

    def _dispatch(self, packet: Packet) -> None:
        """Handle one event: catch-all listeners, guards, then its own listeners."""
        _, nsp, data, id = packet
        ack = None
        if self._any or self.guards:
            args = self._let_in(packet)
            if args is None or not data:
                return
            if id is not None:
                ack = args[-1]
                args = args[:-1]
        elif data:
            if id is not None:
                ack = AckReply(self, nsp, id)
            args = data[1:]
        else:
            return
        name = data[0]
        if type(name) is not str:
            name = event_name(name)
        count = len(args)
        listeners = self._listeners.get(name)
        if not listeners:
            self.on_unheard(name)
        for listener in listeners:
            if listener.once and not self._listeners.take_once(listener):
                continue
            if listener.min_args <= count <= listener.most_args:
                fitting = args
            elif self.options.strict_args:
                self._reject(self._misfit(name, count, listener), ack)
                continue
            else:
                fitting = listener.fit(tuple(args))
            if listener.concurrent:
                self._intake.add(0)
                self.reactor.workers.spawn(self._call_beside, listener, fitting, ack)
            else:
                self._call(listener, fitting, ack)

    def _let_in(self, packet: Packet) -> tuple[Any, ...] | None:
        """Show an event to catch-all listeners and guards.

        Returns the arguments for whoever gets the event, the ack function last where
        the client asked for one; None where a guard rejected it.
        """
        data = packet.data
        ack = None if packet.id is None else AckReply(self, packet.nsp, packet.id)
        shown = data if ack is None else [*data, ack]
        for fn in self._any:
            try:
                self._surround(data[0] if data else None, fn, tuple(shown), {})
            except FAILURES:
                # A boundary: a listener is user code and ends nothing but itself.
                log.exception("sid=%s a catch-all listener failed", self.id)
        if self.guards and data:
            try:
                if not self._passes(data[0], data[1:]):
                    raise EventRejected("rejected")
            except FAILURES as exc:
                # A boundary: a guard is user code; whatever it raises rejects.
                log.debug("sid=%s a guard rejected %r: %r", self.id, data[0], exc)
                self._reject(exc, ack)
                return None
            if self._deaf:
                return None
        return tuple(shown[1:])

    def _passes(self, event: str, args: list[Any]) -> bool:
        return middleware.run(
            self.guards,
            (event, args),
            self._around,
            "guard",
            socket=self,
            namespace=self._namespace,
            event=event,
        )

    def _misfit(self, name: str, count: int, listener: Listener) -> EventRejected:
        error = EventRejected(
            f"event {name!r} came with {arguments(count)}, but {listener.describe()}"
            + advise_ack(listener.fn, count)
        )
        # Once each: a client must not be able to fill the log.
        level = DEBUG if listener.complained else WARNING
        listener.complained = True
        log.log(level, "sid=%s %s", self.id, error)
        return error

    def _call(self, listener: Listener, args: Any, ack: AckReply | None) -> None:
        try:
            if self._around.makers:
                self._call_within(listener, args, ack)
            elif listener.wants_ack:
                result = listener.fn(*args, ack=ack)
                if type(result) not in SIMPLE:
                    done(listener.fn, result)
            else:
                result = listener.fn(*args)
                if type(result) not in SIMPLE:
                    done(listener.fn, result)
                if ack is not None:
                    ack.returned(result)
        except Disconnected as exc:
            # It waited for a client that went away: nobody's mistake.
            log.debug("sid=%s listener %r ended: %s", self.id, listener.fn, exc)
            self._reject(exc, ack)
        except FAILURES as exc:
            # A boundary: a listener is user code; its failure ends only itself.
            log.exception("sid=%s listener %r failed", self.id, listener.fn)
            self._reject(exc, ack)

    def _call_within(self, listener: Listener, args: Any, ack: AckReply | None) -> None:
        if listener.wants_ack:
            self._surround(listener.event, listener.fn, tuple(args), {"ack": ack})
            return
        result = self._surround(listener.event, listener.fn, tuple(args), {})
        if ack is not None:
            ack.returned(result)

    def _surround(
        self,
        event: str | None,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        by_name: dict[str, Any],
    ) -> Any:
        """Call ``fn`` within what surrounds the handlers of events."""
        return self._around.call(
            "event",
            fn,
            args,
            by_name,
            socket=self,
            namespace=self._namespace,
            event=event,
        )

    def _call_beside(self, listener: Listener, args: Any, ack: AckReply | None) -> None:
        """Call a listener beside the other events; it counts until it has returned."""
        try:
            self._call(listener, args, ack)
        finally:
            self._intake.remove(0)

    def _reject(self, error: BaseException, ack: AckReply | None) -> None:
        self.report_error(error)
        if ack is not None and self.options.error_acks:
            ack({"error": {"message": str(error)}})

    def report_error(self, error: BaseException) -> None:
        """Tell the ``error`` listeners, in this greenlet."""
        self._fire("error", error)


class AckReply:
    """The ack function of one incoming event; only its first call sends."""

    __slots__ = ("_id", "_nsp", "_socket")

    def __init__(self, socket: Receiving, nsp: str, id: int) -> None:
        self._socket: Receiving | None = socket
        self._nsp = nsp
        self._id = id

    def __call__(self, *args: Any) -> None:
        """Acknowledge with ``args``: what JSON can carry, and bytes."""
        self._send(list(args))

    def returned(self, result: Any) -> None:
        """Acknowledge with what a listener returned: a tuple is several arguments."""
        if result is None:
            self._send([])
        elif type(result) is tuple:
            self._send(list(result))
        else:
            self._send([result])

    def _send(self, args: list[Any]) -> None:
        socket = self._socket
        if socket is not None:
            socket.send_ack(_new(Packet, (_ACK, self._nsp, args, self._id)))
            self._socket = None

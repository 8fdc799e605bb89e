"""Outgoing: the way out of one socket; every packet to its client passes here.

Events are encoded when they are emitted, and handed to the session, which never blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from logging import DEBUG
from typing import Any

from sockio.adapters.addressing import Flags
from sockio.protocol.engineio.wire import Wire, wire_of
from sockio.protocol.socketio.packet import RESERVED_EVENTS, Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.failures import shown, who
from sockio.runtime.log_fields import fields
from sockio.runtime.workers import FAILURES, native_thread
from sockio.socket.emit_arguments import event_name, take_ack
from sockio.socket.events import Event
from sockio.types import SocketId

from .acks import PendingAcks
from .home import Home, Link, Owner
from .operator import PLAIN

log = logs.get("socket")

_EVENT = PacketType.EVENT
_ACK = PacketType.ACK
_CATCH_ALL_FAILED = "sid=%s the outgoing catch-all listener %s failed"
_DROPPED = "sid=%s is not ready: a volatile event is dropped"
_CALLBACK_FAILED = "sid=%s the callback of %r failed: %s"
#: Makes a packet without the detour over its class's Python-level constructor.
_new = tuple.__new__


class Outgoing:
    """What a socket sends, and the answers that it waits for."""

    __slots__ = (
        "_client",
        "_encode",
        "_home",
        "_owner",
        "_pending",
        "_thread",
        "_write",
        "catch_all",
        "closed",
        "sid",
    )

    def __init__(self, sid: SocketId, owner: Owner, home: Home, client: Link) -> None:
        #: Public id of the socket.
        self.sid = sid
        #: The socket; None once its last handler has returned.
        self._owner: Owner | None = owner
        self._home = home
        self._client = client
        self._write = client.write
        self._encode = client.parser.encode
        self._thread = home.reactor.workers.thread
        #: Why the socket has gone; None while it has not.
        self.closed: str | None = None
        #: Catch-all listeners: called with every event that is sent.
        self.catch_all: tuple[Callable[..., Any], ...] = ()
        self._pending: PendingAcks | None = None

    @property
    def label(self) -> str:
        """The id for logs above DEBUG: it tells no secret."""
        return self._client.label(self.sid)

    def about(self, event: object = None) -> dict[str, object]:
        """Return what a line of the log about this socket says beside its text."""
        session = self._client.conn
        return fields(
            sid=self.label,
            namespace=self._home.name,
            event=event,
            transport=session.transport_name,
            address=session.remote_address or None,
        )

    # ------------------------------------------------------------------ events

    def emit_with(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        ack: Callable[..., object] | None,
        flags: Flags,
    ) -> None:
        """Send an event as ``flags`` say; ``ack`` is called with the answer.

        Raises:
            EncodeError: An argument cannot travel; nothing was sent.
            ReservedEventError: The name is one of the library's own.
        """
        if type(event) is not str or event in RESERVED_EVENTS:
            event = event_name(event)
        ack_id = None
        if ack is not None or (args and callable(args[-1])):
            args, ack = take_ack(args, ack)
            if ack is not None:
                ack = self._home.reactor.around.later(ack)
            ack_id = self._home.next_ack_id()
        packet = _new(Packet, (_EVENT, self._home.name, [event, *args], ack_id))
        wire = wire_of(self._encode(packet), flags.compress)
        # The same as ``reactor.in_order``, without the call: each event comes here.
        if native_thread() != self._thread:
            workers = self._home.reactor.workers
            workers.call_in_hub(self._send_event, wire, packet, flags, ack)
        elif ack is not None or flags is not PLAIN or self.catch_all:
            self._send_event(wire, packet, flags, ack)
        elif self.closed is None:
            self._write(wire, packet)
        else:
            self._tell_gone(event)

    def _send_event(
        self,
        wire: Wire,
        packet: Packet,
        flags: Flags,
        ack: Callable[..., object] | None,
    ) -> None:
        if ack is not None:
            assert packet.id is not None
            self._acks.add_callback(packet.id, ack, flags.timeout, packet.data[0])
        self.deliver(wire, packet, flags.volatile)

    def ask(
        self, event: str | Event[..., Any], args: tuple[Any, ...], flags: Flags
    ) -> list[Any]:
        """Send an event as ``flags`` say, wait for the answer and return it.

        Raises:
            AckTimeout: The ``timeout`` ran out.
            Disconnected: The socket went away first.

        Blocks:
            Until the answer comes or one of these happens.
        """
        self._home.reactor.may_block("emit_with_ack()")
        name = event_name(event)
        ack_id = self._home.next_ack_id()
        packet = Packet(_EVENT, self._home.name, [name, *args], ack_id)
        wire = self._client.encode(packet, flags.compress)
        self.deliver(wire, packet, flags.volatile)
        intake = self._client.conn.intake
        intake.begin_wait()
        try:
            return self._acks.wait(ack_id, flags.timeout, name)
        finally:
            intake.end_wait()

    def deliver(self, wire: Wire, packet: Packet, volatile: bool) -> None:
        """Call the catch-all listeners with ``packet``, then write ``wire``."""
        if self.closed is not None:
            self._tell_gone(packet.data[0])
            return
        if self.catch_all:
            self._before_sending(packet)
            if self.closed is not None:
                return
        if volatile and not self._client.conn.writable:
            if log.isEnabledFor(DEBUG):
                extra = self.about(packet.data[0])
                log.debug(_DROPPED, self.sid, extra=extra)
            self._home.reactor.observers.tell("packet_dropped", self._owner, packet)
            return
        self._write(wire, packet)

    def _tell_gone(self, event: object) -> None:
        if log.isEnabledFor(DEBUG):
            extra = self.about(event)
            log.debug("sid=%s has gone: %r is not sent", self.sid, event, extra=extra)

    def _before_sending(self, packet: Packet) -> None:
        owner = self._owner
        assert owner is not None  # it has not gone
        if self._home.reactor.in_hub:  # where no user code may run
            owner.incoming.run(lambda: self._tell_catch_all(owner, packet))
        else:
            self._tell_catch_all(owner, packet)

    def _tell_catch_all(self, owner: Owner, packet: Packet) -> None:
        for fn in self.catch_all:
            try:
                self._home.reactor.around.call(
                    "event",
                    fn,
                    tuple(packet.data),
                    socket=owner,
                    namespace=self._home.name,
                    event=packet.data[0],
                )
            except FAILURES as exc:
                # A boundary: a listener is user code; its failure ends only itself.
                left = self._ask_about(owner, exc, *packet.data)
                if left is not None:
                    sid, culprit = self.label, who(fn, left)
                    extra = self.about(packet.data[0])
                    trace = shown(left)
                    log.error(
                        _CATCH_ALL_FAILED, sid, culprit, exc_info=trace, extra=extra
                    )

    # ------------------------------------------------------------------ other packets

    def send_packet(self, packet: Packet) -> None:
        """Send a packet that is no event; drop it if the socket has gone."""
        if self.closed is None:
            self._hand_over(self._client.encode(packet), packet)

    def send_ack(self, packet: Packet) -> None:
        """Send an acknowledgement; drop it if the socket has gone."""
        if self.closed is None:
            self._hand_over(wire_of(self._encode(packet), True), packet)

    def _hand_over(self, wire: Wire, packet: Packet) -> None:
        if native_thread() != self._thread:
            self._home.reactor.workers.call_in_hub(self._write, wire, packet)
        else:
            self._write(wire, packet)

    # ------------------------------------------------------------------ answers

    @property
    def _acks(self) -> PendingAcks:
        if self._pending is None:
            reactor = self._home.reactor
            call = partial(self._call_back, self._owner)
            missing = partial(reactor.observers.tell, "answer_missing", self._owner)
            self._pending = PendingAcks(
                reactor.clock, reactor.workers.run, call, missing
            )
            if self.closed is not None:
                self._pending.close(self.closed)
        return self._pending

    def _call_back(
        self,
        owner: Owner | None,
        event: str | None,
        callback: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        around = self._home.reactor.around
        name = self._home.name
        try:
            around.call(
                "ack", callback, args, socket=owner, namespace=name, event=event
            )
        except FAILURES as exc:
            # A boundary: a callback is user code; its failure ends only itself.
            left = self._ask_about(owner, exc, event, *args)
            if left is not None:
                sid, culprit = self.label, who(callback, left)
                extra, trace = self.about(event), shown(left)
                log.error(
                    _CALLBACK_FAILED, sid, event, culprit, exc_info=trace, extra=extra
                )

    def _ask_about(
        self, owner: Owner | None, error: BaseException, event: Any, *args: Any
    ) -> BaseException | None:
        """Give an error to the error handlers; return the one that is left."""
        handlers = self._home.errors if owner is None else owner.errors
        name = self._home.name
        return handlers.handle(error, event, args, socket=owner, namespace=name)

    def on_answer(self, packet: Packet) -> None:
        """The client has answered an event; called in the hub."""
        pending = self._pending
        id = packet.id
        if id is not None and pending is not None and pending.resolve(id, packet.data):
            return
        if log.isEnabledFor(DEBUG):
            extra = self.about()
            log.debug("sid=%s nobody waits for ack %r", self.sid, id, extra=extra)

    def expect_ack(
        self,
        ack_id: int,
        answered: Callable[[list[Any]], None],
        lost: Callable[[], None],
    ) -> None:
        """Call ``answered(args)`` or ``lost()``, once; for adapters' broadcasts."""
        intake = self._client.conn.intake

        def came(args: list[Any]) -> None:
            intake.end_wait()
            answered(args)

        def went() -> None:
            intake.end_wait()
            lost()

        intake.begin_wait()
        self._acks.expect(ack_id, came, went)

    def cancel_ack(self, ack_id: int) -> bool:
        """Stop expecting the answer; False if it was not expected."""
        cancelled = self._acks.cancel(ack_id)
        if cancelled:
            self._client.conn.intake.end_wait()
        return cancelled

    @property
    def unanswered(self) -> int:
        """How many answers are awaited."""
        return 0 if self._pending is None else len(self._pending)

    # ------------------------------------------------------------------ the end

    def close(self, reason: str) -> None:
        """Stop sending, and end the waits for answers with Disconnected."""
        self.closed = reason
        if self._pending is not None:
            self._pending.close(reason)

    def let_go(self) -> None:
        """Drop what refers back to the socket: its last handler has returned."""
        self._owner = None
        self._pending = None
        self.catch_all = ()


class AckReply:
    """The ack function of one incoming event; only its first call sends."""

    __slots__ = ("_id", "_nsp", "_outgoing")

    def __init__(self, outgoing: Outgoing, nsp: str, id: int) -> None:
        self._outgoing: Outgoing | None = outgoing
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
        outgoing = self._outgoing
        if outgoing is not None:
            outgoing.send_ack(_new(Packet, (_ACK, self._nsp, args, self._id)))
            self._outgoing = None

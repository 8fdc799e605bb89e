"""Incoming: the way in of one socket, from a packet to the listeners.

``on_packet`` runs in the hub. Guards and listeners run in the greenlet of the socket's
inbox; concurrent listeners run beside it, and the guards of an awaited event in the
greenlet that waits. The answer leaves through ``AckReply``.
"""

from __future__ import annotations

from collections.abc import Callable
from logging import DEBUG
from typing import Any, TypeAlias

from sockio.engine.intake import Intake
from sockio.errors import Disconnected, EventRejected
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.deferred import SIMPLE, done
from sockio.runtime.event_names import event_name
from sockio.runtime.failures import name_of, shown, who
from sockio.runtime.listeners import Listener, Listeners
from sockio.runtime.meter import EventMeter
from sockio.runtime.refusals import EVENT_REJECTED
from sockio.runtime.signature import advise_ack, arguments
from sockio.runtime.workers import FAILURES
from sockio.socket.reasons import Reason

from .gate import Gate, refuse, reject
from .home import Home, Owner
from .inbox import Inbox, Queued
from .outgoing import AckReply, Outgoing
from .waiting import Waiting

log = logs.get("socket.dispatch")

_Owner: TypeAlias = "Owner | None"
_Ack: TypeAlias = "AckReply | None"
_Meter: TypeAlias = "EventMeter | None"

_NO_LISTENER = "sid=%s event %r has no listener on this socket"
_ENDED = "sid=%s listener %s ended: %s"
_EVENT = PacketType.EVENT
_ACK = PacketType.ACK


class Incoming:
    """What a socket receives, until its handlers get it."""

    __slots__ = (
        "_around",
        "_gate",
        "_home",
        "_inbox",
        "_intake",
        "_listeners",
        "_meter",
        "_outgoing",
        "_owner",
        "_waiting",
        "deaf",
    )

    def __init__(
        self,
        owner: Owner,
        home: Home,
        outgoing: Outgoing,
        listeners: Listeners,
        intake: Intake,
    ) -> None:
        """Make the way in of ``owner``.

        Args:
            owner: The socket.
            home: Its namespace.
            outgoing: Its way out, for acknowledgements.
            listeners: The listeners of the socket's events.
            intake: Counts what waits for handlers in all sockets of the client.
        """
        #: The socket; None once its last handler has returned.
        self._owner: Owner | None = owner
        self._home = home
        self._outgoing = outgoing
        self._listeners = listeners
        self._intake = intake
        self._around = home.reactor.around
        self._meter = home.reactor.meter
        #: What events pass before their listeners; None while there is nothing.
        self._gate: Gate | None = None
        told = log.isEnabledFor(DEBUG)
        handle = self._handle_told if told else self._handle
        self._inbox = Inbox(home.reactor.mailbox(handle), intake)
        #: Whether events are dropped: none is handled any more.
        self.deaf = False
        self._waiting: Waiting | None = None

    # ------------------------------------------------------------------ in the hub

    def on_packet(self, packet: Packet, size: int) -> None:
        """A packet of this socket arrived, in a message of ``size``."""
        kind = packet[0]
        if kind is _EVENT:
            if self._waiting is None or not self._waiting.offer(packet, size):
                self._inbox.put_event(packet, size)
        elif kind is _ACK:
            self._outgoing.on_answer(packet)
        elif kind is PacketType.DISCONNECT and self._owner is not None:
            self._owner.close(Reason.CLIENT_NAMESPACE_DISCONNECT)

    def run(self, job: Callable[[], object]) -> None:
        """Run ``job`` after the events that came before it."""
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
        """Handle an item and log it; used while debug lines are on."""
        packet = item.packet if isinstance(item, Queued) else item
        if not isinstance(packet, Packet) or not packet.data:
            self._handle(item)
            return
        sid = self._outgoing.sid
        name = packet.data[0]
        count = len(self._listeners.get(name)) if type(name) is str else 0
        extra = self._outgoing.about(name)
        log.debug("sid=%s event %r, its listeners: %d", sid, name, count, extra=extra)
        if not count:
            log.debug(_NO_LISTENER, sid, name, extra=extra)
        clock = self._home.reactor.clock
        began = clock.now()
        self._handle(item)
        took = (clock.now() - began) * 1000
        log.debug("sid=%s event %r handled in %.1f ms", sid, name, took, extra=extra)

    def _dispatch(self, packet: Packet) -> None:
        """Handle one event: catch-all listeners, guards, then its own listeners."""
        owner = self._owner
        _, nsp, data, id = packet
        ack = None
        if self._gate is not None:
            args = self._gate.let_in(packet)
            if args is None or not data:
                return
            if id is not None:
                ack = args[-1]
                args = args[:-1]
        elif data:
            if id is not None:
                ack = AckReply(self._outgoing, nsp, id)
            args = data[1:]
        else:
            return
        name = data[0]
        if type(name) is not str:
            name = event_name(name)
        count = len(args)
        listeners = self._listeners.get(name)
        if not listeners:
            self._home.unheard(name)
        meter = None if self._meter is None else self._meter.heard(name, listeners)
        for listener in listeners:
            if listener.once and not self._listeners.take_once(listener):
                continue
            if listener.min_args <= count <= listener.most_args:
                fitting = args
            elif self._home.options.strict_args:
                self._turn_away(owner, listener, _misfit(name, count, listener), ack)
                continue
            else:
                fitting = listener.fit(tuple(args))
            if listener.convert is not None:
                fitting = self._converted(owner, listener, fitting, ack)
                if fitting is None:
                    continue
            if listener.concurrent:
                self._intake.add(0)
                workers = self._home.reactor.workers
                workers.spawn(self._call_beside, owner, listener, fitting, ack, meter)
            else:
                self._call(owner, listener, fitting, ack, meter)

    def _converted(
        self, owner: Owner | None, listener: Listener, args: Any, ack: AckReply | None
    ) -> Any:
        """Return the arguments as the listener's types; None: the event is rejected."""
        try:
            return listener.convert(listener.event, args)  # type: ignore[misc]
        except EventRejected as exc:
            self._turn_away(owner, listener, exc, ack)
        except FAILURES as exc:
            # A boundary: the types are the application's, and their code may fail.
            self._fail(owner, listener, args, exc, ack)
        return None

    def _turn_away(
        self,
        owner: Owner | None,
        listener: Listener,
        error: EventRejected,
        ack: AckReply | None,
    ) -> None:
        """Reject an event whose arguments are not those of a listener."""
        reactor = self._home.reactor
        part = f"{listener.event} {name_of(listener.fn)}"
        level = EVENT_REJECTED.level_now(log, reactor.repeats, part)
        if log.isEnabledFor(level):
            extra = EVENT_REJECTED.fields() | self._outgoing.about(listener.event)
            log.log(level, "sid=%s %s", self._outgoing.label, error, extra=extra)
        tell = reactor.observers.tell
        tell("event_rejected", owner, listener.event, error)
        options = self._home.options
        answered = options.error_acks or options.validate
        reject(owner, error, ack, error_acks=answered)

    def _call(
        self, owner: _Owner, listener: Listener, args: Any, ack: _Ack, meter: _Meter
    ) -> None:
        began = 0.0 if meter is None else meter.now()
        try:
            if self._around.makers:
                self._call_within(owner, listener, args, ack)
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
            # The listener waited for a client that went away: nobody's mistake.
            if log.isEnabledFor(DEBUG):
                sid, extra = self._outgoing.sid, self._outgoing.about(listener.event)
                log.debug(_ENDED, sid, name_of(listener.fn), exc, extra=extra)
            self._reject(owner, exc, ack)
        except FAILURES as exc:
            # A boundary: a listener is user code; its failure ends only itself.
            self._fail(owner, listener, args, exc, ack)
        finally:
            if meter is not None:
                meter.took(meter.now() - began)

    def _fail(
        self,
        owner: Owner | None,
        listener: Listener,
        args: Any,
        error: BaseException,
        ack: AckReply | None,
    ) -> None:
        """Give the error of a listener to the error handlers, or log it."""
        if self._meter is not None:
            self._meter.events.get(listener.event, self._meter.other).failed += 1
        handlers = self._home.errors if owner is None else owner.errors
        left = handlers.handle(
            error,
            listener.event,
            tuple(args),
            socket=owner,
            namespace=self._home.name,
            answer=None if ack is None else ack.returned,
        )
        if left is not None:
            culprit, trace = who(listener.fn, left), shown(left)
            extra = self._outgoing.about(listener.event)
            sid = self._outgoing.label
            log.error(
                "sid=%s listener %s failed", sid, culprit, exc_info=trace, extra=extra
            )
            self._reject(owner, left, ack)
        elif ack is not None and self._home.options.error_acks:
            refuse(ack, error)

    def _call_within(
        self, owner: Owner | None, listener: Listener, args: Any, ack: AckReply | None
    ) -> None:
        by_name = {"ack": ack} if listener.wants_ack else {}
        event, fn = listener.event, listener.fn
        result = self._surround(owner, event, fn, tuple(args), by_name)
        if ack is not None and not listener.wants_ack:
            ack.returned(result)

    def _surround(
        self,
        owner: Owner | None,
        event: str | None,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        by_name: dict[str, Any],
    ) -> Any:
        """Call ``fn`` within the surroundings, as a handler of an event."""
        return self._around.call(
            "event",
            fn,
            args,
            by_name,
            socket=owner,
            namespace=self._home.name,
            event=event,
        )

    def _call_beside(
        self, owner: _Owner, listener: Listener, args: Any, ack: _Ack, meter: _Meter
    ) -> None:
        """Call a listener beside the inbox; its event counts until it has returned."""
        try:
            self._call(owner, listener, args, ack, meter)
        finally:
            self._intake.remove(0)

    def _reject(
        self, owner: Owner | None, error: BaseException, ack: AckReply | None
    ) -> None:
        reject(owner, error, ack, error_acks=self._home.options.error_acks)

    # ------------------------------------------------------------------ waiting

    def gate(self) -> Gate:
        """Return what events pass before their listeners, or before who waits."""
        if self._gate is None:
            self._gate = Gate(self._owner, self._home, self._outgoing)
        return self._gate

    def waiting(self) -> Waiting:
        """Return the ``Waiting`` of this socket; make it if there is none."""
        if self._waiting is None:
            self._waiting = Waiting(
                self._home.reactor, self._inbox, self._intake, self._outgoing.closed
            )
        return self._waiting

    # ------------------------------------------------------------------ the end

    @property
    def has_events(self) -> bool:
        """Whether events wait for their handlers."""
        return self._inbox.has_events

    def turn_deaf(self) -> None:
        """Drop the events that wait, and handle no other."""
        if self._inbox.has_events and log.isEnabledFor(DEBUG):
            sid, extra = self._outgoing.sid, self._outgoing.about()
            log.debug("sid=%s the events that wait are dropped", sid, extra=extra)
        self.deaf = True
        self._inbox.drop()

    def kill_running(self) -> None:
        """Raise ``GreenletExit`` in the handler that runs, if it blocks."""
        self._inbox.kill_running()

    def close(self, reason: str) -> None:
        """End the waits for events with Disconnected; what has arrived is handled."""
        if self._waiting is not None:
            self._waiting.close(reason)

    def let_go(self) -> None:
        """Drop what refers back to the socket: its last handler has returned.

        The listeners are the socket's, which has removed them.
        """
        self._owner = None
        self._inbox.turn_to(_run)
        self._waiting = None
        self._gate = None  # who still has events to take keeps it


def _misfit(name: str, count: int, listener: Listener) -> EventRejected:
    return EventRejected(
        f"event {name!r} came with {arguments(count)}, but {listener.describe()}"
        + advise_ack(listener.fn, count)
    )


def _run(job: Callable[[], object]) -> None:
    """Handle an item of a socket that has gone: only jobs come, and no events."""
    job()

"""Dispatch: from an event packet to the listeners, and back with the acknowledgement.

Everything here runs in the greenlet of the socket's inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from logging import DEBUG, WARNING
from typing import Any, Protocol

from sockio.errors import Disconnected, EventRejected
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.listeners import Listener, Listeners, event_name
from sockio.runtime.reactor import Reactor
from sockio.runtime.workers import FAILURES

from . import middleware
from .options import ServerOptions

log = logs.get("socket.dispatch")

_ACK = PacketType.ACK


class Receiving(Protocol):
    """What dispatching asks of a socket."""

    id: str
    connected: bool
    guards: Sequence[Callable[..., object]]
    _listeners: Listeners
    _any: tuple[Callable[..., Any], ...]

    @property
    def options(self) -> ServerOptions: ...
    @property
    def reactor(self) -> Reactor: ...
    def send_packet(self, packet: Packet) -> None: ...
    def report_error(self, error: BaseException) -> None:
        """Tell the ``error`` listeners."""


class AckReply:
    """The ack function of one incoming event; only its first call sends."""

    __slots__ = ("_id", "_nsp", "_socket")

    def __init__(self, socket: Receiving, packet: Packet) -> None:
        self._socket: Receiving | None = socket
        self._nsp = packet.nsp
        self._id = packet.id

    def __call__(self, *args: Any) -> None:
        """Acknowledge with ``args``: what JSON can carry, and bytes."""
        socket = self._socket
        if socket is not None:
            socket.send_packet(Packet(_ACK, self._nsp, list(args), self._id))
            self._socket = None

    def returned(self, result: Any) -> None:
        """Acknowledge with what a listener returned: a tuple is several arguments."""
        if self._socket is None:
            return
        if result is None:
            self()
        elif type(result) is tuple:
            self(*result)
        else:
            self(result)


def admit(socket: Receiving, packet: Packet) -> tuple[Any, ...] | None:
    """Show an event to catch-all listeners and guards.

    Returns the arguments for whoever gets the event, the ack function last where the
    client asked for one; None where a guard rejected it.
    """
    data = packet.data
    ack = None if packet.id is None else AckReply(socket, packet)
    shown = data if ack is None else [*data, ack]
    for fn in socket._any:
        try:
            fn(*shown)
        except FAILURES:
            # A boundary: a listener is user code and ends nothing but itself.
            log.exception("sid=%s a catch-all listener failed", socket.id)
    if socket.guards and data:
        try:
            middleware.run(socket.guards, data[0], data[1:])
        except FAILURES as exc:
            # A boundary: a guard is user code; whatever it raises rejects the event.
            if not isinstance(exc, EventRejected):
                log.debug("sid=%s a guard rejected %r: %r", socket.id, data[0], exc)
            _reject(socket, exc, ack)
            return None
        if not socket.connected:
            return None
    return tuple(shown[1:])


def dispatch(socket: Receiving, packet: Packet) -> None:
    """Handle one event: catch-all listeners, guards, then its own listeners."""
    data = packet.data
    if socket._any or socket.guards:
        admitted = admit(socket, packet)
        if admitted is None or not data:
            return
        ack = admitted[-1] if packet.id is not None else None
        args = admitted[:-1] if packet.id is not None else admitted
    elif data:
        ack = None if packet.id is None else AckReply(socket, packet)
        args = data[1:]
    else:
        return
    name = data[0]
    if type(name) is not str:
        name = event_name(name)
    count = len(args)
    for listener in socket._listeners.get(name):
        if listener.once and not socket._listeners.take_once(listener):
            continue
        if not listener.min_args <= count <= listener.most_args:
            if socket.options.strict_args:
                error = EventRejected(
                    f"event {name!r} came with {count} arguments, but "
                    f"{listener.describe()}"
                )
                # Once each: a client must not be able to fill the log.
                level = DEBUG if listener.complained else WARNING
                listener.complained = True
                log.log(level, "sid=%s %s", socket.id, error)
                _reject(socket, error, ack)
                continue
            fitting = listener.fit(tuple(args))
        else:
            fitting = args
        if listener.concurrent:
            socket.reactor.workers.spawn(_call, socket, listener, fitting, ack)
        else:
            _call(socket, listener, fitting, ack)


def _call(
    socket: Receiving, listener: Listener, args: Any, ack: AckReply | None
) -> None:
    try:
        if listener.wants_ack:
            listener.fn(*args, ack=ack)
        else:
            result = listener.fn(*args)
            if ack is not None:
                ack.returned(result)
    except Disconnected as exc:
        # It waited for a client that went away: nobody's mistake.
        log.debug("sid=%s listener %r ended: %s", socket.id, listener.fn, exc)
        _reject(socket, exc, ack)
    except FAILURES as exc:
        # A boundary: a listener is user code; its failure ends nothing but itself.
        log.exception("sid=%s listener %r failed", socket.id, listener.fn)
        _reject(socket, exc, ack)


def _reject(socket: Receiving, error: BaseException, ack: AckReply | None) -> None:
    socket.report_error(error)
    if ack is not None and socket.options.error_acks:
        ack({"error": {"message": str(error)}})

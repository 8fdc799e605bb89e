"""Observers: they watch what a server receives, what it sends, and what fails.

    class Refusals(Observer):
        def request_refused(self, request, code, message):
            count[code] += 1

    io.observe(Refusals())

An ``Observer`` has a method for each thing that happens, which does nothing. A subclass
overrides the methods that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from sockio.errors import ConfigError

from . import logs
from .failures import shown
from .surroundings import Call, Surroundings

if TYPE_CHECKING:
    from sockio.adapters.accounting import Gap
    from sockio.engine.http.request import Request
    from sockio.engine.session import EngineSession
    from sockio.protocol.socketio.packet import Packet
    from sockio.socket.one_socket.socket import Socket
    from sockio.types import Room, SocketId

__all__ = ["Observer", "Observers"]

log = logs.get("server")

#: A method of an observer.
Hook: TypeAlias = Callable[..., object]


class Observer:
    """Watches a server; derive from it, and give an instance to ``io.observe``.

    Its methods are called where the thing happens, often in the hub, so they must not
    block. If a method raises, the error is logged and this observer is removed.
    """

    # ---- the server

    def server_closed(self) -> None:
        """The server has closed; its sockets and sessions have ended."""

    # ---- sessions

    def session_opened(self, session: EngineSession) -> None:
        """A client has opened a session."""

    def session_upgraded(self, session: EngineSession, before: str) -> None:
        """A session has moved to another transport.

        Args:
            session: Its ``transport_name`` is the new one.
            before: The name of the transport that it had before.
        """

    def session_closed(self, session: EngineSession, reason: str, why: object) -> None:
        """A session has ended.

        Args:
            session: The session.
            reason: One of ``Reason``, as text.
            why: What else is known: ``BufferFull`` or ``InboxFull`` if too much waited.
        """

    def request_refused(self, request: Request, code: int, message: str) -> None:
        """The engine has refused a request.

        Args:
            request: The request.
            code: The number of the error in Engine.IO.
            message: The text of the error in Engine.IO.
        """

    # ---- packets

    def message_in(self, session: EngineSession, data: str | bytes) -> None:
        """A message has arrived: one frame of a Socket.IO packet.

        Args:
            session: The session of the client that sent it.
            data: The frame; a packet has one, and one more for each attachment.
        """

    def message_out(self, session: EngineSession, data: str | bytes) -> None:
        """A message has been handed to a session.

        Args:
            session: The session of the client that receives it.
            data: The frame, as in ``message_in``.
        """

    def packet_in(self, session: EngineSession, packet: Packet, size: int) -> None:
        """A Socket.IO packet has arrived.

        Args:
            session: The session of the client that sent it.
            packet: The packet; do not change its ``data``.
            size: The size of its frames, in bytes or in characters of text.
        """

    def packet_out(self, session: EngineSession, packet: Packet, size: int) -> None:
        """A Socket.IO packet has been handed to a session.

        Args:
            session: The session of the client that receives it.
            packet: The packet; do not change its ``data``.
            size: The size of its frames, in bytes or in characters of text.
        """

    def packet_dropped(self, socket: Socket[Any], packet: Packet) -> None:
        """A volatile event was dropped, since it could not be sent at that moment."""

    # ---- sockets

    def socket_connected(self, socket: Socket[Any]) -> None:
        """A client has joined a namespace; ``recovered`` says if it has come back."""

    def socket_refused(self, socket: Socket[Any], message: str) -> None:
        """A middleware has refused a client.

        Args:
            socket: The socket, which was not let in.
            message: The text that the client gets.
        """

    def socket_disconnected(self, socket: Socket[Any], reason: str) -> None:
        """A socket that was connected has gone.

        Args:
            socket: The socket.
            reason: One of ``Reason``, as text.
        """

    def events_recovered(self, socket: Socket[Any], events: int, size: int) -> None:
        """A client has come back, and gets the events that it missed.

        Args:
            socket: The socket, with the id that it had before.
            events: How many events the client missed.
            size: The size of these events, in bytes or in characters of text.
        """

    def recovery_failed(self, socket: Socket[Any]) -> None:
        """A client has asked for a session that is unknown or has expired."""

    def answer_missing(self, socket: Socket[Any], event: str | None) -> None:
        """A client has not acknowledged an event in time.

        Args:
            socket: The socket of the client.
            event: The name of the event.
        """

    def event_rejected(
        self, socket: Socket[Any], event: str, error: BaseException
    ) -> None:
        """An event of a client was not given to its listener.

        Args:
            socket: The socket of the client.
            event: The name of the event.
            error: What a guard raised, or an ``EventRejected`` if the arguments are
                wrong.
        """

    # ---- the application's code

    def handler_began(self, call: Call) -> None:
        """A call of the application's code begins; see ``io.around`` for the kinds."""

    def handler_ended(self, call: Call, error: BaseException | None) -> None:
        """A call of the application's code has ended.

        Args:
            call: The same object as in ``handler_began``.
            error: The error that it raised; None if it raised none.
        """

    # ---- rooms and servers

    def room_joined(self, namespace: str, room: Room, sid: SocketId) -> None:
        """A socket has joined a room on this server; first that of its own id."""

    def room_left(self, namespace: str, room: Room, sid: SocketId) -> None:
        """A socket has left a room on this server."""

    def adapter_failed(self, namespace: str, error: Exception) -> None:
        """Other servers did not answer in time, or a message could not be read."""

    def adapter_gap(self, gap: Gap) -> None:
        """Messages between this server and others are missing, or may be.

        Args:
            gap: Its ``seconds``, ``lost`` and ``uncertain`` say what is known.
        """


#: Hooks that cost nothing as long as no observer overrides them.
PACKETS = frozenset(("message_in", "message_out", "packet_in", "packet_out"))
HANDLERS = frozenset(("handler_began", "handler_ended"))
HOOKS = tuple(name for name in vars(Observer) if not name.startswith("_"))


class Observers:
    """The observers of one server."""

    __slots__ = ("_all", "_around", "_by_hook", "_ends")

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._all: tuple[Observer, ...] = ()
        #: For each hook that somebody overrides: the observers, and their methods.
        self._by_hook: dict[str, list[tuple[Observer, Hook]]] = {}
        #: What ends the surrounding of calls, of those who watch them.
        self._ends: list[tuple[Observer, Callable[[], None]]] = []

    def add(self, observer: Observer) -> None:
        """Have ``observer`` watch from now on.

        Raises:
            ConfigError: It is no instance of ``Observer``.
        """
        if not isinstance(observer, Observer):
            raise ConfigError(
                f"observe({observer!r}): give an instance of a class that is derived "
                "from sockio.Observer"
            )
        self._all = (*self._all, observer)
        self._sort()
        if not HANDLERS.isdisjoint(_overridden(observer)):
            end = self._around.add(partial(_watched, self, observer))
            self._ends.append((observer, end))

    def remove(self, observer: Observer) -> None:
        """Have ``observer`` watch no more, not even the end of calls under way."""
        self._all = tuple(one for one in self._all if one is not observer)
        self._sort()
        for watching, end in self._ends:
            if watching is observer:
                end()
        self._ends = [entry for entry in self._ends if entry[0] is not observer]

    @property
    def all(self) -> tuple[Observer, ...]:
        """All observers, in the order in which they are called."""
        return self._all

    @property
    def of_packets(self) -> bool:
        """Whether somebody watches packets."""
        return not PACKETS.isdisjoint(self._by_hook)

    def tell(self, hook: str, *args: Any) -> None:
        """Call a hook of each observer that overrides it."""
        for observer, fn in self._by_hook.get(hook, ()):
            self.tell_one(observer, fn, *args)

    def tell_one(self, observer: Observer, fn: Hook, *args: Any) -> None:
        """Call a hook of one observer; if it fails, that one watches no more."""
        if observer not in self._all:
            return
        try:
            fn(*args)
        except Exception as exc:
            # A boundary: an observer is user code, and must not harm what it watches.
            error = shown(exc)
            log.error("%r failed, and watches no more", observer, exc_info=error)
            self.remove(observer)

    def _sort(self) -> None:
        self._by_hook = {}
        for observer in self._all:
            for hook in _overridden(observer):
                entry = (observer, getattr(observer, hook))
                self._by_hook.setdefault(hook, []).append(entry)


def _overridden(observer: Observer) -> list[str]:
    mine, none = type(observer), Observer
    return [hook for hook in HOOKS if getattr(mine, hook) is not getattr(none, hook)]


@contextmanager
def _watched(observers: Observers, observer: Observer, call: Call) -> Iterator[None]:
    """Tell one observer of a call, within which this is."""
    observers.tell_one(observer, observer.handler_began, call)
    try:
        yield
    except BaseException as exc:
        observers.tell_one(observer, observer.handler_ended, call, exc)
        raise
    observers.tell_one(observer, observer.handler_ended, call, None)

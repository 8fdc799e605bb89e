"""Broadcast: whom a call addresses, and the calls themselves.

``Addressing`` starts an operator, ``Targets`` adds the calls; both are written once and
inherited by servers, namespaces and operators, which supply only ``_operator()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from sockio.adapters.adapter import Adapter, BroadcastOptions, Flags, FoundSocket
from sockio.errors import AckTimeout, ClusterTimeout, ConfigError, ReservedEventError
from sockio.protocol.socketio.packet import RESERVED_EVENTS, Packet, PacketType
from sockio.runtime.reactor import Reactor
from sockio.types import Room

from .events import Event, only_typed
from .remote_socket import RemoteSocket

M = TypeVar("M")


class Broadcaster(Protocol):
    """What an operator asks of its namespace."""

    @property
    def name(self) -> str: ...
    @property
    def adapter(self) -> Adapter: ...
    @property
    def reactor(self) -> Reactor: ...
    def next_ack_id(self) -> int: ...
    def encode(self, packet: Packet, flags: Flags) -> Any: ...


def event_name(event: str | Event[..., Any]) -> str:
    """The name of ``event``, which must not be one of the library's own.

    Raises:
        ReservedEventError: It is.
    """
    name = event if type(event) is str else str(event)
    if name in RESERVED_EVENTS:
        raise ReservedEventError(name)
    return name


def take_ack(
    args: tuple[Any, ...], ack: Callable[..., object] | None
) -> tuple[tuple[Any, ...], Callable[..., object] | None]:
    """Split a trailing callable off ``args``: it is an acknowledgement callback."""
    if ack is None and args and callable(args[-1]):
        return args[:-1], args[-1]
    return args, ack


def room_names(rooms: Sequence[Room | Iterable[Room]]) -> tuple[Room, ...]:
    """Flatten what ``to()`` and its like accept: rooms, and collections of rooms."""
    names: list[Room] = []
    for room in rooms:
        if isinstance(room, (str, int)):
            names.append(room if type(room) is str else str(room))
        else:
            names.extend(map(str, room))
    return tuple(names)


class Addressing:
    """The calls that start a broadcast."""

    __slots__ = ()

    def _operator(self) -> BroadcastOperator:
        raise NotImplementedError

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Address the sockets in any of ``rooms``; calls add up."""
        return self._operator().to(*rooms)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """The same as ``to``."""
        return self._operator().to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Leave out the sockets in any of ``rooms``; a socket's id is a room too."""
        return self._operator().except_(*rooms)

    def exclude(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """The same as ``except_``."""
        return self._operator().except_(*rooms)

    @property
    def local(self) -> BroadcastOperator:
        """Stay on this server."""
        return self._operator().local


class Targets(Addressing):
    """The calls that address many sockets at once."""

    __slots__ = ()

    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Callable[..., object] | None = None,
    ) -> None:
        """Emit to every addressed socket.

        Args:
            event: Its name.
            args: What JSON can carry, and bytes, at any depth.
            ack: Called with ``(error, responses)``; needs ``timeout()``. A callable as
                last argument is taken for it.

        Raises:
            EncodeError: An argument cannot travel; nothing was sent.
            ReservedEventError: The name is one of the library's own.
            ConfigError: ``ack`` without ``timeout()``.
        """
        self._operator().emit(event, *args, ack=ack)

    def emit_with_ack(self, event: str | Event[..., Any], *args: Any) -> list[Any]:
        """Emit and return the first acknowledgement argument of each client.

        Raises:
            AckTimeout: Some did not answer in time; ``.responses`` has the others'.
            ConfigError: Without ``timeout()``.

        Blocks:
            Until all have answered or disconnected, or the time has run out.
        """
        return self._operator().emit_with_ack(event, *args)

    def send(self: M, *args: Any) -> M:
        """Emit a ``message`` event."""
        self.emit("message", *args)  # type: ignore[attr-defined]
        return self

    write = send

    @property
    def volatile(self) -> BroadcastOperator:
        """Drop the event for clients that cannot take it at this instant."""
        return self._operator().volatile

    def compress(self, on: bool) -> BroadcastOperator:
        """Let transports compress the event, or not."""
        return self._operator().compress(on)

    def timeout(self, seconds: float) -> BroadcastOperator:
        """Wait at most ``seconds`` for answers."""
        return self._operator().timeout(seconds)

    def fetch_sockets(self, *, allow_partial: bool = False) -> list[Any]:
        """Return the addressed sockets: ours, and RemoteSockets of other servers.

        Args:
            allow_partial: Return what came in time, where another server is silent.

        Blocks:
            Where servers are clustered: until all have answered.
        """
        return self._operator().fetch_sockets(allow_partial=allow_partial)

    def sockets_join(self, *rooms: Room | Iterable[Room]) -> None:
        """Make the addressed sockets join ``rooms``."""
        self._operator().sockets_join(*rooms)

    def sockets_leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Make the addressed sockets leave ``rooms``."""
        self._operator().sockets_leave(*rooms)

    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect the addressed sockets; with ``close`` their connections too."""
        self._operator().disconnect_sockets(close)

    def only_typed(self, event_map: Callable[..., M]) -> M:
        """Emit through ``event_map``, a Protocol whose methods are the events."""
        return only_typed(event_map, self.emit)


class BroadcastOperator(Targets):
    """Whom the next call addresses and how it is sent; immutable."""

    __slots__ = ("_nsp", "_options")

    def __init__(self, nsp: Broadcaster, options: BroadcastOptions) -> None:
        self._nsp = nsp
        self._options = options

    def _operator(self) -> BroadcastOperator:
        return self

    def _with(self, **changes: Any) -> BroadcastOperator:
        return BroadcastOperator(self._nsp, replace(self._options, **changes))

    def _flag(self, **changes: Any) -> BroadcastOperator:
        return self._with(flags=replace(self._options.flags, **changes))

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        known = self._options.rooms
        new = [room for room in dict.fromkeys(room_names(rooms)) if room not in known]
        return self._with(rooms=(*known, *new))

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        return self.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        return self._with(except_=self._options.except_.union(room_names(rooms)))

    def exclude(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        return self.except_(*rooms)

    @property
    def local(self) -> BroadcastOperator:
        return self._flag(local=True)

    @property
    def volatile(self) -> BroadcastOperator:
        return self._flag(volatile=True)

    def compress(self, on: bool) -> BroadcastOperator:
        return self._flag(compress=on)

    def timeout(self, seconds: float) -> BroadcastOperator:
        return self._flag(timeout=seconds)

    # ------------------------------------------------------------------ emitting

    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Callable[..., object] | None = None,
    ) -> None:
        name = event_name(event)
        args, ack = take_ack(args, ack)
        nsp = self._nsp
        if ack is None:
            packet = Packet(PacketType.EVENT, nsp.name, [name, *args])
        else:
            packet = self._question(name, args)
        if nsp.reactor.workers.elsewhere:
            nsp.encode(packet, self._options.flags)  # an error belongs to the caller
            nsp.reactor.workers.call_in_hub(self._emit, packet, ack)
        else:
            self._emit(packet, ack)

    def _emit(self, packet: Packet, ack: Callable[..., object] | None) -> None:
        if ack is None:
            self._nsp.adapter.broadcast(packet, self._options)
        else:
            self._collect(packet, _Callback(ack, self._nsp.reactor))

    def emit_with_ack(self, event: str | Event[..., Any], *args: Any) -> list[Any]:
        self._nsp.reactor.may_block("emit_with_ack()")
        question = self._question(event_name(event), args)
        latch = self._nsp.reactor.latch()

        def done(error: AckTimeout | None, responses: list[Any]) -> None:
            if error is None:
                latch.set(responses)
            else:
                latch.fail(error)

        self._collect(question, done)
        return latch.wait()  # type: ignore[no-any-return]

    def _question(self, name: str, args: tuple[Any, ...]) -> Packet:
        if self._options.flags.timeout is None:
            raise ConfigError(
                "say how long the answers may take: "
                f'.timeout(seconds).emit("{name}", ...)'
            )
        ack_id = self._nsp.next_ack_id()
        return Packet(PacketType.EVENT, self._nsp.name, [name, *args], ack_id)

    def _collect(
        self,
        packet: Packet,
        done: Callable[[AckTimeout | None, list[Any]], None],
    ) -> None:
        nsp = self._nsp
        timeout = self._options.flags.timeout or 0.0
        answers = Answers(nsp.adapter.server_count(), done)
        stop = nsp.adapter.broadcast_with_ack(
            packet, self._options, answers.count, answers.answered, answers.lost
        )
        timer = nsp.reactor.clock.call_later(timeout, answers.time_out)
        answers.started(timer.cancel, stop)

    # ------------------------------------------------------------------ the sockets

    def fetch_sockets(self, *, allow_partial: bool = False) -> list[Any]:
        try:
            found = self._nsp.adapter.fetch_sockets(self._options)
        except ClusterTimeout as exc:
            if not allow_partial:
                raise
            found = exc.responses
        return [
            socket if hasattr(socket, "emit") else self._remote(socket)
            for socket in found
        ]

    def _remote(self, found: FoundSocket) -> RemoteSocket:
        only = BroadcastOptions(
            rooms=(found.id,),
            flags=replace(self._options.flags, expect_single_response=True),
        )
        return RemoteSocket(BroadcastOperator(self._nsp, only), found)

    def sockets_join(self, *rooms: Room | Iterable[Room]) -> None:
        self._change(self._nsp.adapter.add_sockets, room_names(rooms))

    def sockets_leave(self, *rooms: Room | Iterable[Room]) -> None:
        self._change(self._nsp.adapter.del_sockets, room_names(rooms))

    def disconnect_sockets(self, close: bool = False) -> None:
        self._change(self._nsp.adapter.disconnect_sockets, close)

    def _change(self, change: Callable[..., None], what: object) -> None:
        """Change the addressed sockets, in the order of calls from any thread."""
        workers = self._nsp.reactor.workers
        if workers.elsewhere:
            workers.call_in_hub(change, self._options, what)
        else:
            change(self._options, what)


class Answers:
    """The answers to one broadcast, from all servers, until complete or too late."""

    def __init__(
        self,
        servers: int,
        done: Callable[[AckTimeout | None, list[Any]], None],
    ) -> None:
        self._servers = servers
        self._done = done
        self._asked = 0
        self._lost = 0
        self._responses: list[Any] = []
        self._over = False
        self._cleanups: tuple[Callable[[], object], ...] = ()

    def started(self, *cleanups: Callable[[], object]) -> None:
        """Call ``cleanups`` when it is over, which it may be already."""
        if self._over:
            for cleanup in cleanups:
                cleanup()
        else:
            self._cleanups = cleanups

    def count(self, clients: int) -> None:
        """One server has asked ``clients`` clients."""
        self._servers -= 1
        self._asked += clients
        self._check()

    def answered(self, args: list[Any]) -> None:
        """One client has answered; only its first argument counts."""
        self._responses.append(args[0] if args else None)
        self._check()

    def lost(self) -> None:
        """One client went away without an answer: nobody waits for it."""
        self._lost += 1
        self._check()

    def time_out(self) -> None:
        """The time has run out."""
        missing = self._asked - self._lost - len(self._responses)
        self._end(AckTimeout(self._responses, missing))

    def _check(self) -> None:
        if self._servers <= 0 and len(self._responses) + self._lost >= self._asked:
            self._end(None)

    def _end(self, error: AckTimeout | None) -> None:
        if not self._over:
            self._over = True
            for cleanup in self._cleanups:
                cleanup()
            self._done(error, self._responses)


class _Callback:
    """Calls a user's function with the answers, in a worker."""

    def __init__(self, fn: Callable[..., object], reactor: Reactor) -> None:
        self._fn = fn
        self._reactor = reactor

    def __call__(self, error: AckTimeout | None, responses: list[Any]) -> None:
        self._reactor.workers.spawn(self._fn, error, responses)

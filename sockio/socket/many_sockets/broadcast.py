"""Broadcast: an operator, which knows whom a call addresses and makes the call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from sockio.adapters.adapter import Adapter, FoundSocket
from sockio.adapters.addressing import BroadcastOptions, Flags
from sockio.errors import AckTimeout, ClusterTimeout, ConfigError
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime.reactor import Reactor
from sockio.socket.emit_arguments import event_name, take_ack
from sockio.socket.events import Event
from sockio.socket.room_names import room_names
from sockio.types import RoomLike

from .addressing import Targets
from .answers import Answers, Callback
from .choosing import Choosing
from .remote_socket import RemoteSocket

if TYPE_CHECKING:
    from sockio.socket.one_socket.socket import Socket


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


class BroadcastOperator(Choosing["BroadcastOperator"], Targets):
    """Whom the next call addresses and how it is sent; immutable."""

    __slots__ = ("_nobody", "_nsp", "_options")

    def __init__(
        self, nsp: Broadcaster, options: BroadcastOptions, *, nobody: bool = False
    ) -> None:
        self._nsp = nsp
        self._options = options
        #: ``to()`` was called, but without a room. An adapter must not get these
        #: options: there, as on the wire between servers, no room means everybody.
        self._nobody = nobody

    def _operator(self) -> BroadcastOperator:
        return self

    def _chosen(self, options: BroadcastOptions, nobody: bool) -> BroadcastOperator:
        return BroadcastOperator(self._nsp, options, nobody=nobody)

    @property
    def local(self) -> BroadcastOperator:
        return self._flag(local=True)

    def timeout(self, seconds: float) -> BroadcastOperator:
        return self._flag(timeout=seconds)

    # ------------------------------------------------------------------ emitting

    def emit_to_all(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        ack: Callable[..., object] | None,
    ) -> None:
        """Do what ``emit`` says."""
        name = event_name(event)
        args, ack = take_ack(args, ack)
        nsp = self._nsp
        if ack is None:
            packet = Packet(PacketType.EVENT, nsp.name, [name, *args])
        else:
            packet = self._question(name, args)
        if nsp.reactor.workers.elsewhere:
            nsp.encode(packet, self._options.flags)  # the caller gets the error, if any
        nsp.reactor.in_order(self._emit, packet, ack)

    def _emit(self, packet: Packet, ack: Callable[..., object] | None) -> None:
        if ack is not None:
            self._collect(packet, Callback(ack, self._nsp.reactor))
        elif self._nobody:
            self._nsp.encode(packet, self._options.flags)  # raises if it cannot travel
        else:
            self._nsp.adapter.broadcast(packet, self._options)

    def ask_all(self, event: str | Event[..., Any], args: tuple[Any, ...]) -> list[Any]:
        """Do what ``emit_with_ack`` says."""
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
        if self._nobody:
            nsp.encode(packet, self._options.flags)
            done(None, [])
            return
        timeout = self._options.flags.timeout or 0.0
        answers = Answers(done, packet.data[0], timeout)
        stop = nsp.adapter.broadcast_with_ack(packet, self._options, answers)
        timer = nsp.reactor.clock.call_later(timeout, answers.time_out)
        answers.started(timer.cancel, stop)

    # ------------------------------------------------------------------ the sockets

    def fetch_sockets(
        self, *, allow_partial: bool = False
    ) -> list[Socket[Any] | RemoteSocket]:
        if self._nobody:
            return []
        try:
            found = self._nsp.adapter.fetch_sockets(self._options)
        except ClusterTimeout as exc:
            if not allow_partial:
                raise
            found = exc.responses
        return [
            socket if hasattr(socket, "emit") else self._remote(socket)  # type: ignore[misc]
            for socket in found
        ]

    def _remote(self, found: FoundSocket) -> RemoteSocket:
        only = BroadcastOptions(
            rooms=(found.id,),
            flags=replace(self._options.flags, expect_single_response=True),
        )
        return RemoteSocket(BroadcastOperator(self._nsp, only), found)

    def sockets_join(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        if names := room_names(rooms):
            self._change(self._nsp.adapter.add_sockets, names)

    def sockets_leave(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        if names := room_names(rooms):
            self._change(self._nsp.adapter.del_sockets, names)

    def disconnect_sockets(self, close: bool = False) -> None:
        self._change(self._nsp.adapter.disconnect_sockets, close)

    def _change(self, change: Callable[..., None], what: object) -> None:
        """Change the addressed sockets; calls from all threads keep their order."""
        if not self._nobody:
            self._nsp.reactor.in_order(change, self._options, what)

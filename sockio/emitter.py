"""Emitter: emits to the clients of all servers, from a program that has no server.

    emitter = sockio.Emitter("redis://localhost:6379")
    emitter.of("/chat").to("room").emit("said", "hello")

There is no gevent in it: calls block the thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar, overload

from sockio.adapters.addressing import BroadcastOptions
from sockio.adapters.cluster.messages import (
    Message,
    MessageType,
    options_data,
    packet_data,
)
from sockio.adapters.cluster.requests import new_id
from sockio.adapters.sender import UID, Sender
from sockio.adapters.senders import Encoder, sender_of
from sockio.engine.option_checks import seconds
from sockio.errors import ConfigError, EncodeError
from sockio.protocol.socketio.blame import blame
from sockio.protocol.socketio.msgpack_parser import write
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.socket.emit_arguments import (
    event_name,
    refuse,
    server_event_name,
    take_ack,
)
from sockio.socket.events import Event, P, R, only_typed
from sockio.socket.many_sockets.choosing import Choosing
from sockio.socket.room_names import room_names
from sockio.types import Json, RoomLike

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Emitter", "EmitterNamespace", "EmitterOperator"]

M = TypeVar("M")


class _Way(NamedTuple):
    """Where to, and how."""

    sender: Sender
    nsp: str
    #: Seconds that the broker has for one call.
    timeout: float

    def message(self, kind: MessageType, data: dict[str, Json]) -> Message:
        return Message(UID, self.nsp, kind, data)

    @property
    def until(self) -> float:
        """When the broker must have taken what is said now."""
        return time.monotonic() + self.timeout


@contextmanager
def _blaming(packet: Packet) -> Iterator[None]:
    """Have an EncodeError name the event, and the argument that cannot travel."""
    try:
        yield
    except EncodeError as error:
        raise blame(packet, error, write) from None


class EmitterOperator(Choosing["EmitterOperator"]):
    """Whom the next call addresses and how it is sent; immutable.

    All calls that say something block until the broker has it, and raise
    ``BrokerError`` if it does not take it in time.
    """

    __slots__ = ("_nobody", "_options", "_way")

    def __init__(
        self, way: _Way, options: BroadcastOptions, *, nobody: bool = False
    ) -> None:
        self._way = way
        self._options = options
        self._nobody = nobody

    def _chosen(self, options: BroadcastOptions, nobody: bool) -> EmitterOperator:
        return EmitterOperator(self._way, options, nobody=nobody)

    # The first form lets a type checker compare the arguments with a typed event.
    @overload
    def emit(self, event: Event[P, Any], *args: P.args, **named: P.kwargs) -> None: ...
    @overload
    def emit(self, event: str, *args: Any) -> None: ...
    def emit(self, event: str | Event[..., Any], *args: Any, **unknown: Any) -> None:
        """Emit to every addressed socket, on all servers.

        Args:
            event: Its name.
            args: What JSON can carry, and bytes, at any depth.

        Raises:
            EncodeError: An argument cannot travel; nothing was sent.
            ReservedEventError: The name is one of the library's own.
            BrokerError: The broker did not take it.

        Blocks:
            Until the broker has it.
        """
        if unknown:
            refuse("emit", unknown)
        args, ack = take_ack(args, None)
        if ack is not None:
            raise ConfigError(
                "the answers of clients do not reach an emitter; they reach a server: "
                "ask it with server_side_emit_with_ack(), and let it ask them"
            )
        name = event_name(event)
        packet = Packet(PacketType.EVENT, self._way.nsp, [name, *args])
        with _blaming(packet):
            self._say(MessageType.BROADCAST, packet=packet_data(packet))

    def send(self: M, *args: Any, **unknown: NoReturn) -> M:
        """Emit a ``message`` event; see ``emit``."""
        self.emit("message", *args, **unknown)  # type: ignore[attr-defined]
        return self

    write = send

    def sockets_join(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Make the addressed sockets join ``rooms``.

        Raises:
            BrokerError: The broker did not take it.

        Blocks:
            Until the broker has it.
        """
        if names := room_names(rooms):
            self._say(MessageType.SOCKETS_JOIN, rooms=list(names))

    def sockets_leave(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Make the addressed sockets leave ``rooms``.

        Raises:
            BrokerError: The broker did not take it.

        Blocks:
            Until the broker has it.
        """
        if names := room_names(rooms):
            self._say(MessageType.SOCKETS_LEAVE, rooms=list(names))

    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect the addressed sockets; with ``close`` their connections too.

        Raises:
            BrokerError: The broker did not take it.

        Blocks:
            Until the broker has it.
        """
        self._say(MessageType.DISCONNECT_SOCKETS, close=close)

    def only_typed(self, event_map: Callable[..., M]) -> M:
        """Emit through ``event_map``, a Protocol whose methods are the events."""
        return only_typed(event_map, self.emit)

    def _say(self, kind: MessageType, **data: Json) -> None:
        way = self._way
        message = way.message(kind, {**data, "opts": options_data(self._options)})
        parcel = way.sender.pack(message)
        if not self._nobody:
            way.sender.send(parcel, way.until)


class EmitterNamespace(EmitterOperator):
    """One namespace of all servers."""

    __slots__ = ()

    def __init__(self, way: _Way) -> None:
        super().__init__(way, BroadcastOptions())

    @property
    def name(self) -> str:
        """The namespace's name."""
        return self._way.nsp

    @overload
    def server_side_emit(
        self, event: Event[P, Any], *args: P.args, **named: P.kwargs
    ) -> None: ...
    @overload
    def server_side_emit(self, event: str, *args: Any) -> None: ...
    def server_side_emit(
        self, event: str | Event[..., Any], *args: Any, **unknown: Any
    ) -> None:
        """Fire an event on this namespace of all servers.

        Args:
            event: Its name.
            args: What JSON can carry, and bytes, at any depth.

        Raises:
            EncodeError: An argument cannot travel; nothing was sent.
            ReservedEventError: The name is one of the server's own events.
            BrokerError: The broker did not take it.

        Blocks:
            Until the broker has it.
        """
        if unknown:
            refuse("server_side_emit", unknown)
        args, ack = take_ack(args, None)
        if ack is not None:
            raise ConfigError(
                "an emitter waits for answers: server_side_emit_with_ack() returns them"
            )
        way, packet = self._way, self._for_servers(event, args)
        data = {"packet": packet.data}
        message = way.message(MessageType.SERVER_SIDE_EMIT, data)
        with _blaming(packet):
            parcel = way.sender.pack(message)
        way.sender.send(parcel, way.until)

    @overload
    def server_side_emit_with_ack(
        self, event: Event[P, R], *args: P.args, **named: P.kwargs
    ) -> list[R]: ...
    @overload
    def server_side_emit_with_ack(
        self, event: str, *args: Any, timeout: float = ...
    ) -> list[Any]: ...
    @overload
    def server_side_emit_with_ack(
        self, event: Event[..., R], *args: Any, timeout: float
    ) -> list[R]: ...
    def server_side_emit_with_ack(
        self,
        event: str | Event[..., Any],
        *args: Any,
        timeout: Any = 5.0,
        **unknown: Any,
    ) -> list[Any]:
        """Fire an event on all servers, and return the answer of each.

        Args:
            event: Its name.
            args: What JSON can carry, and bytes, at any depth.
            timeout: Seconds that the servers have, from when the broker has the event.

        Raises:
            ClusterTimeout: Some did not answer in time; ``.responses`` has the answers
                that came. A server without a listener for the event does not answer.
            BrokerError: The broker did not take it, or has gone meanwhile.
            EncodeError: An argument cannot travel; nothing was sent.
            ReservedEventError: The name is one of the server's own events.

        Blocks:
            Until all have answered.
        """
        if unknown:
            refuse("server_side_emit_with_ack", unknown, "timeout")
        seconds("timeout", timeout)
        way, packet = self._way, self._for_servers(event, args)
        data = {"packet": packet.data, "requestId": new_id()}
        message = way.message(MessageType.SERVER_SIDE_EMIT, data)
        with _blaming(packet):
            return way.sender.ask(message, way.until, timeout)

    def _for_servers(
        self, event: str | Event[..., Any], args: tuple[Any, ...]
    ) -> Packet:
        name = server_event_name(event)
        return Packet(PacketType.EVENT, self._way.nsp, [name, *args])


class Emitter(EmitterNamespace):
    """The way from a program without a server to the clients of all servers.

    Any thread may call it. It connects when it is first used, each process anew: a
    program may make it before it forks. If it is not needed any more, ``close`` it, or
    use it in a ``with``.
    """

    __slots__ = ()

    def __init__(
        self, url: str, *, timeout: float = 5.0, parser: Encoder | None = None
    ) -> None:
        """Make an emitter; nothing is connected yet.

        Args:
            url: What the servers have as ``adapter=``.
            timeout: Seconds that the broker has for one call, connecting included.
            parser: For servers of Node whose Redis adapter has another ``parser`` than
                MessagePack: its ``encode(value)`` returns the bytes of a broadcast.

        Raises:
            ConfigError: Something in the URL or an option is wrong; the text names it.
        """
        sender = sender_of(url, parser)
        super().__init__(_Way(sender, "/", seconds("timeout", timeout)))

    def __repr__(self) -> str:
        return f"<Emitter {self._way.sender.address}>"

    def of(self, name: str) -> EmitterNamespace:
        """Return one namespace of all servers; ``chat`` means ``/chat``."""
        if not isinstance(name, str):
            raise ConfigError(f"of({name!r}): give the name of a namespace")
        nsp = name if name.startswith("/") else f"/{name}"
        return EmitterNamespace(self._way._replace(nsp=nsp))

    def close(self) -> None:
        """Give up the connection to the broker; a later call opens it again.

        Blocks:
            Until no other thread uses it.
        """
        self._way.sender.close(self._way.until)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

"""RemoteSocket: a socket on any server of the cluster, known by its id.

Its attributes are a snapshot; its calls reach the socket on whichever server it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, overload

from sockio.adapters.adapter import Details, FoundSocket
from sockio.socket.data import SocketData
from sockio.socket.emit_arguments import refuse, take_ack
from sockio.socket.events import Event, P, R
from sockio.socket.handshake import Handshake
from sockio.types import RoomLike, SocketId


class Operator(Protocol):
    """The broadcast operator that addresses exactly this socket."""

    def emit_to_all(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        ack: Callable[..., object] | None,
    ) -> None: ...
    def ask_all(
        self, event: str | Event[..., Any], args: tuple[Any, ...]
    ) -> list[Any]: ...
    def timeout(self, seconds: float) -> Operator: ...
    def sockets_join(self, *rooms: RoomLike | Iterable[RoomLike]) -> None: ...
    def sockets_leave(self, *rooms: RoomLike | Iterable[RoomLike]) -> None: ...
    def disconnect_sockets(self, close: bool = False) -> None: ...


class RemoteSocket:
    """A socket as ``fetch_sockets`` found it."""

    __slots__ = ("_operator", "data", "handshake", "id", "rooms")

    def __init__(self, operator: Operator, found: FoundSocket) -> None:
        self._operator = operator
        self.id: SocketId = found.id
        self.handshake = _handshake(found.handshake)
        self.rooms = frozenset(found.rooms)
        self.data = _data(found.data)

    # The first form lets a type checker compare the arguments with a typed event.
    @overload
    def emit(self, event: Event[P, Any], *args: P.args, **named: P.kwargs) -> None: ...
    @overload
    def emit(
        self, event: str, *args: Any, ack: Callable[..., object] | None = ...
    ) -> None: ...
    @overload
    def emit(
        self, event: Event[..., Any], *args: Any, ack: Callable[..., object]
    ) -> None: ...
    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Any = None,
        **unknown: Any,
    ) -> None:
        """Emit to this socket; ``ack(error, value)`` needs ``timeout()``."""
        if unknown:
            refuse("emit", unknown, "ack")
        args, ack = take_ack(args, ack)
        self._operator.emit_to_all(event, args, None if ack is None else _first(ack))

    @overload
    def emit_with_ack(
        self, event: Event[P, R], *args: P.args, **named: P.kwargs
    ) -> R: ...
    @overload
    def emit_with_ack(self, event: str, *args: Any) -> Any: ...
    def emit_with_ack(
        self, event: str | Event[..., Any], *args: Any, **unknown: Any
    ) -> Any:
        """Emit and return the first argument of the client's answer.

        Raises:
            AckTimeout: The answer did not come in time.
            ConfigError: Without ``timeout()``.

        Blocks:
            Until the answer comes or the time has run out.
        """
        if unknown:
            refuse("emit_with_ack", unknown)
        responses = self._operator.ask_all(event, args)
        return responses[0] if responses else None

    def timeout(self, seconds: float) -> RemoteSocket:
        """Wait at most ``seconds`` for an answer."""
        return RemoteSocket(self._operator.timeout(seconds), self)

    def join(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Make the socket join ``rooms``."""
        self._operator.sockets_join(*rooms)

    def leave(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Make the socket leave ``rooms``."""
        self._operator.sockets_leave(*rooms)

    def disconnect(self, close: bool = False) -> RemoteSocket:
        """Disconnect the socket; with ``close`` its connection too."""
        self._operator.disconnect_sockets(close)
        return self


def _handshake(details: Details) -> Handshake:
    if isinstance(details, Handshake):
        return details
    return Handshake.told(details.as_dict())


def _data(data: Any) -> Any:
    """Return ``socket.data`` as another server sent it, a dict as ``SocketData``."""
    if type(data) is not dict:
        return data
    told = SocketData()
    told.update(data)
    return told


def _first(ack: Callable[..., object]) -> Callable[..., object]:
    def call(error: Exception | None, responses: list[Any]) -> object:
        return ack(error, responses[0] if responses else None)

    return call

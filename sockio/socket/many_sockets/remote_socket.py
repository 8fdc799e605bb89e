"""RemoteSocket: a socket on any server of the cluster, known by its id.

Its attributes are a snapshot; its calls reach the socket on whichever server it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sockio.adapters.adapter import Details, FoundSocket
from sockio.socket.data import SocketData
from sockio.socket.events import Event
from sockio.socket.handshake import Handshake
from sockio.types import RoomLike, SocketId


class Operator(Protocol):
    """The broadcast operator that addresses exactly this socket."""

    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Callable[..., object] | None = None,
    ) -> None: ...
    def emit_with_ack(self, event: str | Event[..., Any], *args: Any) -> list[Any]: ...
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

    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Callable[..., object] | None = None,
    ) -> None:
        """Emit to this socket; ``ack(error, value)`` needs ``timeout()``."""
        if ack is None:
            self._operator.emit(event, *args)
        else:
            self._operator.emit(event, *args, ack=_first(ack))

    def emit_with_ack(self, event: str | Event[..., Any], *args: Any) -> Any:
        """Emit and return the first argument of the client's answer.

        Raises:
            AckTimeout: The answer did not come in time.
            ConfigError: Without ``timeout()``.

        Blocks:
            Until the answer comes or the time has run out.
        """
        responses = self._operator.emit_with_ack(event, *args)
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

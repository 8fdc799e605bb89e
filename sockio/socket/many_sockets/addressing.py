"""Addressing: the calls that reach many sockets, written and documented once.

``Addressing`` has the calls that start a broadcast, ``Targets`` has all calls. Servers,
namespaces, sockets and operators inherit one of them and supply only ``_operator()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from sockio.socket.emit_arguments import refuse
from sockio.socket.events import Event, P, R, only_typed
from sockio.types import RoomLike

if TYPE_CHECKING:
    from sockio.socket.one_socket.socket import Socket

    from .broadcast import BroadcastOperator
    from .remote_socket import RemoteSocket

M = TypeVar("M")


class Addressing:
    """The calls that start a broadcast."""

    __slots__ = ()

    def _operator(self) -> BroadcastOperator:
        raise NotImplementedError

    def to(self, *rooms: RoomLike | Iterable[RoomLike]) -> BroadcastOperator:
        """Address the sockets in any of ``rooms``; calls add up.

        Rooms are text, whole numbers, members of enumerations and UUIDs, or collections
        of these. If there are none, nobody is addressed.

        Raises:
            ConfigError: Something else is among ``rooms``.
        """
        return self._operator().to(*rooms)

    def in_(self, *rooms: RoomLike | Iterable[RoomLike]) -> BroadcastOperator:
        """The same as ``to``."""
        return self._operator().to(*rooms)

    def except_(self, *rooms: RoomLike | Iterable[RoomLike]) -> BroadcastOperator:
        """Leave out the sockets in any of ``rooms``; a socket's id is a room too."""
        return self._operator().except_(*rooms)

    def exclude(self, *rooms: RoomLike | Iterable[RoomLike]) -> BroadcastOperator:
        """The same as ``except_``."""
        return self._operator().except_(*rooms)

    @property
    def local(self) -> BroadcastOperator:
        """Stay on this server."""
        return self._operator().local


class Targets(Addressing):
    """The calls that address many sockets at once."""

    __slots__ = ()

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
        """Emit to every addressed socket.

        Args:
            event: Its name, or a typed event.
            args: What JSON can carry, and bytes, at any depth.
            ack: Called with ``(error, responses)``; needs ``timeout()``. A callable as
                last argument counts as ``ack``.

        Raises:
            EncodeError: An argument cannot travel; nothing was sent.
            ReservedEventError: The name is one of the library's own.
            ConfigError: ``ack`` without ``timeout()``.
        """
        if unknown:
            refuse("emit", unknown, "ack")
        self._operator().emit_to_all(event, args, ack)

    @overload
    def emit_with_ack(
        self, event: Event[P, R], *args: P.args, **named: P.kwargs
    ) -> list[R]: ...
    @overload
    def emit_with_ack(self, event: str, *args: Any) -> list[Any]: ...
    def emit_with_ack(
        self, event: str | Event[..., Any], *args: Any, **unknown: Any
    ) -> list[Any]:
        """Emit and return the first acknowledgement argument of each client.

        Raises:
            AckTimeout: Some did not answer in time; ``.responses`` has the answers
                that came.
            ConfigError: Without ``timeout()``.

        Blocks:
            Until all have answered or disconnected, or the time has run out.
        """
        if unknown:
            refuse("emit_with_ack", unknown)
        return self._operator().ask_all(event, args)

    def send(self: M, *args: Any, **unknown: NoReturn) -> M:
        """Emit a ``message`` event."""
        self.emit("message", *args, **unknown)  # type: ignore[attr-defined]
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

    def fetch_sockets(
        self, *, allow_partial: bool = False
    ) -> list[Socket[Any] | RemoteSocket]:
        """Return the addressed sockets: ours, and RemoteSockets of other servers.

        Args:
            allow_partial: If another server does not answer, return what came in time.

        Blocks:
            In a cluster: until all servers have answered.
        """
        return self._operator().fetch_sockets(allow_partial=allow_partial)

    def sockets_join(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Make the addressed sockets join ``rooms``."""
        self._operator().sockets_join(*rooms)

    def sockets_leave(self, *rooms: RoomLike | Iterable[RoomLike]) -> None:
        """Make the addressed sockets leave ``rooms``."""
        self._operator().sockets_leave(*rooms)

    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect the addressed sockets; with ``close`` their connections too."""
        self._operator().disconnect_sockets(close)

    def only_typed(self, event_map: Callable[..., M]) -> M:
        """Emit through ``event_map``, a Protocol whose methods are the events."""
        return only_typed(event_map, self.emit)

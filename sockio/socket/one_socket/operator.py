"""Operator: the calls that emit to one socket, and those that modify the next emit.

Every modifier returns a new operator: nothing is set on the socket, so two greenlets
never use each other's modifiers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, overload

from sockio.adapters.adapter import Flags
from sockio.socket.emit_arguments import refuse
from sockio.socket.events import Event, P, R

if TYPE_CHECKING:
    from typing_extensions import Self


#: The flags of an emit without modifiers: there is one object for all of them.
PLAIN = Flags()


class Sender(Protocol):
    """What sends the events of one socket: its way out, or a sender that logs them."""

    def emit_with(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        ack: Callable[..., object] | None,
        flags: Flags,
    ) -> None:
        """Send an event as ``flags`` say; ``ack`` is called with the answer."""

    def ask(
        self, event: str | Event[..., Any], args: tuple[Any, ...], flags: Flags
    ) -> list[Any]:
        """Send an event as ``flags`` say, wait for the answer and return it."""


class Emits:
    """The calls that emit to one socket, as its flags say."""

    __slots__ = ()

    _sender: Sender
    _flags: Flags

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
        """Send an event to this client. Never blocks.

        Args:
            event: Its name, or a typed event.
            args: What JSON can carry, and bytes, at any depth.
            ack: Called with the client's answer; with ``timeout()``, the error comes
                first. A callable as last argument counts as ``ack``.

        Raises:
            EncodeError: An argument cannot travel; nothing was sent.
            ReservedEventError: The name is one of the library's own.
        """
        if unknown:
            refuse("emit", unknown, "ack")
        self._sender.emit_with(event, args, ack, self._flags)

    @overload
    def emit_with_ack(
        self, event: Event[P, R], *args: P.args, **named: P.kwargs
    ) -> R: ...
    @overload
    def emit_with_ack(self, event: str, *args: Any) -> Any: ...
    def emit_with_ack(
        self, event: str | Event[..., Any], *args: Any, **unknown: Any
    ) -> Any:
        """Emit, wait for the client's answer and return its first argument.

        Use ``socket.timeout(seconds).emit_with_ack(...)`` to wait a limited time.

        Raises:
            AckTimeout: The ``timeout`` ran out.
            Disconnected: The socket went away first.

        Blocks:
            Until the answer comes or one of these happens.
        """
        if unknown:
            refuse("emit_with_ack", unknown)
        answer = self._sender.ask(event, args, self._flags)
        return answer[0] if answer else None

    def send(self, *args: Any, **unknown: NoReturn) -> Self:
        """Emit a ``message`` event."""
        self.emit("message", *args, **unknown)
        return self

    write = send

    @property
    def volatile(self) -> SocketOperator:
        """Drop the event if it cannot leave at this instant."""
        return SocketOperator(self._sender, replace(self._flags, volatile=True))

    def compress(self, on: bool) -> SocketOperator:
        """Let the transport compress the event, or not."""
        return SocketOperator(self._sender, replace(self._flags, compress=on))

    def timeout(self, seconds: float) -> SocketOperator:
        """Wait at most ``seconds`` for the acknowledgement."""
        return SocketOperator(self._sender, replace(self._flags, timeout=seconds))


class SocketOperator(Emits):
    """How the next emit to a socket is to be sent; immutable."""

    __slots__ = ("_flags", "_sender")

    def __init__(self, sender: Sender, flags: Flags) -> None:
        self._sender = sender
        self._flags = flags

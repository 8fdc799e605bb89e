"""SocketOperator: one emit to one socket, with modifiers.

Every modifier returns a new operator: nothing is set on the socket, so two greenlets
never use each other's modifiers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn, Protocol

from sockio.adapters.adapter import Flags
from sockio.socket.emit_arguments import refuse
from sockio.socket.events import Event


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


class SocketOperator:
    """How the next emit to a socket is to be sent; immutable."""

    __slots__ = ("_flags", "_sender")

    def __init__(self, sender: Sender, flags: Flags) -> None:
        self._sender = sender
        self._flags = flags

    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Callable[..., object] | None = None,
        **unknown: NoReturn,
    ) -> None:
        """Emit; see ``Socket.emit``. With a timeout, ``ack`` gets the error first."""
        if unknown:
            refuse("emit", unknown, "ack")
        self._sender.emit_with(event, args, ack, self._flags)

    def emit_with_ack(
        self, event: str | Event[..., Any], *args: Any, **unknown: NoReturn
    ) -> Any:
        """Emit, wait for the client's answer and return its first argument.

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

    def send(self, *args: Any, **unknown: NoReturn) -> SocketOperator:
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

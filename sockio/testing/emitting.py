"""Emitting: the calls of a test's client that send events."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol, overload

from sockio.errors import AckTimeout
from sockio.socket.emit_arguments import event_name, refuse, take_ack
from sockio.socket.events import Event, P, R

from .carrier import Carrier
from .handlers import Handlers

__all__ = ["Emitting"]


class Emitting(Protocol):
    """The part of a client that emits."""

    namespace: str
    _carrier: Carrier
    _handlers: Handlers
    #: What is called with the answers to come, by the ids of their events.
    _answers: dict[int, Callable[[list[Any]], object]]

    @property
    def connected(self) -> bool:
        """Whether the namespace has let it in, and it has not left."""

    def _check_connected(self) -> None:
        """Raise if it is not connected."""

    def _seconds(self, timeout: float | None) -> float:
        """Return a timeout; the client's, if none is given."""

    def _settling(self) -> AbstractContextManager[None]:
        """Wait, behind the block, until handlers have ended; raise their errors."""

    def _wait(self, fact: Callable[[], object], seconds: float) -> bool:
        """Wait until ``fact()`` is true; False: it never was."""

    # The first form lets a type checker compare the arguments with a typed event.
    @overload
    def emit(self, event: Event[P, Any], *args: P.args, **named: P.kwargs) -> None: ...
    @overload
    def emit(
        self,
        event: str,
        *args: Any,
        ack: Callable[..., object] | None = ...,
        wait: bool = ...,
    ) -> None: ...
    @overload
    def emit(
        self,
        event: Event[..., Any],
        *args: Any,
        ack: Callable[..., object],
        wait: bool = ...,
    ) -> None: ...
    @overload
    def emit(self, event: Event[..., Any], *args: Any, wait: bool) -> None: ...
    def emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Any = None,
        wait: Any = True,
        **unknown: Any,
    ) -> None:
        """Send an event, and wait until its handlers have ended.

        The wait ends early if they wait for a client, or for a ``FakeClock``.

        Args:
            event: Its name.
            args: What JSON can carry, and bytes, at any depth.
            ack: Called with the server's answer. A callable as last argument counts as
                ``ack``.
            wait: Whether to wait; the errors come later if not.

        Raises:
            Exception: What a handler raised, or why the event was rejected.
            Disconnected: The client is not connected.
            EncodeError: An argument cannot travel; nothing was sent.
            TimeoutError: A handler has not ended in time.

        Blocks:
            Until the handlers have ended.
        """
        if unknown:
            refuse("emit", unknown, "ack", "wait")
        args, ack = take_ack(args, ack)
        answered = None if ack is None else partial(self._handlers.run, "ack", ack)
        if not wait:
            self._send_event(event, args, answered)
            return
        with self._settling():
            self._send_event(event, args, answered)

    @overload
    def emit_with_ack(
        self, event: Event[P, R], *args: P.args, **named: P.kwargs
    ) -> R: ...
    @overload
    def emit_with_ack(
        self, event: str, *args: Any, timeout: float | None = ...
    ) -> Any: ...
    @overload
    def emit_with_ack(
        self, event: Event[..., R], *args: Any, timeout: float | None
    ) -> R: ...
    def emit_with_ack(
        self,
        event: str | Event[..., Any],
        *args: Any,
        timeout: Any = None,
        **unknown: Any,
    ) -> Any:
        """Emit, wait for the server's answer and return its first argument.

        Args:
            event: The name of the event.
            args: Its arguments.
            timeout: Real seconds for which the answer is awaited; None: the client's.

        Raises:
            AckTimeout: The answer did not come in time.
            Disconnected: The client is not connected, or was disconnected meanwhile.
            Exception: What a handler raised, or why the event was rejected.

        Blocks:
            Until the answer has come, and the handlers have ended.
        """
        if unknown:
            refuse("emit_with_ack", unknown, "timeout")
        answer = self._ask(event, args, timeout)
        return answer[0] if answer else None

    @overload
    def call(
        self, event: Event[P, Any], *args: P.args, **named: P.kwargs
    ) -> tuple[Any, ...]: ...
    @overload
    def call(
        self, event: str, *args: Any, timeout: float | None = ...
    ) -> tuple[Any, ...]: ...
    @overload
    def call(
        self, event: Event[..., Any], *args: Any, timeout: float | None
    ) -> tuple[Any, ...]: ...
    def call(
        self,
        event: str | Event[..., Any],
        *args: Any,
        timeout: Any = None,
        **unknown: Any,
    ) -> tuple[Any, ...]:
        """Do as ``emit_with_ack``, and return all arguments of the answer."""
        if unknown:
            refuse("call", unknown, "timeout")
        return self._ask(event, args, timeout)

    def _ask(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        timeout: float | None,
    ) -> tuple[Any, ...]:
        answers: list[list[Any]] = []
        seconds = self._seconds(timeout)
        with self._settling():
            self._send_event(event, args, answers.append)
            self._wait(lambda: answers or not self.connected, seconds)
        if answers:
            return tuple(answers[0])
        self._check_connected()
        raise AckTimeout(event=event_name(event), seconds=seconds)

    def _send_event(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        answered: Callable[[list[Any]], object] | None,
    ) -> None:
        name = event_name(event)
        self._check_connected()
        core = self._carrier.core
        id = core.emit(self.namespace, [name, *args], ack=answered is not None)
        if id is not None and answered is not None:
            self._answers[id] = answered
        self._carrier.flush()

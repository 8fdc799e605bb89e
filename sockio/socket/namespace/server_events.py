"""Server events: events of one server for the listeners of a namespace of others.

A listener answers as a socket's listener does: through its ``ack`` argument, or else by
what it returns. The first answer counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, overload

from sockio.adapters.adapter import Adapter, Reply, ServerAnswers
from sockio.errors import ClusterTimeout
from sockio.runtime.listeners import Listener, Listeners
from sockio.runtime.reactor import Reactor
from sockio.runtime.workers import FAILURES
from sockio.socket.emit_arguments import refuse, server_event_name
from sockio.socket.events import Event, P, R
from sockio.socket.many_sockets.answers import Callback
from sockio.types import Json

__all__ = ["ServerSide", "tell_listeners"]


#: Seconds that an adapter may be late with the answers of other servers.
OVERTIME = 1.0


#: Calls a listener with positional and keyword arguments.
CallListener: TypeAlias = Callable[
    [Listener, tuple[Json, ...], Mapping[str, object]], object
]
#: Called with a listener that has failed, the event's arguments and the error.
Failed: TypeAlias = Callable[[Listener, tuple[Json, ...], BaseException], object]


class ServerSide:
    """The calls that emit events to the other servers."""

    reactor: Reactor

    def _to_servers(self) -> Adapter:
        """Return the adapter that knows the other servers."""
        raise NotImplementedError

    # The first form lets a type checker compare the arguments with a typed event.
    @overload
    def server_side_emit(
        self, event: Event[P, Any], *args: P.args, **named: P.kwargs
    ) -> None: ...
    @overload
    def server_side_emit(
        self, event: str, *args: Any, ack: Callable[..., object] | None = ...
    ) -> None: ...
    @overload
    def server_side_emit(
        self, event: Event[..., Any], *args: Any, ack: Callable[..., object]
    ) -> None: ...
    def server_side_emit(
        self,
        event: str | Event[..., Any],
        *args: Any,
        ack: Any = None,
        **unknown: Any,
    ) -> None:
        """Fire an event on this namespace of the other servers.

        Args:
            event: Its name.
            args: What JSON can carry.
            ack: Called with ``(error, responses)``, one response for each server.

        Raises:
            ReservedEventError: The name is one of the server's own events.
        """
        if unknown:
            refuse("server_side_emit", unknown, "ack")
        if ack is not None and self.reactor.started:
            ack = Callback(ack, self.reactor)
        self._emit_to_servers(event, args, ack, None)

    def _emit_to_servers(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        ack: ServerAnswers | None,
        timeout: float | None,
    ) -> None:
        name = server_event_name(event)
        emit = self._to_servers().server_side_emit
        self.reactor.in_order(emit, [name, *args], ack, timeout)

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
        """Fire an event on the other servers and return their answers.

        Raises:
            ClusterTimeout: Some did not answer in time; ``.responses`` has the answers
                that came.

        Blocks:
            Until all have answered, at most ``timeout`` seconds; one second longer if
            the adapter is late.
        """
        if unknown:
            refuse("server_side_emit_with_ack", unknown, "timeout")
        latch = self.reactor.latch()

        def answered(error: Exception | None, responses: list[Any]) -> None:
            if error is None:
                latch.set(responses)
            else:
                latch.fail(error)

        self._emit_to_servers(event, args, answered, timeout)
        try:
            return latch.wait(timeout + OVERTIME)  # type: ignore[no-any-return]
        except ClusterTimeout:
            raise
        except TimeoutError:
            raise ClusterTimeout("the adapter has not answered in time") from None


def tell_listeners(
    listeners: Listeners,
    event: str,
    args: Sequence[Json],
    reply: Reply | None,
    call: CallListener,
    failed: Failed,
) -> None:
    """Call the listeners of ``event``, in a worker. Blocks as they do."""
    answer = None if reply is None else _Answer(reply)
    for listener in listeners.get(event):
        if listeners.take_once(listener):
            _tell(listener, tuple(args), answer, call, failed)


def _tell(
    listener: Listener,
    args: tuple[Json, ...],
    answer: _Answer | None,
    call: CallListener,
    failed: Failed,
) -> None:
    fitting = listener.fit(args)
    try:
        if listener.wants_ack:
            call(listener, fitting, {"ack": answer})
        else:
            result = call(listener, fitting, {})
            if answer is not None:
                answer(result)
    except FAILURES as exc:
        # A boundary: a listener is user code; its failure ends only itself.
        failed(listener, args, exc)


class _Answer:
    """The ack function of one event; only its first call sends."""

    __slots__ = ("_reply",)

    def __init__(self, reply: Reply) -> None:
        self._reply: Reply | None = reply

    def __call__(self, *args: Json) -> None:
        """Answer with the first of ``args``: what JSON can carry, and bytes."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply(args[0] if args else None)

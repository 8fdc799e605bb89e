"""Error handlers: what an application does about the errors of its handlers.

They are asked like nested ``except`` clauses: first those of the socket, then those of
its namespace, then those of the server; of one owner, in order of registration. One
that returns has handled the error. What one raises goes on to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sockio.errors import Disconnected
from sockio.runtime import guards
from sockio.runtime.listeners import EventEmitter, Listener
from sockio.runtime.log_fields import fields
from sockio.runtime.surroundings import Surroundings
from sockio.runtime.workers import FAILURES

__all__ = ["ErrorHandlers", "Fallible"]

F = TypeVar("F", bound=Callable[..., object])


class ErrorHandlers:
    """The error handlers of one owner, and of those above it."""

    __slots__ = ("_above", "_around", "_own")

    def __init__(
        self, around: Surroundings, above: ErrorHandlers | None = None
    ) -> None:
        """Make one without handlers of its own.

        Args:
            around: What surrounds each call.
            above: Those that are asked afterwards.
        """
        self._around = around
        self._above = above
        self._own: tuple[Callable[..., object], ...] = ()

    def below(self) -> ErrorHandlers:
        """Return new ones, behind which these are asked."""
        return ErrorHandlers(self._around, self)

    def add(self, fn: F) -> F:
        """Ask ``fn(socket, event, args, error)``, after the others of this owner.

        Raises:
            ConfigError: It is a coroutine function, or takes other arguments.
            TypeError: It cannot be called.
        """
        guards.check(
            "on_error()",
            fn,
            "the socket, the event, its arguments and the error",
            4,
            "return when the error is handled, raise to pass it on",
        )
        self._own = (*self._own, fn)
        return fn

    def adopt(self, other: ErrorHandlers) -> None:
        """Add the handlers that the other owner has of its own."""
        self._own = (*self._own, *other._own)

    def __iter__(self) -> Iterator[Callable[..., object]]:
        yield from self._own
        if self._above is not None:
            yield from self._above

    def handle(
        self,
        error: BaseException,
        event: str,
        args: tuple[Any, ...],
        *,
        socket: Any,
        namespace: str,
        answer: Callable[[Any], object] | None = None,
    ) -> BaseException | None:
        """Ask the handlers about the error of a listener.

        Args:
            error: What the listener raised.
            event: The name of its event.
            args: Its arguments.
            socket: The socket.
            namespace: The name of the namespace.
            answer: Acknowledges the event with what a handler returns, unless that is
                None; None: there is nothing to acknowledge.

        Returns:
            The error that is left; None: it was handled.

        Blocks:
            As long as the handlers do.
        """
        if isinstance(error, Disconnected):
            return error  # it waited for a client that has gone: nobody's mistake
        for fn in self:
            try:
                result = self._around.call(
                    "error",
                    fn,
                    (socket, event, args, error),
                    socket=socket,
                    namespace=namespace,
                    event=event,
                )
                if answer is not None and result is not None:
                    answer(result)
            except FAILURES as exc:
                # A boundary: a handler is user code; the next one gets its error.
                error = exc
            else:
                return None
        return error


class Fallible(EventEmitter):
    """An emitter whose error handlers are asked if one of its listeners fails."""

    __slots__ = ()

    #: Its error handlers, and those above it.
    errors: ErrorHandlers

    def _own_errors(self) -> ErrorHandlers:
        """Return the error handlers to which its own are added."""
        return self.errors

    def _about(self, event: str, args: tuple[Any, ...]) -> dict[str, Any]:
        """Return the socket and the name of the namespace that an event is about."""
        raise NotImplementedError

    def on_error(self, fn: F) -> F:
        """Call ``fn(socket, event, args, error)`` if a listener fails; a decorator.

        If ``fn`` returns, the error is handled, and what it returns acknowledges the
        event, unless it is None. What it raises goes on to the next error handler:
        those of the socket are asked first, then those of its namespace, then those of
        the server. An error that none of them handles is logged.

        Raises:
            ConfigError: ``fn`` is a coroutine function, or takes other arguments.
        """
        return self._own_errors().add(fn)

    def _failed(
        self, listener: Listener, args: Any, error: BaseException, about: Any = None
    ) -> None:
        event, where = listener.event, self._about(listener.event, args)
        left = self.errors.handle(error, event, args, **where)
        if left is not None:
            socket = where["socket"]
            if socket is None:
                about = fields(event=event, namespace=where["namespace"])
            else:
                about = socket.outgoing.about(event)
            super()._failed(listener, args, left, about)

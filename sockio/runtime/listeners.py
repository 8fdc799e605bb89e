"""Listeners: on, once, off - handlers by event name.

A handler is inspected only when it is registered: how many arguments it takes, whether
it acknowledges by hand. So a wrong number of arguments is found by counting, never by
calling and catching TypeError.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    NoReturn,
    ParamSpec,
    TypeAlias,
    TypeVar,
    overload,
)

from sockio.errors import Disconnected

from . import logs
from .deferred import done
from .event_names import Event, EventName, event_name
from .failures import shown, who
from .known_signatures import known_signature
from .log_fields import fields
from .signature import arguments, describe_call
from .unknown_names import refuse
from .workers import FAILURES

if TYPE_CHECKING:
    from typing_extensions import Self

log = logs.get("events")

P = ParamSpec("P")
R = TypeVar("R")
Handler: TypeAlias = Callable[..., Any]
H = TypeVar("H", bound=Handler)
#: Called with an event and its arguments; returns those for a handler, or rejects them.
Convert: TypeAlias = "Callable[[str, Sequence[Any]], tuple[Any, ...]]"
Converter: TypeAlias = "Callable[[str, Handler], Convert | None]"

_FAILED = "a listener of %r failed: %s"
#: Options that Flask-SocketIO and python-socketio take here.
_HINTS = {"namespace": 'write io.of("/name").on("connection", ...), and listen there'}


class Listener:
    """One handler of one event."""

    __slots__ = (
        "_taken",
        "concurrent",
        "convert",
        "event",
        "fn",
        "max_args",
        "min_args",
        "most_args",
        "once",
        "wants_ack",
    )

    def __init__(
        self,
        event: str,
        fn: Handler,
        *,
        once: bool = False,
        concurrent: bool = False,
    ) -> None:
        self.event = event
        self.fn = fn
        self.once = once
        #: Whether it runs beside the other events of its socket, not in their order.
        self.concurrent = concurrent
        #: ``max_args`` is None if it takes any number (``*args``).
        self.min_args, self.max_args, self.wants_ack = known_signature(fn)
        #: ``max_args`` as a number that can be compared.
        self.most_args = sys.maxsize if self.max_args is None else self.max_args
        self._taken = False
        #: Turns a client's arguments into those of ``fn``; None: they are the same.
        self.convert: Convert | None = None

    def __repr__(self) -> str:
        return f"<Listener {self.event} {self.describe()}>"

    def accepts(self, count: int) -> bool:
        """Whether the handler can be called with ``count`` arguments."""
        return self.min_args <= count <= self.most_args

    def fit(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Make ``args`` fit as JavaScript does: missing are None, extra are dropped."""
        missing = self.min_args - len(args)
        if missing > 0:
            return args + (None,) * missing
        most = self.max_args
        return args if most is None else args[:most]

    def describe(self) -> str:
        """Say what it takes: ``chat(text, room=...) takes 1 to 2 arguments``."""
        least, most = self.min_args, self.max_args
        if most is None:
            count = (
                f"at least {arguments(least)}" if least else "any number of arguments"
            )
        elif least == most:
            count = arguments(least)
        else:
            count = f"{least} to {arguments(most)}"
        return f"{describe_call(self.fn)} takes {count}"


#: For emitters without handlers; nothing is ever put in.
_NOBODY: dict[str, tuple[Listener, ...]] = {}


class Listeners:
    """All handlers of one emitter; what ``get`` returned never changes afterwards."""

    __slots__ = ("_by_event", "_converter")

    def __init__(self, converter: Converter | None = None) -> None:
        #: Returns the ``convert`` of a listener; None: none has one.
        self._converter = converter
        #: A tuple is never empty: an event without handlers has no entry.
        self._by_event: dict[str, tuple[Listener, ...]] = _NOBODY

    def on(
        self,
        event: EventName,
        handler: Handler,
        *,
        concurrent: bool = False,
        once: bool = False,
        prepend: bool = False,
    ) -> Listener:
        """Register ``handler``, after the others or before them.

        Raises:
            TypeError: It cannot be called, or the event is not a name.
            ConfigError: It could be called, but never with what an event carries.
        """
        name = event_name(event)
        listener = Listener(name, handler, once=once, concurrent=concurrent)
        if self._converter is not None:
            listener.convert = self._converter(name, handler)
        if self._by_event is _NOBODY:
            self._by_event = {}
        others = self._by_event.get(name, ())
        self._by_event[name] = (listener, *others) if prepend else (*others, listener)
        return listener

    def off(
        self, event: EventName | None = None, handler: Handler | None = None
    ) -> None:
        """Remove one registration of ``handler``, or all of ``event``, or all.

        As in Node, one call removes one registration, the one added last.
        Without an event, ``handler`` is removed from each event.
        """
        names = list(self._by_event) if event is None else [event_name(event)]
        for name in names:
            if handler is None:
                self._by_event.pop(name, None)
                continue
            for listener in reversed(self._by_event.get(name, ())):
                if listener.fn == handler:
                    self._remove(listener)
                    break

    def get(self, event: EventName) -> tuple[Listener, ...]:
        """Return the handlers of ``event``, in the order in which they are called."""
        found = self._by_event.get(event)  # type: ignore[arg-type]
        if found is None:
            if type(event) is str:
                return ()
            return self._by_event.get(event_name(event), ())
        return found

    def take_once(self, listener: Listener) -> bool:
        """Whether ``listener`` may be called now; ask before each call.

        A listener that was registered by ``once`` is removed here, and may be called
        only the first time, so that it does not run again when it causes its own event.
        """
        if not listener.once:
            return True
        if listener._taken:
            return False
        listener._taken = True
        self._remove(listener)
        return True

    def listeners(self, event: EventName) -> list[Handler]:
        """Return the handlers of ``event`` as they were registered."""
        return [listener.fn for listener in self.get(event)]

    def count(self, event: EventName) -> int:
        """Return how many handlers ``event`` has."""
        return len(self.get(event))

    def names(self) -> list[str]:
        """Return the events that have handlers, oldest first."""
        return list(self._by_event)

    def _remove(self, listener: Listener) -> None:
        others = tuple(
            other
            for other in self._by_event.get(listener.event, ())
            if other is not listener
        )
        if others:
            self._by_event[listener.event] = others
        else:
            self._by_event.pop(listener.event, None)


_NO_ACK: Mapping[str, object] = {"ack": None}
_NOTHING: Mapping[str, object] = {}


class EventEmitter:
    """``on``, ``once``, ``off`` and the rest, for everything that has events.

    Each method that takes a handler is a decorator when it gets none:
    ``@socket.on("chat")``. A class that mixes this in sets ``_listeners``.
    """

    __slots__ = ()

    _listeners: Listeners

    # The first form lets a type checker compare the handler with a typed event.
    @overload
    def on(
        self,
        event: Event[P, R],
        handler: Callable[P, R],
        *,
        concurrent: bool = ...,
    ) -> Callable[P, R]: ...
    @overload
    def on(
        self, event: Event[P, R], handler: None = None, *, concurrent: bool = ...
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
    @overload
    def on(self, event: str | float, handler: H, *, concurrent: bool = ...) -> H: ...
    @overload
    def on(
        self, event: str | float, handler: None = None, *, concurrent: bool = ...
    ) -> Callable[[H], H]: ...
    def on(
        self,
        event: Any,
        handler: Any = None,
        *,
        concurrent: bool = False,
        **unknown: NoReturn,
    ) -> Any:
        """Call ``handler`` at each ``event``, after those registered before.

        Args:
            event: Its name, or a typed event.
            handler: Gets the event's arguments. What it returns is the answer, if the
                client asks for one. With a keyword-only parameter ``ack`` it answers
                by hand.
            concurrent: Run it beside the other events of its socket, not in order.

        Returns:
            The handler; without one, a decorator.
        """
        if unknown:
            refuse("on", unknown, ("concurrent",), _HINTS)
        return self._register(event, handler, concurrent=concurrent)

    @overload
    def once(self, event: EventName, handler: H) -> H: ...
    @overload
    def once(self, event: EventName, handler: None = None) -> Callable[[H], H]: ...
    def once(self, event: EventName, handler: Any = None) -> Any:
        """Call ``handler`` at the next ``event`` only; without one, a decorator."""
        return self._register(event, handler, once=True)

    @overload
    def prepend_listener(self, event: EventName, handler: H) -> H: ...
    @overload
    def prepend_listener(
        self, event: EventName, handler: None = None
    ) -> Callable[[H], H]: ...
    def prepend_listener(self, event: EventName, handler: Any = None) -> Any:
        """As ``on``, but before the handlers registered so far."""
        return self._register(event, handler, prepend=True)

    @overload
    def prepend_once_listener(self, event: EventName, handler: H) -> H: ...
    @overload
    def prepend_once_listener(
        self, event: EventName, handler: None = None
    ) -> Callable[[H], H]: ...
    def prepend_once_listener(self, event: EventName, handler: Any = None) -> Any:
        """As ``once``, but before the handlers registered so far."""
        return self._register(event, handler, once=True, prepend=True)

    def event(self, fn: H) -> H:
        """Register ``fn`` for the event that has its name: ``@socket.event``."""
        self._register(fn.__name__, fn)
        return fn

    def off(
        self, event: EventName | None = None, handler: Handler | None = None
    ) -> Self:
        """Remove a handler of an event, or all its handlers, or all of all events.

        A handler registered several times is removed once per call, as in Node.
        """
        self._listeners.off(event, handler)
        return self

    def remove_listener(self, event: EventName, handler: Handler) -> Self:
        """Remove ``handler`` from ``event``: Node's name for ``off``."""
        return self.off(event, handler)

    def remove_all_listeners(self, event: EventName | None = None) -> Self:
        """Remove all handlers of ``event``, or of all events."""
        return self.off(event)

    def listeners(self, event: EventName) -> list[Handler]:
        """Return the handlers of ``event``, in the order in which they are called."""
        return self._listeners.listeners(event)

    def listener_count(self, event: EventName) -> int:
        """Return how many handlers ``event`` has."""
        return self._listeners.count(event)

    def event_names(self) -> list[str]:
        """Return the names of the events that have handlers."""
        return self._listeners.names()

    def set_max_listeners(self, n: int) -> Self:
        """Accept Node's call; it has no effect, since there is no limit to warn at."""
        return self

    def _register(self, event: EventName, handler: Handler | None, **how: bool) -> Any:
        if handler is not None:
            self._listeners.on(event, handler, **how)
            return handler
        event_name(event)  # a bare @socket.on fails here, not at its first event

        def decorate(fn: H) -> H:
            self._listeners.on(event, fn, **how)
            return fn

        return decorate

    def _fire(self, event: str, *args: Any) -> None:
        """Call the handlers of one of the library's own events, one after the other.

        Each gets as many of ``args`` as it takes; what one raises is logged and does
        not keep the others from running.

        Blocks:
            As long as the handlers do.
        """
        for listener in self._listeners.get(event):
            self._tell(listener, args)

    def _call_listener(
        self, listener: Listener, args: tuple[Any, ...], by_name: Mapping[str, object]
    ) -> Any:
        """Call the application; subclasses with surroundings do so within these."""
        return done(listener.fn, listener.fn(*args, **by_name))

    def _tell(self, listener: Listener, args: tuple[Any, ...]) -> bool:
        """Call one handler; False: it failed, which is logged. Blocks as it does."""
        if not self._listeners.take_once(listener):
            return True
        by_name = _NO_ACK if listener.wants_ack else _NOTHING
        try:
            self._call_listener(listener, listener.fit(args), by_name)
        except Disconnected as exc:
            # It waited for a client that has disconnected: nobody's mistake.
            log.debug("a listener of %r ended: %s", listener.event, exc)
        except FAILURES as exc:
            # A boundary: a handler is user code, and ends nothing but itself.
            self._failed(listener, args, exc)
            return False
        return True

    def _failed(
        self, listener: Listener, args: Any, error: BaseException, about: Any = None
    ) -> None:
        """Log what a handler raised; subclasses with error handlers ask these first."""
        extra = about or fields(event=listener.event)
        culprit, trace = who(listener.fn, error), shown(error)
        log.error(_FAILED, listener.event, culprit, exc_info=trace, extra=extra)

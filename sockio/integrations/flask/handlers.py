"""Handlers: the application's functions and classes, by namespace and event.

There is one handler for each event of a namespace; a new one replaces it. A function
goes before a method of a class, and a name before ``*``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from sockio.errors import ConfigError
from sockio.protocol.socketio.packet import RESERVED_EVENTS
from sockio.runtime.event_names import event_name
from sockio.runtime.listeners import Converter, Listener
from sockio.runtime.workers import FAILURES

from .arguments import call_fitting
from .errors import ConnectionRefusedError
from .namespace import Namespace

__all__ = ["ErrorHandler", "Handled", "Handlers"]

#: Stands for every event, or every namespace, that has no handler of its own.
ANY = "*"
#: Events of the library that may have handlers.
OWN = ("connect", "disconnect")

ErrorHandler = Callable[[Any], Any]


class Handled(NamedTuple):
    """What came of an event: an answer, perhaps that of a handler of errors."""

    answer: Any
    failed: bool = False


class Clients(Protocol):
    """The clients of a server, which are to have new handlers too."""

    def on_handler(self, namespace: str) -> None:
        """A handler of this namespace, or of any, has been registered."""


class Handlers:
    """All handlers of one ``SocketIO``."""

    def __init__(self) -> None:
        self._functions: dict[str, dict[str, Listener]] = {}
        self._classes: dict[str, Namespace] = {}
        #: Handlers of errors by namespace.
        self.of_errors: dict[str, ErrorHandler] = {}
        #: The handler of errors of all other namespaces.
        self.of_other_errors: ErrorHandler | None = None
        self.clients: Clients | None = None
        #: None: handlers get the arguments as they came.
        self._converter: Converter | None = None

    @property
    def namespaces(self) -> set[str]:
        """The namespaces that have handlers."""
        return (self._functions.keys() | self._classes.keys()) - {ANY}

    # ------------------------------------------------------------------ registering

    def add(self, event: Any, fn: Callable[..., Any], namespace: str) -> None:
        """Let ``fn`` handle an event of a namespace.

        Raises:
            TypeError: ``fn`` cannot be called.
            ConfigError: Nothing would ever call it, or only in vain.
        """
        name = event_name(event)
        if name in RESERVED_EVENTS and name not in OWN:
            raise ConfigError(f"on({name!r}): no client can send an event of that name")
        listener = self._let_convert(Listener(name, fn))
        if listener.wants_ack:
            raise ConfigError(
                f"on({name!r}): the answer is what the handler returns; leave out ack="
            )
        self._functions.setdefault(namespace, {})[name] = listener
        self._tell(namespace)

    def add_class(self, handler: Namespace) -> None:
        """Let an object handle its namespace.

        Raises:
            TypeError: Something that is named as a handler cannot be called.
            ConfigError: A handler could be called only in vain.
        """
        self._check_class(handler)
        self._classes[handler.namespace] = handler
        self._tell(handler.namespace)

    def convert_by(self, converter: Converter | None) -> None:
        """Let handlers get arguments as their types, or as they came.

        Raises:
            ConfigError: A handler has a type that nothing can be converted to.
        """
        self._converter = converter
        for functions in self._functions.values():
            for listener in functions.values():
                self._let_convert(listener)
        for handler in self._classes.values():
            self._check_class(handler)

    def _let_convert(self, listener: Listener) -> Listener:
        converter = self._converter
        listener.convert = converter and converter(listener.event, listener.fn)
        return listener

    def _check_class(self, handler: Namespace) -> None:
        handler.listener_of = lambda event, fn: self._let_convert(Listener(event, fn))
        for event in handler.events():
            handler.listener_of(event, handler.method_of(event))

    def _tell(self, namespace: str) -> None:
        if self.clients is not None:
            self.clients.on_handler(namespace)

    # ------------------------------------------------------------------ what there is

    def events(self, namespace: str) -> Iterator[str]:
        """Yield the names of the events of clients that have handlers of their own."""
        for functions in self._of_functions(namespace):
            yield from (name for name in functions if name not in (ANY, *OWN))
        handler = self._class_of(namespace)
        if handler is not None:
            yield from (name for name in handler.events() if name not in OWN)

    def functions_of(self, namespace: str) -> dict[str, Callable[..., Any]]:
        """Return what handles the events of clients, by event."""
        found: dict[str, Callable[..., Any]] = {}
        for functions in self._of_functions(namespace):
            for event, listener in functions.items():
                found.setdefault(event, listener.fn)
        handler = self._class_of(namespace)
        if handler is not None:
            for event in handler.events():
                found.setdefault(event, handler.method_of(event))  # type: ignore[arg-type]
        return {event: fn for event, fn in found.items() if event not in (ANY, *OWN)}

    def handler_of(self, namespace: str, event: str) -> Callable[..., Any] | None:
        """Return what handles an event of a client; None: nothing."""
        for functions in self._of_functions(namespace):
            listener = functions.get(event) or functions.get(ANY)
            if listener is not None:
                return listener.fn
        handler = self._class_of(namespace)
        return None if handler is None else handler.method_of(event)

    def catch_all(self, namespace: str) -> bool:
        """Whether events without a handler of their own are handled too."""
        handler = self._class_of(namespace)
        if handler is not None and handler.catches_all:
            return True
        return any(ANY in functions for functions in self._of_functions(namespace))

    def _class_of(self, namespace: str) -> Namespace | None:
        return self._classes.get(namespace) or self._classes.get(ANY)

    def _of_functions(self, namespace: str) -> Iterator[dict[str, Listener]]:
        for name in (namespace, ANY):
            if name in self._functions:
                yield self._functions[name]

    # ------------------------------------------------------------------ calling

    def handle(
        self, namespace: str, event: str, sid: str, args: tuple[Any, ...]
    ) -> Handled:
        """Call the handler of an event; if it fails, the handler of errors.

        What handlers of errors do not handle is raised, and refusals are.

        Args:
            namespace: The name of the namespace.
            event: The name of the event.
            sid: The client's.
            args: The arguments; of ``connect`` the environ and the auth.

        Blocks:
            As long as the handlers do.
        """
        for functions in self._of_functions(namespace):
            if event in functions:
                listener = functions[event]
            elif ANY in functions and event not in OWN:
                listener, args = functions[ANY], (event, *args)
            else:
                continue
            return self._attempt(namespace, call_fitting, listener, event, args)
        handler = self._class_of(namespace)
        if handler is None:
            return Handled(None)
        try:
            return self._attempt(namespace, handler.trigger_event, event, sid, *args)
        except ConnectionRefusedError:
            raise
        except FAILURES as exc:
            handle = getattr(handler, "error", None)
            if handle is None:
                raise
            return Handled(handle(exc), failed=True)

    def _attempt(self, namespace: str, call: Callable[..., Any], *args: Any) -> Handled:
        try:
            return Handled(call(*args))
        except ConnectionRefusedError:
            raise
        except FAILURES as exc:
            handle = self.of_errors.get(namespace, self.of_other_errors)
            if handle is None:
                raise
            return Handled(handle(exc), failed=True)

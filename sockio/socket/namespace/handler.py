"""NamespaceHandler: the handlers of a namespace as the methods of a class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, NamedTuple

from sockio.errors import ConfigError
from sockio.protocol.socketio.packet import RESERVED_EVENTS
from sockio.runtime.listeners import Listener
from sockio.socket.one_socket.socket import Socket

from .namespace import Namespace


class NamespaceHandler:
    """Derive from it, write ``on_<event>`` methods, give it to ``io.register``.

    Each method gets the socket, then what the event carries; what it returns is the
    acknowledgement. ``on_connect(socket, auth)`` is called before the client is let in:
    it refuses the client by returning False or raising ``ConnectError``. The library's
    own events call ``on_disconnect(socket, reason)``, ``on_disconnecting`` and
    ``on_error(socket, error)``.
    """

    #: The namespace it handles.
    namespace = "/"
    #: The namespace object, once registered; ``self.nsp.emit(...)``.
    nsp: Namespace = None  # type: ignore[assignment]

    def __init__(self, namespace: str | None = None) -> None:
        if namespace is not None:
            self.namespace = namespace

    def trigger_event(self, event: str, socket: Socket[Any], *args: Any) -> Any:
        """Call the method of ``event``; override this to see every event first."""
        return getattr(self, f"on_{event}")(socket, *args)

    def attach_to(self, nsp: Namespace) -> None:
        """Register the methods with ``nsp``.

        Raises:
            ConfigError: One has a wrong name, or cannot be called with its arguments.
        """
        methods = methods_of(self)
        connect = methods.pop("connect", None)
        self.nsp = nsp
        if connect is not None:
            nsp.use(partial(self._let_in, Listener("connect", connect)))
        nsp.on("connection", partial(self._connected, self._called(methods)))

    def _let_in(self, connect: Listener, socket: Socket[Any]) -> Any:
        args = connect.fit((socket, socket.handshake.auth))
        return self.trigger_event("connect", *args)

    def _called(self, methods: dict[str, Callable[..., Any]]) -> dict[str, Any]:
        """Return the function to call for each event."""
        if type(self).trigger_event is NamespaceHandler.trigger_event:
            return methods
        called = {event: partial(self.trigger_event, event) for event in methods}
        if self.nsp.options.validate:
            # The types of an event are those of its method, whatever comes before it.
            for event, method in methods.items():
                update_wrapper(called[event], method)
        return called

    def _connected(
        self, called: dict[str, Callable[..., Any]], socket: Socket[Any]
    ) -> None:
        for event, method in called.items():
            socket.on(event, partial(method, socket))


class Given(NamedTuple):
    """What a method is called with: at least and at most how many arguments."""

    least: int
    most: int
    words: str


#: The library's own events that a handler may have methods for.
_OWN = {
    "connect": Given(1, 2, "the socket and its auth"),
    "disconnect": Given(1, 3, "the socket, a reason and a description"),
    "disconnecting": Given(1, 3, "the socket, a reason and a description"),
    "error": Given(1, 2, "the socket and an error"),
}
#: An event of a client carries any number of arguments.
_CLIENTS = Given(1, 1 << 16, "the socket and the event's arguments")


def methods_of(handler: NamespaceHandler) -> dict[str, Callable[..., Any]]:
    """Return the methods of a handler by event.

    Raises:
        ConfigError: One has a wrong name, or cannot be called with its arguments.
    """
    found = {
        name.removeprefix("on_"): getattr(handler, name)
        for name in dir(handler)
        if name.startswith("on_")
    }
    for event, method in found.items():
        _check(f"{type(handler).__name__}.on_{event}", event, method)
    trigger = f"{type(handler).__name__}.trigger_event"
    _check_listener(trigger, handler.trigger_event, Given(2, 2, "an event, a socket"))
    return found


def _check(where: str, event: str, method: Any) -> None:
    if event == "connection":
        raise ConfigError(f"{where}: call this method on_connect")
    if not event or (event in RESERVED_EVENTS and event not in _OWN):
        raise ConfigError(f"{where}: no client can send an event of that name")
    _check_listener(where, method, _OWN.get(event, _CLIENTS))


def _check_listener(where: str, method: Any, given: Given) -> None:
    if not callable(method):
        raise ConfigError(
            f"{where} is {method!r}: a name that starts with on_ is a handler's; make "
            "it a function, or rename it"
        )
    try:
        listener = Listener(where, method)
    except ConfigError as exc:
        raise ConfigError(f"{where}: {exc}") from None
    if listener.most_args < given.least or listener.min_args > given.most:
        raise ConfigError(
            f"{where}: {listener.describe()} besides self, but it is called with "
            f"{given.words}"
        )


def instance_of(handler: type[NamespaceHandler] | NamespaceHandler) -> NamespaceHandler:
    """Return the handler; make it if its class was given.

    Raises:
        ConfigError: ``handler`` is neither, or has a method that could never be called.
    """
    if isinstance(handler, type) and issubclass(handler, NamespaceHandler):
        handler = handler()
    if not isinstance(handler, NamespaceHandler):
        raise ConfigError(
            f"register({handler!r}): give a class derived from NamespaceHandler, "
            "or an instance of one"
        )
    methods_of(handler)
    return handler

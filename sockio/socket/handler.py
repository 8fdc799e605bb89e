"""NamespaceHandler: the handlers of a namespace as the methods of a class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sockio.errors import ConfigError, ConnectError
from sockio.runtime.listeners import Listener


class HandledNamespace(Protocol):
    """What a handler is attached to."""

    def use(self, fn: Callable[[Any], object]) -> object: ...
    def on(self, event: Any, handler: Any, /) -> Any: ...


class NamespaceHandler:
    """Derive from it, write ``on_<event>`` methods, give it to ``io.register``.

    Each method gets the socket, then what the event carries; what it returns is the
    acknowledgement. ``on_connect(socket, auth)`` is asked before the client is let in:
    it refuses by returning False or raising ``ConnectError``. ``on_disconnect(socket,
    reason)``, ``on_disconnecting`` and ``on_error(socket, error)`` are told.
    """

    #: The namespace it handles.
    namespace = "/"
    #: The namespace object, once registered; ``self.nsp.emit(...)``.
    nsp: Any = None

    def __init__(self, namespace: str | None = None) -> None:
        if namespace is not None:
            self.namespace = namespace

    def trigger_event(self, event: str, socket: Any, *args: Any) -> Any:
        """Call the method of ``event``; override it to see every event on its way."""
        return getattr(self, f"on_{event}")(socket, *args)

    def attach_to(self, nsp: HandledNamespace) -> None:
        """Register the methods with ``nsp``."""
        self.nsp = nsp
        nsp.use(self._let_in)
        nsp.on("connection", self._connected)

    def _let_in(self, socket: Any) -> None:
        method = getattr(self, "on_connect", None)
        if method is None:
            return
        args = Listener("connect", method).fit((socket, socket.handshake.auth))
        if self.trigger_event("connect", *args) is False:
            raise ConnectError("Connection refused")

    def _connected(self, socket: Any) -> None:
        for name in dir(self):
            if not name.startswith("on_") or name == "on_connect":
                continue
            event = name.removeprefix("on_")
            method = getattr(self, name)
            if type(self).trigger_event is not NamespaceHandler.trigger_event:
                method = partial(self.trigger_event, event)
            socket.on(event, partial(method, socket))


def instance_of(handler: type[NamespaceHandler] | NamespaceHandler) -> NamespaceHandler:
    """The handler itself, made if its class was given.

    Raises:
        ConfigError: It is neither.
    """
    if isinstance(handler, type) and issubclass(handler, NamespaceHandler):
        return handler()
    if isinstance(handler, NamespaceHandler):
        return handler
    raise ConfigError(
        f"register({handler!r}): give a class derived from NamespaceHandler, "
        "or an instance of one"
    )

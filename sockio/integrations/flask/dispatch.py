"""Dispatch: from the sockets of a server to the handlers of the application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

from sockio.errors import ConnectError
from sockio.runtime import logs
from sockio.runtime.failures import name_of
from sockio.runtime.refusals import EVENT_REJECTED, NAMESPACE_REFUSED
from sockio.socket import validation
from sockio.socket.namespace.namespace import Namespace
from sockio.socket.one_socket.gate import reject
from sockio.socket.one_socket.socket import Socket
from sockio.socket.server.server import Server

from .arguments import Misfit
from .arrivals import Arrivals
from .context import Contexts
from .errors import ConnectionRefusedError
from .handlers import ANY, Handlers
from .options import Behaviour
from .reasons import reason_of

__all__ = ["Dispatch"]

log = logs.get("integrations.flask")

#: The attribute of a socket with the names of the events it listens to.
_LISTENS = "_flask_listens"


class _Heard(partial[None]):
    """What hears an event of a socket; the log names the application's handler."""

    @property
    def stands_for(self) -> Callable[..., Any] | None:
        """The application's handler."""
        socket, event = self.args
        dispatch: Dispatch = self.func.__self__  # type: ignore[attr-defined]
        return dispatch.handler_of(socket.nsp.name, event)


class Dispatch:
    """What the sockets of one server call."""

    def __init__(
        self,
        io: Server[Any],
        handlers: Handlers,
        contexts: Contexts,
        arrivals: Arrivals,
        how: Behaviour,
    ) -> None:
        self._io = io
        self._handlers = handlers
        self._contexts = contexts
        self._arrivals = arrivals
        self._how = how
        handlers.convert_by(validation.converter if io.options.validate else None)
        if ANY in how.namespaces:
            self._serve(io.of(how.any_namespace))
        for name in {"/", *how.namespaces} - {ANY}:
            self._open(name)
        for name in handlers.namespaces:
            self._open(name)
        handlers.clients = self

    def _open(self, name: str) -> None:
        """Let clients join a namespace."""
        if name not in self._io.namespaces or name == "/":
            namespace = self._io.of(name)
            # If any namespace may be joined, this one came with what serves it.
            if self._arrive not in namespace.guards:
                self._serve(namespace)

    def _serve(self, namespace: Namespace) -> None:
        namespace.use(self._arrive)
        namespace.on("connection", self._connected)

    # ------------------------------------------------------------------ connecting

    def _arrive(self, socket: Socket[Any]) -> None:
        """Call the connect handler before the client learns that it is let in."""
        if self._how.always_connect:
            return
        self._arrivals.begin(socket)
        with ExitStack() as undo:
            undo.callback(self._arrivals.refuse, socket)
            self._ask(socket)
            undo.pop_all()

    def _connected(self, socket: Socket[Any]) -> None:
        if self._how.always_connect:
            try:
                self._ask(socket)
            except ConnectError as exc:
                self._tell_refused(socket, exc)
                socket.disconnect()
                return
        self._listen(socket)
        socket.on("disconnecting", partial(self._disconnected, socket))
        self._arrivals.welcome(socket)

    def _tell_refused(self, socket: Socket[Any], error: ConnectError) -> None:
        cause, outgoing = NAMESPACE_REFUSED, socket.outgoing
        level = cause.level_now(log, self._io.reactor.repeats)
        if log.isEnabledFor(level):
            extra = cause.fields() | outgoing.about()
            sid = outgoing.label
            log.log(
                level, "sid=%s refused: %r; %s", sid, error.message, cause, extra=extra
            )

    def _ask(self, socket: Socket[Any]) -> None:
        """Call the connect handler.

        Raises:
            ConnectError: It refuses the client, or has failed.
        """
        args = (socket.request.environ, socket.handshake.auth or None)
        handled = self._handle(socket, "connect", args)
        if handled.failed:
            raise ConnectError("Internal server error")
        if handled.answer is False:
            raise ConnectionRefusedError

    def _disconnected(self, socket: Socket[Any], reason: str) -> None:
        self._handle(socket, "disconnect", (reason_of(reason),))

    # ------------------------------------------------------------------ events

    def handler_of(self, namespace: str, event: str) -> Callable[..., Any] | None:
        """Return what handles an event of a client; None: nothing does any more."""
        return self._handlers.handler_of(namespace, event)

    def functions_of(self, namespace: str) -> dict[str, Callable[..., Any]]:
        """Return what handles the events of clients, by event, for a schema."""
        return self._handlers.functions_of(namespace)

    def on_handler(self, namespace: str) -> None:
        """Let the clients that are here have a new handler."""
        if namespace == ANY:
            spaces: Iterable[Namespace] = self._io.namespaces.values()
        else:
            self._open(namespace)
            spaces = (self._io.of(namespace),)
        for space in spaces:
            for socket in space.sockets.values():
                if hasattr(socket, _LISTENS):
                    self._listen(socket)

    def _listen(self, socket: Socket[Any]) -> None:
        name = socket.nsp.name
        here: set[str] = socket.__dict__.setdefault(_LISTENS, set())
        events = set(self._handlers.events(name))
        concurrent = self._how.concurrent
        for event in events - here:
            heard = _Heard(self._heard, socket, event)
            socket.on(event, heard, concurrent=concurrent)
        if self._handlers.catch_all(name) and ANY not in here:
            events.add(ANY)
            socket.on_any(partial(self._heard_any, socket))
        here |= events

    def _heard_any(self, socket: Socket[Any], event: str, *args: Any) -> None:
        """Handle an event, unless it has a handler of its own."""
        if event in socket.__dict__[_LISTENS]:
            return
        ack = args[-1] if args and callable(args[-1]) else None
        self._heard(socket, event, *(args if ack is None else args[:-1]), ack=ack)

    def _heard(self, socket: Socket[Any], event: str, *args: Any, ack: Any) -> None:
        if event == "error" and args and isinstance(args[0], BaseException):
            return  # our own event, which tells of a handler that has failed
        try:
            handled = self._handle(socket, event, args)
        except Misfit as exc:
            self._tell(socket, event, exc)
            self._io.reactor.observers.tell("event_rejected", socket, event, exc)
            options = self._io.options
            answered = options.error_acks or options.validate
            reject(socket, exc, ack, error_acks=answered)
            return
        if ack is not None:
            ack.returned(handled.answer)

    def _tell(self, socket: Socket[Any], event: str, error: Misfit) -> None:
        part = f"{event} {name_of(error.listener.fn)}"
        level = EVENT_REJECTED.level_now(log, self._io.reactor.repeats, part)
        if log.isEnabledFor(level):
            extra = EVENT_REJECTED.fields() | socket.outgoing.about(event)
            log.log(level, "%s", error, extra=extra)

    def _handle(self, socket: Socket[Any], event: str, args: tuple[Any, ...]) -> Any:
        with self._contexts.of_client(socket, event, args):
            return self._handlers.handle(socket.nsp.name, event, socket.id, args)

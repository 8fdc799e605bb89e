"""SocketIO: Flask-SocketIO's object, on our server."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import flask
from flask.sessions import SessionMixin
from flask.testing import FlaskClient

from sockio.errors import ConfigError, NotSupported

from .arrivals import Arrivals
from .client import SocketIOTestClient
from .context import Contexts
from .current import client_of_request
from .dispatch import Dispatch
from .emitting import Emitting
from .handlers import ErrorHandler, Handlers
from .log_options import print_logs
from .login import room_of_user
from .namespace import Namespace
from .options import server_options, take_behaviour
from .pages import Front, mount, show_failures
from .reasons import DisconnectReason
from .running import FlaskServer, access_log, address_of, reloading
from .sending import Sending, arguments_of
from .server import Server
from .session import Sessions
from .tasks import BackgroundTask

__all__ = ["SocketIO"]

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", bound=ErrorHandler)


class SocketIO:
    """A Socket.IO server for a Flask application.

    Args:
        app: The application; without one, give it to ``init_app``. A process without
            an application can emit through a ``message_queue``.
        options: Flask-SocketIO's, and those of ``sockio.Server``.

    Raises:
        ConfigError: An option is wrong; the text says how to mend it.
    """

    reason = DisconnectReason
    async_mode = "gevent"

    def __init__(self, app: flask.Flask | None = None, **options: Any) -> None:
        #: What was given so far; ``init_app`` may give more.
        self.server_options: dict[str, Any] = options
        self._handlers = Handlers()
        self._mounted: _Mounted | None = None
        self._running = False
        self._emitting: Emitting | None = None
        if app is not None or "message_queue" in options:
            self.init_app(app)

    def init_app(self, app: flask.Flask | None, **options: Any) -> None:
        """Serve an application; with several, the last one is served.

        Args:
            app: The application; None: this process only emits.
            options: As for the constructor; they replace those given there.
        """
        self.server_options.update(options)
        if app is None:
            if self.server_options.get("message_queue") is not None:
                self._emitting = Emitting(self.server_options)
            return
        self._mounted = _Mounted(app, self.server_options, self._handlers)
        app.extensions["socketio"] = self

    @property
    def io(self) -> FlaskServer:
        """Our own server, with all its calls."""
        return self._here.io

    @property
    def server(self) -> Server:
        """What python-socketio's server has: calls with a sid."""
        return self._here.server

    @property
    def manage_session(self) -> bool:
        """Whether handlers get a copy of the user's session."""
        return self._here.sessions.managed

    @manage_session.setter
    def manage_session(self, managed: bool) -> None:
        self._here.sessions.managed = managed

    @property
    def _here(self) -> _Mounted:
        if self._mounted is None and self._emitting is not None:
            raise NotSupported(
                "this process has no application: it can only emit, by message_queue="
            )
        if self._mounted is None:
            raise ConfigError(
                "this SocketIO has no application yet: call init_app(app)"
            )
        return self._mounted

    # ------------------------------------------------------------------ handlers

    def on(self, message: Any, namespace: str | None = None) -> Callable[[F], F]:
        """Decorator: handle an event.

        Args:
            message: Its name; ``"*"`` is every event without a handler, whose name
                comes before its arguments.
            namespace: The name of the namespace; ``"*"`` is every one without a
                handler for this event.
        """

        def register(handler: F) -> F:
            self.on_event(message, handler, namespace)
            return handler

        return register

    def on_event(
        self, message: Any, handler: Callable[..., Any], namespace: str | None = None
    ) -> None:
        """Handle an event: ``on`` without a decorator."""
        self._handlers.add(message, handler, namespace or "/")

    def event(self, *args: Any, **kwargs: Any) -> Any:
        """Decorator: handle the event that has the function's name."""
        if len(args) == 1 and not kwargs and callable(args[0]):
            return self.on(args[0].__name__)(args[0])

        def register(handler: F) -> F:
            return self.on(handler.__name__, *args, **kwargs)(handler)

        return register

    def on_namespace(self, namespace_handler: Namespace) -> None:
        """Let an object handle its namespace.

        Raises:
            ValueError: It is no instance of ``Namespace``.
        """
        if not isinstance(namespace_handler, Namespace):
            raise ValueError(
                f"on_namespace({namespace_handler!r}): give an instance of a class "
                "derived from Namespace"
            )
        namespace_handler.socketio = self
        self._handlers.add_class(namespace_handler)

    def on_error(self, namespace: str | None = None) -> Callable[[E], E]:
        """Decorator: handle what the handlers of a namespace raise.

        The function gets the exception; what it returns is the answer to the event.
        """

        def register(handler: E) -> E:
            self._handlers.of_errors[namespace or "/"] = _callable(handler)
            return handler

        return register

    def on_error_default(self, exception_handler: E) -> E:
        """Decorator: handle the errors of namespaces that have no ``on_error``."""
        self._handlers.of_other_errors = _callable(exception_handler)
        return exception_handler

    # ------------------------------------------------------------------ events

    def emit(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        to: Any = None,
        room: Any = None,
        include_self: bool = True,
        skip_sid: Any = None,
        callback: Callable[..., Any] | None = None,
        broadcast: bool = True,
        ignore_queue: bool = False,
    ) -> None:
        """Emit an event, from anywhere.

        Args:
            event: Its name.
            args: Its data; a tuple is several arguments.
            namespace: The name of the namespace, ``/`` if not given.
            to: Rooms and sids; None: everybody.
            room: The same.
            include_self: False leaves out the client whose event is being handled.
            skip_sid: The sid of a client that is left out, or several.
            callback: Called with the client's answer. If several are addressed, it is
                called for each, with the first value of its answer.
            broadcast: Has no effect.
            ignore_queue: Reach only the clients of this server.

        Raises:
            EncodeError: The data cannot travel; nothing was sent.
        """
        if not include_self and skip_sid is None:
            skip_sid, _ = client_of_request("emit")
        sender: Sending | Emitting | None = self._emitting
        if sender is None or self._mounted is not None:
            sender = self._here.sending
        sender.emit(
            event,
            arguments_of(args),
            namespace=namespace or "/",
            to=room if to is None else to,
            without=skip_sid,
            callback=callback,
            local=ignore_queue,
        )

    def send(self, data: Any, json: bool = False, **how: Any) -> None:
        """Emit a ``message`` event, or ``json``; ``how`` is as for ``emit``."""
        self.emit("json" if json else "message", data, **how)

    def call(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        to: Any = None,
        room: Any = None,
        timeout: float = 60.0,
        ignore_queue: bool = False,
    ) -> Any:
        """Emit to one client and return its answer; several values are a tuple.

        Raises:
            AckTimeout: It did not come in ``timeout`` seconds.
            Disconnected: The client has gone, or there is none.

        Blocks:
            Until the answer comes or one of these happens.
        """
        return self._here.sending.call(
            event,
            arguments_of(args),
            namespace=namespace or "/",
            to=room if to is None else to,
            timeout=timeout,
        )

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take all clients out of a room."""
        if self._emitting is not None and self._mounted is None:
            self._emitting.close_room(room, namespace or "/")
        else:
            self.server.close_room(room, namespace)

    # ------------------------------------------------------------------ users

    def refresh_session(self) -> SessionMixin:
        """Read the session of the client again; see ``functions.refresh_session``."""
        return self._here.sessions.refresh()

    def disconnect_user(self, user_id: object) -> None:
        """Disconnect all clients of a user of Flask-Login, on all servers.

        Args:
            user_id: What ``user.get_id()`` returns.
        """
        for namespace in list(self.io.namespaces.values()):
            namespace.to(room_of_user(user_id)).disconnect_sockets()

    # ------------------------------------------------------------------ tasks

    def start_background_task(
        self, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> BackgroundTask:
        """Run a function in a greenlet of its own, in a context of the application.

        If a handler starts it, ``emit`` and the others are about the same client.
        """
        return BackgroundTask(self.io.spawn(target, *args, **kwargs))

    def sleep(self, seconds: float = 0) -> None:
        """Let other greenlets run. Blocks for that long."""
        self.io.sleep(seconds)

    # ------------------------------------------------------------------ running

    def run(
        self,
        app: flask.Flask,
        host: str | None = None,
        port: int | None = None,
        *,
        debug: bool | None = None,
        use_reloader: bool | None = None,
        reloader_options: Mapping[str, Any] | None = None,
        extra_files: Iterable[str] | None = None,
        log_output: bool | None = None,
        allow_unsafe_werkzeug: bool = False,
        **options: Any,
    ) -> None:
        """Serve an application with our own server until a signal ends it.

        Args:
            app: The application.
            host: The interface, ``127.0.0.1`` if not given.
            port: That of ``SERVER_NAME``, else 5000, if not given.
            debug: Show failures on Werkzeug's page; ``app.debug`` if not given.
            use_reloader: Start again when the code changes; as ``debug`` if not given.
            reloader_options: ``extra_files``, ``exclude_patterns``, ``interval``,
                ``reloader_type``.
            extra_files: Further files whose change matters.
            log_output: Write a line for each request; as ``debug`` if not given.
            allow_unsafe_werkzeug: Has no effect.
            options: Those of ``sockio.Server.run``: ``certfile``, ``workers`` ...

        Blocks:
            Until it has ended.
        """
        here = self._here
        debug = app.debug if debug is None else debug
        app.debug = debug
        if debug:
            show_failures(here.front.pages)
        log = access_log(debug if log_output is None else log_output)
        address = address_of(app, host, port)

        def serve() -> None:
            self._running = True
            try:
                here.io.run(address, **{"log": log, **options})
            finally:
                self._running = False

        if debug if use_reloader is None else use_reloader:
            reloading(serve, reloader_options, extra_files)
        else:
            serve()

    def test_client(
        self,
        app: flask.Flask,
        namespace: str | None = None,
        query_string: str | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Mapping[str, Any] | None = None,
        flask_test_client: FlaskClient | None = None,
    ) -> SocketIOTestClient:
        """Connect a client for a test; see ``SocketIOTestClient``."""
        return SocketIOTestClient(
            app, self, namespace, query_string, headers, auth, flask_test_client
        )

    def stop(self) -> None:
        """End what ``run`` has started: clients are disconnected, handlers may end.

        Raises:
            RuntimeError: ``run`` has not started this process's server.
        """
        if not self._running:
            raise RuntimeError("stop() ends what run() has started, and it has not")
        signal.raise_signal(signal.SIGTERM)


class _Mounted:
    """What one application has of a ``SocketIO``: a server, in front of it."""

    def __init__(
        self, app: flask.Flask, options: Mapping[str, Any], handlers: Handlers
    ) -> None:
        given = dict(options)
        print_logs(given.pop("logger", False), given.pop("engineio_logger", False))
        how = take_behaviour(given)
        self.io = FlaskServer(**server_options(given, app))
        self.sessions = Sessions(app, managed=how.manage_session)
        contexts = Contexts(app, self.sessions)
        self.io.around(contexts.around)
        arrivals = Arrivals()
        self.sending = Sending(self.io, arrivals)
        self.server = Server(self.io, self.sending)
        Dispatch(self.io, handlers, contexts, arrivals, how)
        self.front: Front = mount(self.io, app)
        self.io.serve_for(app, self.front)


def _callable(handler: E) -> E:
    if not callable(handler):
        raise ValueError(f"{handler!r} cannot be called: give a function")
    return handler

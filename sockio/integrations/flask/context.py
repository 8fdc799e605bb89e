"""Context: Flask's contexts around every call of the application's code.

Handlers, tasks, error handlers and callbacks run in an application context of their
own: ``g`` is new each time, and ``teardown_appcontext`` functions run after it. If the
call is about a client, there is a request context too: that of its handshake.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import flask

from sockio.runtime.surroundings import Call
from sockio.socket.one_socket.socket import Socket

from .current import CURRENT, Current
from .login import note_user
from .session import Sessions

__all__ = ["Contexts"]


class Contexts:
    """The contexts of one application."""

    def __init__(self, app: flask.Flask, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    def around(self, call: Call) -> Iterator[None]:
        """Surround a callback, a task, or what is called about a request.

        For ``io.around``; handlers are not called within it, see ``of_client``. A task
        is about the client whose handler has started it.
        """
        socket = call.socket
        if call.kind == "task" and (current := CURRENT.get(None)) is not None:
            socket = current.socket
        if call.kind in ("ack", "task") and socket is not None:
            with self.of_client(socket, None, call.args):
                yield
        elif call.kind == "http" and call.request is not None:
            with self._app.request_context(dict(call.request.environ)):
                yield
        elif call.kind in ("ack", "task", "every", "http"):
            with self._app.app_context():
                yield
        else:
            yield

    @contextmanager
    def of_client(
        self, socket: Socket[Any], event: str | None, args: tuple[Any, ...]
    ) -> Iterator[None]:
        """Surround the handling of an event; None: of something that has no name.

        Args:
            socket: The client's.
            event: For ``request.event``.
            args: The same.
        """
        environ = socket.request.environ
        # Flask writes into it, and a client may have several handlers at a time.
        context: Any = self._app.request_context(dict(environ))
        request = context.request
        request.sid = socket.id
        request.namespace = socket.nsp.name
        request.event = {"message": event, "args": args}
        self._sessions.before(context, environ)
        # A task is started in a context of the application, and gets one of its own.
        started_in_one = flask.has_app_context()
        outer = self._app.app_context() if started_in_one else nullcontext()
        with outer, context:
            # No rule has our path. The error has a traceback, and so refers to itself.
            request.routing_exception = None
            self._sessions.opened(context, environ)
            token = CURRENT.set(Current(socket, context))
            try:
                yield
                note_user(socket)
                self._sessions.after()
            finally:
                CURRENT.reset(token)

"""Client: Flask-SocketIO's test client, on ``sockio.testing``.

Its packets pass through a session of the server. A call returns when the handlers have
ended, and raises what they raised, unless a handler of errors has taken it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from sockio.errors import ConnectError
from sockio.socket.server.server import Server
from sockio.testing.client import TestClient
from sockio.testing.client_socket import ClientSocket
from sockio.testing.received import Received

if TYPE_CHECKING:
    from .socketio import SocketIO

__all__ = ["SocketIOTestClient"]


class SocketIOTestClient:
    """A client of a test, in one or several namespaces."""

    __test__ = False  # pytest collects classes of such a name

    def __init__(
        self,
        app: flask.Flask,
        socketio: SocketIO,
        namespace: str | None = None,
        query_string: str | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Mapping[str, Any] | None = None,
        flask_test_client: FlaskClient | None = None,
    ) -> None:
        """Connect; ask ``is_connected`` whether the server has let the client in.

        Args:
            app: The application.
            socketio: Its ``SocketIO``.
            namespace: The namespace to join, ``/`` if not given.
            query_string: Of the handshake's request.
            headers: The same.
            auth: What the connect handler gets.
            flask_test_client: Whose cookies the request has, as those of a browser.

        Raises:
            Exception: What a handler raised.

        Blocks:
            Until the connect handler has ended.
        """
        if app.extensions.get("socketio") is not socketio:
            raise RuntimeError("test_client(app): call init_app(app) first")
        self.app = app
        self.socketio = socketio
        self.flask_test_client = flask_test_client
        self._io: Server[Any] = socketio.io
        #: The connections, each with at least one namespace.
        self._connections: list[TestClient] = []
        self._sockets: dict[str, ClientSocket] = {}
        self.connect(namespace, query_string, headers, auth)

    # ------------------------------------------------------------------ connecting

    def is_connected(self, namespace: str | None = None) -> bool:
        """Whether the client is connected to a namespace."""
        socket = self._sockets.get(namespace or "/")
        return socket is not None and socket.connected

    def connect(
        self,
        namespace: str | None = None,
        query_string: str | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Mapping[str, Any] | None = None,
    ) -> None:
        """Join another namespace, or one that was left; see the constructor.

        With a query string or headers, that takes a connection of its own.
        """
        name = namespace or "/"
        try:
            if self._connections and query_string is None and headers is None:
                self._sockets[name] = self._join(name, auth)
                return
            connection = TestClient(
                self._io,
                namespace=name,
                query=parse_qs((query_string or "").lstrip("?"), True),
                headers={**(headers or {}), **self._cookies()},
                connect=False,
                auth=auth,
            )
            connection.connect()
        except ConnectError:
            return
        self._connections.append(connection)
        self._sockets[name] = connection

    def disconnect(self, namespace: str | None = None) -> None:
        """Leave a namespace.

        Raises:
            RuntimeError: The client is not connected to it.
            Exception: What a handler raised.

        Blocks:
            Until the disconnect handler has ended.
        """
        socket = self._socket(namespace)
        del self._sockets[namespace or "/"]
        socket.disconnect()
        if not any(each.connected for each in self._sockets.values()):
            connections, self._connections = self._connections, []
            for connection in connections:
                connection.close()

    # ------------------------------------------------------------------ events

    def emit(
        self,
        event: str,
        *args: Any,
        callback: bool = False,
        namespace: str | None = None,
        **unused: Any,
    ) -> Any:
        """Send an event, and wait until its handler has ended.

        Args:
            event: Its name.
            args: Its arguments.
            callback: Whether to ask for an answer.
            namespace: The namespace, ``/`` if not given.
            unused: Has no effect.

        Returns:
            The answer: a value, or a list if these are none or several; None if there
            is no answer.

        Raises:
            RuntimeError: The client is not connected to the namespace.
            Exception: What a handler raised.

        Blocks:
            Until the handler has ended.
        """
        socket = self._socket(namespace)
        answers: list[list[Any]] = []

        def answered(*values: Any) -> None:
            answers.append(list(values))

        socket.emit(event, *args, ack=answered if callback else None)
        if not answers:
            return None
        [answer] = answers
        return answer[0] if len(answer) == 1 else answer

    def send(
        self,
        data: Any,
        json: bool = False,
        callback: bool = False,
        namespace: str | None = None,
    ) -> Any:
        """Send a ``message`` event, or ``json``; see ``emit``."""
        name = "json" if json else "message"
        return self.emit(name, data, callback=callback, namespace=namespace)

    def get_received(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """Return the events that have come since the last time.

        Each is a dict with ``name``, ``namespace`` and ``args``: a list, or the value
        itself for ``message`` and ``json``.

        Raises:
            RuntimeError: The client is not connected to the namespace.
            Exception: What a handler raised.

        Blocks:
            Until the handlers that run have ended.
        """
        socket = self._socket(namespace)
        return [_shown(each, namespace or "/") for each in socket.take_received()]

    def _join(self, name: str, auth: Mapping[str, Any] | None) -> ClientSocket:
        """Join a namespace on the first connection."""
        socket = self._connections[0].of(name, auth)
        if not socket.connected:  # it was left before
            socket.auth = auth
            socket.join()
        return socket

    def _socket(self, namespace: str | None) -> ClientSocket:
        if not self.is_connected(namespace):
            raise RuntimeError(f"not connected to {namespace or '/'!r}")
        return self._sockets[namespace or "/"]

    def _cookies(self) -> dict[str, str]:
        """Return the header with the cookies of the test's browser."""
        if self.flask_test_client is None:
            return {}
        environ = EnvironBuilder("/").get_environ()
        self.flask_test_client._add_cookies_to_wsgi(environ)
        cookies = environ.get("HTTP_COOKIE")
        return {"Cookie": cookies} if cookies else {}


def _shown(received: Received, namespace: str) -> dict[str, Any]:
    name, args = received.event, list(received)
    value = args[0] if name in ("message", "json") and args else args
    return {"name": name, "args": value, "namespace": namespace}

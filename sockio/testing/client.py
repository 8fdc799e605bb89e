"""TestClient: a client in the process of its server, without a network.

    with TestClient(io, auth={"token": "t"}) as client:
        assert client.emit_with_ack("add", 1, 2) == 3
        client.expect("added", 3)

Its packets pass through the codec and through a session of the server; what is missing
is only the network. A call returns when the server's handlers have ended, and raises
what they raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sockio.errors import ConfigError, ConnectError
from sockio.protocol.client import Client
from sockio.protocol.engineio import v4
from sockio.protocol.socketio import JsonParser, MsgpackParser, Parser
from sockio.socket.server.server import Server

from .activity import activity_of
from .client_socket import BY_CLIENT, ClientSocket
from .memory import MemoryWebSocket, cookies_of, environ_of

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["HandshakeRefused", "TestClient"]

#: Why a client is disconnected, in the words of the JavaScript client.
_LOST = "transport close"
#: More attachments than any packet has.
_ANY_NUMBER = 1 << 53


class HandshakeRefused(ConnectError):
    """The server has answered the request for a connection with something else."""

    def __init__(
        self,
        message: str,
        data: Any,
        status: str,
        headers: list[tuple[str, str]],
        body: bytes,
    ) -> None:
        # ``data`` is a dict with the ``code`` and the ``message`` of Engine.IO, or None
        # if a middleware has answered.
        super().__init__(message, data)
        #: Of the answer, such as "400 Bad Request".
        self.status = status
        #: Of the answer.
        self.headers = headers
        #: Of the answer.
        self.body = body


class TestClient(ClientSocket):
    """One client, and its socket in the first namespace that it joins.

    Use it in the native thread of the server, which is usually the only one.
    """

    __test__ = False  # pytest collects classes of such a name

    def __init__(
        self,
        io: Server[Any],
        *,
        namespace: str = "/",
        auth: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        query: Mapping[str, str | Sequence[str]] | None = None,
        address: str = "127.0.0.1",
        connect: bool = True,
        raise_errors: bool = True,
        timeout: float = 5.0,
    ) -> None:
        """Make a client; connect it, and wait until the connection handlers have ended.

        Args:
            io: The server.
            namespace: The namespace to join.
            auth: What the middlewares see as ``socket.handshake.auth``.
            headers: Of the request.
            cookies: Of the request, by name; those that the server sets are added.
            query: Fields of the request's query; several values in a list.
            address: The address of the client.
            connect: Whether to connect now; else ``connect`` does it.
            raise_errors: Whether the calls of this client raise what the code of the
                application raised. If not, it is only logged.
            timeout: Real seconds for which anything is waited for.

        Raises:
            ConnectError: The server has refused, with its message and data.
            HandshakeRefused: It has refused the request, with a status.
            Exception: What a middleware or a connection handler raised.

        Blocks:
            Until the connection handlers have ended.
        """
        if not isinstance(io, Server):
            raise ConfigError(f"TestClient({io!r}): give a sockio.Server")
        namespace = _with_slash(namespace)
        #: The server.
        self.io = io
        #: What the client knows.
        self.core = Client(_parser_for(io))
        #: Of its requests.
        self.headers = dict(headers or {})
        #: Of its requests, by name.
        self.cookies = dict(cookies or {})
        #: Of its requests.
        self.query = dict(query or {})
        #: Of its requests.
        self.address = address
        self.raise_errors = raise_errors
        self.timeout = timeout
        self.activity = activity_of(io)
        self.mailbox = io.reactor.mailbox(_call)
        super().__init__(self, namespace, auth)
        self._sockets: dict[str, ClientSocket] = {namespace: self}
        self._link: _Link | None = None
        self._joined = False
        if connect:
            self.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            self.close()
            return
        self.raise_errors = False  # of several errors, the first one tells most
        self.close()
        self.activity.take_errors()

    # ------------------------------------------------------------------ the connection

    def connect(self) -> None:
        """Open a connection, and join the namespaces; see the constructor.

        Blocks:
            Until the connection handlers have ended.
        """
        if self._link is not None:
            raise ConfigError("the client is connected already")
        self.io.reactor.may_block("a TestClient")
        if not self._joined:
            self._joined = True
            self.activity.join()
        with ExitStack() as undo:
            undo.callback(self._abandon)
            self._open()
            for socket in list(self._sockets.values()):
                socket.join()
            undo.pop_all()

    def of(self, namespace: str, auth: Mapping[str, Any] | None = None) -> ClientSocket:
        """Join another namespace on the same connection, or return its socket.

        Raises:
            ConnectError: The server has refused, with its message and data.
            Exception: What a middleware or a connection handler raised.

        Blocks:
            Until the connection handlers have ended.
        """
        namespace = _with_slash(namespace)
        socket = self._sockets.get(namespace)
        if socket is None:
            socket = ClientSocket(self, namespace, auth)
            self._sockets[namespace] = socket
            with ExitStack() as undo:
                undo.callback(self._sockets.pop, namespace)
                socket.join()
                undo.pop_all()
        return socket

    def drop(self) -> None:
        """Break the connection, as a bad network does.

        Raises:
            Exception: What a handler raised.

        Blocks:
            Until the disconnect handlers have ended.
        """
        with self._settling():
            if self._link is not None:
                self._link.websocket.hang_up()
                self.on_end()

    def reconnect(self) -> None:
        """Connect again, as a client does whose connection broke.

        If the server recovers connections, and it is not too late, it gives back the
        sockets, and sends the events that they missed.

        Raises:
            ConnectError: The server has refused.

        Blocks:
            Until the connection handlers have ended.
        """
        if self._link is not None:
            self.drop()
        self.connect()

    def close(self) -> None:
        """Leave all namespaces, and end the connection; more calls do nothing.

        Raises:
            Exception: What a handler raised, now or since the last call.

        Blocks:
            Until the disconnect handlers have ended.
        """
        try:
            for socket in list(self._sockets.values()):
                socket.disconnect()
            self.check()
        finally:
            self._abandon()

    def _abandon(self) -> None:
        if self._link is not None:
            self._link.websocket.hang_up()
            self.on_end(BY_CLIENT)
        if self._joined:
            self._joined = False
            self.activity.leave()

    # ------------------------------------------------------------------ for its sockets

    def flush(self) -> None:
        """Send what the core has to send."""
        for packet in self.core.take():
            if self._link is not None:
                self._link.websocket.send(v4.encode_packet(packet, binary=True))

    def check(self) -> None:
        """Raise an error of the application's code, if there is one to raise."""
        errors = self.activity.take_errors() if self.raise_errors else ()
        if errors:
            raise errors[0]

    def left(self) -> None:
        """A socket has left its namespace: the last one ends the connection."""
        if self._link is not None and not any(
            socket.connected for socket in self._sockets.values()
        ):
            self._link.websocket.hang_up()
            self.on_end(BY_CLIENT)

    # ------------------------------------------------------------------ from below

    def on_message(self, message: str | bytes) -> None:
        """A message of the server has come; called in the hub."""
        try:
            packet = self.core.receive(v4.decode_packet(message))
        except Exception as exc:
            # A boundary: the parser may be the application's, and this is the hub.
            self.activity.note(exc)
        else:
            if packet is not None and packet.nsp in self._sockets:
                self._sockets[packet.nsp].on_packet(packet)
            self.flush()
        self.activity.changed()

    def on_end(self, reason: str = _LOST) -> None:
        """The connection has ended."""
        self._link = None
        self.core.begin()
        for socket in self._sockets.values():
            socket.end(reason)
        self.activity.changed()

    def _open(self) -> None:
        """Ask for a connection, and wait for the server's open packet."""
        self.core.begin()
        io = self.io
        link = _Link(self)
        websocket = link.websocket
        headers = dict(self.headers)
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            headers["cookie"] = pairs
        environ = environ_of(
            websocket,
            path=io.engine.options.prefix,
            query=self.query,
            headers=headers,
            address=self.address,
        )
        self._link = link
        status, answered, body = Context().run(_request, io, environ)
        refusal = self.activity.take_refusal()
        for name, value in cookies_of(websocket.headers or answered).items():
            if value is None:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self.check()
        if websocket.headers is None:
            text = body.decode("utf-8", "replace") or status
            raise HandshakeRefused(text, refusal, status, answered, body)
        self._wait(lambda: self.core.opened or self._link is not link, self.timeout)


class _Link:
    """One connection of a client; a message of a former one is dropped."""

    def __init__(self, client: TestClient) -> None:
        io = client.io
        limit = io.engine.options.max_http_buffer_size
        self._client = client
        self.websocket = MemoryWebSocket(self, io.reactor.soon, limit)

    def on_message(self, data: str | bytes) -> None:
        if self._client._link is self:
            self._client.on_message(data)

    def on_end(self) -> None:
        if self._client._link is self:
            self._client.on_end()


def _request(
    app: Any, environ: dict[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Make one request; return the status, the headers and the body of the answer.

    Blocks:
        As long as the application does.
    """
    answer: list[Any] = ["", []]

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        answer[:] = status, headers
        return _no_write

    body = app(environ, start_response)
    try:
        parts = list(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    return answer[0], answer[1], b"".join(parts)


def _no_write(data: bytes) -> None:
    raise NotImplementedError("the write() of WSGI")


def _with_slash(namespace: str) -> str:
    """Return the name of a namespace, which may lack its slash, as in ``io.of``."""
    return namespace if namespace.startswith("/") else f"/{namespace}"


def _parser_for(io: Server[Any]) -> Parser:
    """Return the parser of the server, without its limits for what clients send."""
    options = io.options
    if options.parser == "msgpack":
        return MsgpackParser(options.json)
    if isinstance(options.parser, str):
        return JsonParser(options.json, max_attachments=_ANY_NUMBER)
    return options.parser


def _call(job: Callable[[], object]) -> None:
    job()

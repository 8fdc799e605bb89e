"""Raw client: Engine.IO and Socket.IO as bytes, over real TCP, on gevent sockets.

It knows only where the fields of the protocols stand, so that a test can send what a
well-behaved client never would.
"""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

import gevent.ssl

from .http_wire import TIMEOUT, Answer, HttpConnection
from .raw_websocket import RawWebSocket

#: The certificate of every TLS server of the tests, with its key.
CERTIFICATE = Path(__file__).parent / "localhost.pem"


class RawClient:
    """Everything one test sends to one server; ``close`` closes all of it."""

    def __init__(self, url: str, path: str = "/engine.io/", protocol: int = 4) -> None:
        parts = urlsplit(url)
        self.path = path
        #: The number of the Engine.IO protocol.
        self.protocol = protocol
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._host = parts.netloc
        self._tls = parts.scheme == "https"
        self._opened: list[HttpConnection] = []

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection that this client opened."""
        opened, self._opened = self._opened, []
        for connection in opened:
            connection.close()

    def http(self) -> HttpConnection:
        """Open a connection for HTTP requests."""
        connection = HttpConnection(self._address, self._host)
        self._opened.append(connection)
        if self._tls:
            context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(CERTIFICATE)
            connection.wire.socket = context.wrap_socket(
                connection.wire.socket, server_hostname="localhost"
            )
        return connection

    def target(self, **query: object) -> str:
        """Return the request target; EIO is ours if not given, None leaves it out."""
        fields = {"EIO": self.protocol, **query}
        present = {name: value for name, value in fields.items() if value is not None}
        return f"{self.path}?{urlencode(present)}"

    def request(
        self,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """Make one request on a connection of its own.

        Blocks:
            Until the answer is complete.
        """
        connection = self.http()
        answer = connection.request(method, self.target(**query), body, headers)
        connection.close()
        return answer

    def open_session(
        self, headers: dict[str, str] | None = None, **query: object
    ) -> PollingSession:
        """Make a polling handshake that must succeed.

        Blocks:
            Until it is answered.
        """
        return PollingSession(self, headers, query)

    def websocket(
        self, headers: dict[str, str] | None = None, **query: object
    ) -> RawWebSocket:
        """Open a WebSocket; raises ``Refused`` when there is no 101.

        Blocks:
            Until it is answered.
        """
        fields = {"transport": "websocket", **query}
        return RawWebSocket(self.http(), self.target(**fields), headers)

    def open_websocket_session(
        self, headers: dict[str, str] | None = None, **query: object
    ) -> tuple[RawWebSocket, dict[str, Any]]:
        """Open a session on a WebSocket; return it and the handshake's fields.

        Blocks:
            Until the open packet has come.
        """
        websocket = self.websocket(headers, **query)
        return websocket, handshake_fields(websocket.receive())

    def open_socket(
        self, namespace: str = "/", auth: Any = None, **query: object
    ) -> RawWebSocket:
        """Join a Socket.IO namespace over a WebSocket; the answer is taken from it.

        Blocks:
            Until the namespace's answer has come.
        """
        websocket, _ = self.open_websocket_session(None, **query)
        prefix = "" if namespace == "/" else f"{namespace},"
        websocket.send(f"40{prefix}" + ("" if auth is None else json.dumps(auth)))
        answer = websocket.receive_message()
        if not isinstance(answer, str) or not answer.startswith(f"40{prefix}"):
            raise AssertionError(f"the namespace did not answer 40: {answer!r}")
        return websocket


class PollingSession:
    """A session over HTTP: one keep-alive connection for polls, one for posts."""

    def __init__(
        self,
        client: RawClient,
        headers: dict[str, str] | None,
        query: dict[str, object],
    ) -> None:
        self.client = client
        self._query = {"transport": "polling", **query}
        self._polls = client.http()
        self._posts: HttpConnection | None = None
        #: The answer to the handshake request.
        self.answer = self._polls.request(
            "GET", client.target(**self._query), headers=headers
        )
        if self.answer.status != 200:
            raise AssertionError(f"{self.answer.status} {self.answer.text}")
        #: The fields of the open packet; what followed it is in ``answer``.
        self.handshake = handshake_fields(self._first_packet())
        self.sid: str = self.handshake["sid"]
        self._query["sid"] = self.sid

    def target(self, **query: object) -> str:
        """Return the request target of this session."""
        return self.client.target(**{**self._query, **query})

    def start_poll(
        self, headers: dict[str, str] | None = None, **query: object
    ) -> HttpConnection:
        """Send a GET; return the connection on which its answer can be received.

        While the first GET waits for its answer, each further call takes a connection
        of its own.
        """
        connection, self._polls = self._polls, self.client.http()
        connection.send("GET", self.target(**query), headers=headers)
        return connection

    def poll(
        self,
        timeout: float = TIMEOUT,
        headers: dict[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """Send a GET and return its answer.

        Blocks:
            Until there is something for us; TimeoutError after ``timeout``.
        """
        target = self.target(**query)
        answer = self._polls.request("GET", target, headers=headers, timeout=timeout)
        if answer.headers.get("connection", "").lower() == "close":
            self._polls.close()
            self._polls = self.client.http()
        return answer

    def start_post(
        self, body: str | bytes, headers: dict[str, str] | None = None
    ) -> HttpConnection:
        """Send packets on a connection of their own; their answer can be received."""
        connection = self.client.http()
        connection.send("POST", self.target(), body, headers)
        return connection

    def post(
        self,
        body: str | bytes,
        headers: dict[str, str] | None = None,
        method: str = "POST",
        **query: object,
    ) -> Answer:
        """Send packets and return the answer.

        Blocks:
            Until the answer is complete.
        """
        if self._posts is None:
            self._posts = self.client.http()
        answer = self._posts.request(method, self.target(**query), body, headers)
        if answer.headers.get("connection", "").lower() == "close":
            self._posts.close()
            self._posts = None
        return answer

    def websocket(self, headers: dict[str, str] | None = None) -> RawWebSocket:
        """Open a WebSocket for this session, without a probe.

        Blocks:
            Until it is answered.
        """
        return self.client.websocket(
            headers, EIO=self._query.get("EIO", self.client.protocol), sid=self.sid
        )

    def _first_packet(self) -> str:
        text = self.answer.text
        if text.startswith("___eio["):  # JSONP
            text = json.loads(text[text.index("(") + 1 : -2])
        if self._query.get("EIO", self.client.protocol) == 4:
            return text.split("\x1e")[0]
        length, _, rest = text.partition(":")
        return rest[: int(length)]

    def upgrade(self) -> RawWebSocket:
        """Move the session to a WebSocket, as a client does that has stopped polling.

        Blocks:
            Until the probe is answered.
        """
        websocket = self.websocket()
        websocket.send("2probe")
        if (answer := websocket.receive()) != "3probe":
            raise AssertionError(f"the probe was answered {answer!r}")
        websocket.send("5")
        return websocket


def handshake_fields(packet: str | bytes) -> dict[str, Any]:
    """Return the fields of an open packet."""
    if not isinstance(packet, str) or not packet.startswith("0{"):
        raise AssertionError(f"this is no open packet: {packet!r}")
    fields: dict[str, Any] = json.loads(packet[1:])
    return fields

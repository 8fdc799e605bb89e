"""Memory: a WebSocket without a network, and the request that asks for one.

The request passes through the server as any other: middlewares, checks and
``allow_request`` see it, and may refuse it. Then messages are handed over as they are,
one at a time.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import urlencode

from sockio.engine.websockets import READY_MADE
from sockio.engine.websockets.websocket import Receiver
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.standard_streams import errors
from sockio.types import Environ, StartResponse

__all__ = ["MemoryWebSocket", "cookies_of", "environ_of"]

#: Any 16 bytes in base64.
_KEY = "AAAAAAAAAAAAAAAAAAAAAA=="


class Peer(Protocol):
    """What the server's side tells the client's side, in the hub."""

    def on_message(self, data: str | bytes) -> None: ...
    def on_end(self) -> None:
        """The server has closed the connection."""


class MemoryWebSocket:
    """Both sides of one WebSocket in this process."""

    def __init__(
        self, peer: Peer, soon: Callable[..., object], max_payload: int
    ) -> None:
        """Make one that is not accepted yet.

        Args:
            peer: The client.
            soon: Calls a function in the hub, in the order of these calls.
            max_payload: Largest message that the server takes, in bytes.
        """
        self._peer = peer
        self._soon = soon
        self._max_payload = max_payload
        #: What the client has sent and the server has not read; None: the end.
        self._unread: deque[str | bytes | None] = deque()
        self._receiver: Receiver | None = None
        self._paused = False
        #: The headers of the server's answer; None: it has not accepted.
        self.headers: list[tuple[str, str]] | None = None
        #: Neither side sends any more.
        self.closed = False

    # ------------------------------------------------------------------ the server's

    pending_size = 0
    unfinished = 0

    def accepted(self, headers: list[tuple[str, str]]) -> MemoryWebSocket:
        """Note the headers of the answer; return what the server uses from now on."""
        self.headers = headers
        return self

    @property
    def ready(self) -> bool:
        """Whether the client takes what is sent."""
        return not self.closed

    @property
    def writable(self) -> bool:
        """Whether the client takes what is sent."""
        return not self.closed

    def start(self, receiver: Receiver) -> None:
        """Deliver messages from now on."""
        self._receiver = receiver
        self._read()

    def offer(self, wire: Wire) -> bool:
        """Send the packets of ``wire``, one message each; False: it is closed."""
        if self.closed:
            return False
        for message in wire.messages:
            self._soon(self._peer.on_message, message)
        return True

    def pause(self) -> None:
        """Deliver nothing more until ``resume``."""
        self._paused = True

    def resume(self) -> None:
        """Deliver what has come."""
        if self._paused:
            self._paused = False
            self._soon(self._read)

    def close(self, code: int | None = None, reason: str = "") -> None:
        """Close; from now on no message is delivered."""
        if not self.closed:
            self._end()
            self._soon(self._peer.on_end)

    def finish(self, start_response: StartResponse) -> Iterable[bytes]:
        """Return what the WSGI callable has to return."""
        return ()

    def _read(self) -> None:
        while self._unread and not self._paused and self._receiver is not None:
            message = self._unread.popleft()
            if message is None:
                self._lose(None)
            elif _size(message) > self._max_payload:
                self._lose(f"a message of {_size(message)} bytes")
            else:
                self._receiver.on_message(message)

    def _lose(self, error: str | None) -> None:
        receiver = self._receiver
        self._end()
        self._soon(self._peer.on_end)
        if receiver is not None:
            receiver.on_closed(error)

    def _end(self) -> None:
        self.closed = True
        self._receiver = None
        self._unread.clear()

    # ------------------------------------------------------------------ the client's

    def send(self, message: str | bytes) -> None:
        """Send one message to the server."""
        self._put(message)

    def hang_up(self) -> None:
        """End the connection, behind what was sent."""
        self._put(None)

    def _put(self, item: str | bytes | None) -> None:
        if not self.closed:
            self._unread.append(item)
            self._read()


def _size(message: str | bytes) -> int:
    if isinstance(message, str):
        return len(message) if message.isascii() else len(message.encode())
    return len(message)


def environ_of(
    websocket: MemoryWebSocket,
    *,
    path: str,
    query: Mapping[str, str | Sequence[str]],
    headers: Mapping[str, str],
    address: str,
) -> Environ:
    """Return the request that asks the server to use ``websocket``.

    Args:
        websocket: The client's.
        path: Where the server is.
        query: Fields of the query, beside those of the protocol; several values of a
            name in a list.
        headers: By name; those of the WebSocket handshake are added.
        address: The client's.
    """
    fields = {"EIO": "4", "transport": "websocket", **query}
    lines = {
        "host": "localhost",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": _KEY,
        "sec-websocket-version": "13",
        **{name.lower(): value for name, value in headers.items()},
    }
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": urlencode(fields, doseq=True),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": address,
        "REMOTE_PORT": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": errors(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        READY_MADE: websocket,
        **{f"HTTP_{name.upper().replace('-', '_')}": v for name, v in lines.items()},
    }


def cookies_of(headers: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Return the cookies that an answer sets, by name; None: one that it deletes."""
    found: dict[str, str | None] = {}
    for name, value in headers:
        if name.lower() != "set-cookie":
            continue
        try:
            cookie = SimpleCookie(value)
        except CookieError:
            continue  # as browsers do
        for key, morsel in cookie.items():
            found[key] = None if morsel["max-age"] == "0" else morsel.value
    return found

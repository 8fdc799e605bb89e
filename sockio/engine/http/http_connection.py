"""HttpConnection: one client's connection to our HTTP server.

The hub reads it: a connection that waits for its next request costs a watcher and no
greenlet, and the same watcher notices that a client hangs up while its request is being
answered. A worker runs the application.
Spec: RFC 9112 "Connection Management".
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from sockio.runtime import logs
from sockio.runtime.latch import Latch
from sockio.types import Environ, WSGIApp

from .exchange import Exchange, PeerGone
from .request_body import RequestBody
from .request_head import MAX_HEAD, MAX_LINE, Head, body_length, parse_head

__all__ = ["CONNECTION", "HttpConnection"]

log = logs.get("engine.http")

#: Under this name environ has the connection.
CONNECTION = "sockio.connection"

_READ_SIZE = 65536
#: Bytes received ahead of what the application reads, before reading pauses.
_MOST_AHEAD = 65536
_READ, _WRITE = 1, 2
#: What a non-blocking socket raises when it would have to wait.
_AGAIN = (
    BlockingIOError,
    InterruptedError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REFUSAL = "HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Owner(Protocol):
    """What a connection asks of its server."""

    #: No request is taken any more.
    closing: bool
    loop: Any
    clock: Any
    application: WSGIApp

    def environ(self) -> Environ:
        """What all requests have in common, as a new dict."""

    def date(self) -> str:
        """The header line with the present time."""

    def run(self, exchange: Exchange) -> None:
        """Run ``exchange`` in a worker, now."""

    def ended(self, connection: HttpConnection, exchange: Exchange) -> None:
        """An exchange is over; for the log."""

    def forget(self, connection: HttpConnection) -> None:
        """The connection is closed, or somebody else's."""


class HttpConnection:
    """One client; a request at a time."""

    __slots__ = (
        "_address",
        "_arrival",
        "_buffer",
        "_ended",
        "_exchange",
        "_expects",
        "_on_hangup",
        "_owner",
        "_sock",
        "_watcher",
        "_watching",
        "taken",
        "tls",
    )

    def __init__(
        self, sock: Any, address: Any, owner: Owner, *, tls: bool = False
    ) -> None:
        """Read requests from ``sock``, which does not block, until either side ends."""
        self._sock = sock
        self._address = address
        self._owner = owner
        #: Received, and not yet part of a request that is being answered.
        self._buffer = b""
        #: The peer sends no more.
        self._ended = False
        self._exchange: Exchange | None = None
        #: The client waits for leave to send its body.
        self._expects = False
        #: Set when something arrives, while the application waits for that.
        self._arrival: Latch[None] | None = None
        self._on_hangup: Callable[[], object] | None = None
        self.tls = tls
        #: Another owner has the connection.
        self.taken = False
        self._watcher: Any = owner.loop.io(sock.fileno(), _READ)
        self._watching = False
        self._resume()

    # ------------------------------------------------------------------ in the hub

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(_READ_SIZE)
        except _AGAIN:
            return
        except OSError as exc:
            log.debug("a client went away: %s", exc)
            data = b""
        try:
            if not data:
                self._on_end()
                return
            self._buffer = self._buffer + data if self._buffer else data
            if self._exchange is None:
                self._begin()
            elif self._arrival is not None:
                self._arrival.set(None)
            elif len(self._buffer) > _MOST_AHEAD:
                self._pause()
        except Exception:
            # A boundary: a bug of ours met while reading ends this connection only.
            log.exception("a read failed; the connection is closed")
            self.close()
        if self.tls and self._watching and self._sock.pending():
            self._owner.loop.run_callback(self._read_decrypted)

    def _on_end(self) -> None:
        self._ended = True
        self._pause()
        if self._exchange is None:
            self._begin()
        if self._arrival is not None:
            self._arrival.set(None)
        if self._on_hangup is not None:
            on_hangup, self._on_hangup = self._on_hangup, None
            on_hangup()

    def _pause(self) -> None:
        if self._watching:
            self._watching = False
            self._watcher.stop()

    def _resume(self) -> None:
        if not self._watching and not self._ended:
            self._watching = True
            self._watcher.start(self._on_readable)
            if self.tls:  # decrypted bytes may wait without the descriptor being ready
                self._owner.loop.run_callback(self._read_decrypted)

    def _read_decrypted(self) -> None:
        if self._watching and self._sock.pending():
            self._on_readable()

    def _begin(self) -> None:
        """Start on the next request, if all of its head is there."""
        if self._exchange is not None or self._watcher is None:
            return
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end <= 0 or buffer.startswith(b"\r\n"):
            # RFC 9112, 2.2: empty lines before a request are to be ignored.
            buffer = self._buffer = buffer.lstrip(b"\r\n")
            end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._wait_for_head(buffer)
            return
        try:
            head = parse_head(buffer[:end])
            length = body_length(head.fields)
        except ValueError as exc:
            self._refuse("400 Bad Request", str(exc))
            return
        self._answer(head, length, buffer[end + 4 :])

    def _wait_for_head(self, buffer: bytes) -> None:
        if len(buffer) > MAX_LINE and buffer.find(b"\r\n", 0, MAX_LINE + 2) < 0:
            self._refuse("414 URI Too Long", "the request line does not end")
        elif len(buffer) > MAX_HEAD:
            self._refuse("431 Request Header Fields Too Large", "a head without end")
        elif b"\n\n" in buffer:
            self._refuse("400 Bad Request", "lines end without carriage return")
        elif self._ended and buffer:
            self._refuse("400 Bad Request", "the request is cut off")
        elif self._ended or self._owner.closing:
            self.close()

    def _answer(self, head: Head, length: int | None, rest: bytes) -> None:
        owner, fields = self._owner, head.fields
        connection = fields.get("HTTP_CONNECTION", "").lower()
        if head.version == "HTTP/1.1":
            keep = "close" not in connection
        else:
            keep = "keep-alive" in connection
        environ = _environ(owner.environ(), head, self._address)
        chunked = length is None and "HTTP_TRANSFER_ENCODING" in fields
        body = RequestBody(self, length or 0, chunked=chunked)
        environ["wsgi.input"] = body
        environ[CONNECTION] = self
        self._expects = fields.get("HTTP_EXPECT", "").lower() == "100-continue"
        self._buffer = rest
        self._exchange = Exchange(self, owner.application, environ, body, keep)
        owner.run(self._exchange)

    def _refuse(self, status: str, why: str) -> None:
        # The operator can do nothing about it, and anybody can fill a disk with it.
        log.debug("bad request from %s: %s", self._address, why)
        with suppress(OSError):
            self._sock.send(_REFUSAL.format(status).encode())
        self.close()

    # ------------------------------------------------------------------ in a worker

    @property
    def closing(self) -> bool:
        return self._owner.closing

    def date(self) -> str:
        return self._owner.date()

    def receive(self) -> bytes:
        """Return the next bytes; none at the end of the connection.

        Blocks:
            Until there are some.
        """
        if not self._buffer and not self._ended:
            if self._expects:
                self._expects = False
                self.send(_CONTINUE)
            self._resume()
            self._arrival = Latch(self._owner.clock)
            try:
                self._arrival.wait()
            finally:
                self._arrival = None
        data, self._buffer = self._buffer, b""
        return data

    def give_back(self, data: bytes) -> None:
        """Take bytes that were not meant for who received them."""
        self._buffer = data + self._buffer

    def send(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises:
            PeerGone: The client takes nothing more.

        Blocks:
            Until the kernel has it.
        """
        sent = self._send_some(data)
        if sent != len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_some(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)  # type: ignore[no-any-return]
        except _AGAIN:
            return 0
        except OSError as exc:
            raise PeerGone(*exc.args) from exc

    def _send_rest(self, data: memoryview) -> None:
        watcher = self._owner.loop.io(self._sock.fileno(), _WRITE)
        try:
            while data:
                free: Latch[None] = Latch(self._owner.clock)
                watcher.start(free.set, None)
                free.wait()
                watcher.stop()
                data = data[self._send_some(data) :]
        finally:
            watcher.stop()
            watcher.close()

    def finish(self, exchange: Exchange) -> None:
        """The exchange is over: wait for the next request, or close.

        Blocks:
            Until what is left of its body has arrived.
        """
        self._on_hangup = None
        self._owner.ended(self, exchange)
        keep = False
        try:
            # Who still waits for leave to send its body does not get it, and may send
            # a request instead, or the body all the same.
            if exchange.keep and not self.taken:
                keep = not self._expects and exchange.body.discard()
        finally:
            self._exchange = None
            if keep:
                self._go_on()
            elif not self.taken:
                self.close()

    def _go_on(self) -> None:
        if self._buffer or self._ended or self._owner.closing:
            self._owner.loop.run_callback(self._begin)
        self._resume()

    # ------------------------------------------------------------------ for others

    @property
    def address(self) -> Any:
        """The client's address, as its socket gave it."""
        return self._address

    @property
    def sock(self) -> Any:
        """The socket, which does not block."""
        return self._sock

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._exchange is not None

    def watch(self, on_hangup: Callable[[], object] | None) -> None:
        """Call ``on_hangup`` in the hub if the client goes before its answer; once."""
        self._on_hangup = on_hangup
        if on_hangup is not None and self._ended:
            self._owner.loop.run_callback(self._on_end)

    def take_over(self) -> bytes:
        """Leave the socket to the caller; return what was received and not read."""
        self.taken = True
        self._stop()
        early = b"" if self._exchange is None else self._exchange.body.rest()
        return early + self._buffer

    def close(self) -> None:
        """Close the connection at once."""
        if self._watcher is None:
            return
        self._stop()
        if self.tls:
            with suppress(OSError, ValueError):
                self._sock.unwrap()  # says goodbye, does not wait for the answer
        with suppress(OSError):
            self._sock.close()

    def _stop(self) -> None:
        self._ended = True
        self._pause()
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
            self._owner.forget(self)


def _environ(environ: Environ, head: Head, address: Any) -> Environ:
    """Complete ``environ`` with what PEP 3333 wants to know of a request."""
    method, target, version, fields = head
    environ["REQUEST_METHOD"] = method
    environ["SERVER_PROTOCOL"] = version
    environ["RAW_URI"] = target
    if not target.startswith("/") and "://" in target:
        # RFC 9112, 3.2.2: as sent to proxies, but any server must understand it.
        target = "/" + target.split("://", 1)[1].partition("/")[2]
    path, _, environ["QUERY_STRING"] = target.partition("?")
    if "%" in path:
        path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    environ["PATH_INFO"] = path
    if isinstance(address, tuple):
        environ["REMOTE_ADDR"] = address[0]
        environ["REMOTE_PORT"] = str(address[1])
    environ.update(fields)
    return environ

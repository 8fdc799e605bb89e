"""create_server(): gevent.pywsgi, TCP_NODELAY, listen/close.

pywsgi with a handler of ours. It answers ``Connection: close`` where the client asked
for it, sends a response in one piece, says nothing about clients that went away, and
parses what WSGI needs and no more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import ssl
from collections.abc import Iterable
from time import time
from typing import Any
from urllib.parse import unquote_to_bytes

import gevent
import gevent.ssl
from gevent import pywsgi, socket
from gevent.event import Event

from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.types import Environ, StartResponse, WSGIApp

from .listening_socket import Address, ListeningSocket
from .listening_socket import listen as bind
from .request_head import body_length, parse_request_line, read_headers

__all__ = ["HTTPServer", "create_server"]

log = logs.get("engine.http")

#: Connections that may wait to be accepted; the kernel may allow fewer.
BACKLOG = 1024
#: Responses up to this size are sent together with their headers, in one piece.
_ONE_PIECE = 65536

#: What ends a connection from outside. OpenSSL's errors share the numbers' place.
_PEER_GONE = (
    errno.EPIPE,
    errno.ECONNRESET,
    errno.ECONNABORTED,
    errno.ETIMEDOUT,
    ssl.SSL_ERROR_ZERO_RETURN,
    ssl.SSL_ERROR_SYSCALL,
    ssl.SSL_ERROR_EOF,
)

_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


def create_server(app: WSGIApp | None = None, **pywsgi_options: Any) -> HTTPServer:
    """Make an HTTP server that is not listening yet.

    Args:
        app: Answers the requests; 404 to all of them while there is none.
        pywsgi_options: For ``gevent.pywsgi.WSGIServer``: ``log`` (None: no access log),
            ``error_log``, ``backlog``, ``spawn``, ``environ``, ``handler_class``.
    """
    return HTTPServer(app, **pywsgi_options)


class HTTPServer:
    """One listening address and the WSGI application behind it."""

    def __init__(self, app: WSGIApp | None = None, **pywsgi_options: Any) -> None:
        #: May be replaced at any time; the next request gets the new one.
        self.app = app
        self._backlog: int = pywsgi_options.pop("backlog", None) or BACKLOG
        self._options = {"log": None, "handler_class": Handler, **pywsgi_options}
        self._server: Server | None = None
        self._listening: ListeningSocket | None = None
        self._closed = Event()

    @property
    def address(self) -> tuple[str, int] | str | None:
        """Host and actual port, or ``"unix:PATH"``; None while not listening."""
        if self._server is None or self._listening is None:
            return None
        if self._listening.path is not None:
            return f"unix:{self._listening.path}"
        host, port = self._server.address[:2]
        return host, port

    def listen(
        self,
        address: Address = 3000,
        *,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> HTTPServer:
        """Bind and accept from now on; requests are served whenever the hub runs.

        Args:
            address: A port (of all interfaces), ``(host, port)``, ``"host:port"``,
                ``"[ipv6]:port"`` or ``"unix:/path"``; port 0 is a free one.
            certfile: PEM file with the certificate chain: the server speaks TLS.
            keyfile: PEM file with the key, where ``certfile`` does not contain it.
            ssl_context: Instead of both; gevent's class.

        Raises:
            ConfigError: An option is wrong, or the server is listening already.
            OSError: The address cannot be bound.
        """
        if self._server is not None:
            raise ConfigError(f"already listening on {self.address}; close() it first")
        tls = _tls_options(certfile, keyfile, ssl_context)
        listening = bind(address, self._backlog)
        try:
            server = Server(listening.sock, self._respond, **self._options, **tls)
            server.start()
        except BaseException:
            listening.close()
            raise
        self._server, self._listening = server, listening
        self._closed.clear()
        log.info("listening on %s", self.address)
        return self

    def serve_forever(self) -> None:
        """Serve until ``close()`` is called, or the greenlet is interrupted.

        Blocks:
            Until then.
        """
        if self._server is None:
            raise ConfigError("not listening; call listen(address) first")
        try:
            self._closed.wait()
        finally:
            self.close()

    def close(self, timeout: float | None = None) -> None:
        """Stop accepting; close each connection that has no request under way.

        The others end with their response, which says so. A Unix socket's file goes.

        Args:
            timeout: Seconds to wait for these; what still runs then is killed. None
                does not wait and kills nothing.

        Blocks:
            With a timeout, until the last connection ends.
        """
        server, listening = self._server, self._listening
        if server is None or listening is None:
            return
        log.info("closing %s", self.address)
        self._server = self._listening = None
        server.stop_listening()
        listening.close()
        self._closed.set()
        if timeout is not None:
            server.wait(timeout)

    def _respond(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if self.app is not None:
            return self.app(environ, start)
        start(
            "404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")]
        )
        return [b""]


class Server(pywsgi.WSGIServer):  # type: ignore[misc]
    """pywsgi's server, which knows its connections so that it can close them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.closing = False
        self.logs_requests = options.get("log") is not None
        #: Handlers with the greenlet of each.
        self._connections: dict[Any, gevent.Greenlet] = {}
        self._empty = Event()
        self._date = (0, b"")

    def date(self, now: float) -> bytes:
        """Return the Date header's value, made once a second."""
        second = int(now)
        if second != self._date[0]:
            self._date = second, pywsgi.format_date_time(now)
        return self._date[1]

    def update_environ(self) -> None:
        # pywsgi asks the DNS for the name, which may take seconds.
        address = self.address
        named = isinstance(address, tuple)
        self.environ.setdefault("SERVER_NAME", address[0] if named else "")
        self.environ.setdefault("SERVER_PORT", str(address[1]) if named else "")

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        try:
            secured = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError as exc:
            log.debug("TLS handshake with %s failed: %s", address, exc)
            return
        try:
            self.handle(secured, address)
        finally:
            secured.close()

    def handle(self, sock: Any, address: Any) -> None:
        handler = self.handler_class(sock, address, self)
        self._connections[handler] = gevent.getcurrent()
        try:
            handler.handle()
        finally:
            del self._connections[handler]
            if self.closing and not self._connections:
                self._empty.set()

    def stop_listening(self) -> None:
        """Accept no more, and hang up where nobody waits for an answer."""
        self.closing = True
        self.close()
        for handler in self._connections:
            if not getattr(handler, "busy", True):
                handler.hang_up()

    def wait(self, timeout: float) -> None:
        """Wait for the connections to end; kill what is left."""
        if self._connections and not self._empty.wait(timeout):
            gevent.killall(list(self._connections.values()), timeout=1)


class Handler(pywsgi.WSGIHandler):  # type: ignore[misc]
    """pywsgi's handler with a leaner parser and fewer system calls."""

    ignored_socket_errors = _PEER_GONE
    #: A request is being read or answered.
    busy = False
    provided_date: str | bytes | None
    result: Any

    def hang_up(self) -> None:
        """End a connection that waits for its next request."""
        with contextlib.suppress(OSError):
            # Beneath TLS, since the goodbye could block; wakes the reader.
            self.socket._sock.shutdown(socket.SHUT_RDWR)

    # ------------------------------------------------------------------ reading

    def handle_one_request(self) -> Any:
        if self.server.closing:
            return None
        try:
            result = super().handle_one_request()
        finally:
            self.busy = False
        if type(result) is tuple:
            with contextlib.suppress(OSError):
                self.socket.sendall(result[1])
            return None
        return result

    def read_requestline(self) -> str:
        line: str = super().read_requestline()
        self.busy = True
        # RFC 9112 2.2: an empty line before a request is to be ignored.
        return super().read_requestline() if line == "\r\n" else line

    def read_request(self, raw_requestline: str) -> bool:
        self.requestline = raw_requestline.rstrip()
        line = parse_request_line(raw_requestline)
        self.command, self.path, self.request_version = line
        self._fields = fields = read_headers(self.rfile.readline)
        self.content_length = body_length(fields)
        connection = fields.get("HTTP_CONNECTION", "").lower()
        if line.version == "HTTP/1.1":
            self.close_connection = "close" in connection
        else:
            self.close_connection = "keep-alive" not in connection
        return True

    def get_environ(self) -> Environ:
        environ: Environ = self.server.get_environ()
        environ["REQUEST_METHOD"] = self.command
        environ["SERVER_PROTOCOL"] = self.request_version
        environ["RAW_URI"] = target = self.path
        if not target.startswith("/") and "://" in target:
            # RFC 9112 3.2.2: as sent to proxies, but any server must understand it.
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        path, _, environ["QUERY_STRING"] = target.partition("?")
        if "%" in path:
            path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
        environ["PATH_INFO"] = path
        address = self.client_address
        if isinstance(address, tuple):
            environ["REMOTE_ADDR"] = address[0]
            environ["REMOTE_PORT"] = str(address[1])
        fields = self._fields
        environ.update(fields)
        upgrade = fields.get("HTTP_UPGRADE", "").lower() == "websocket"
        self.wsgi_input = pywsgi.Input(
            self.rfile,
            self.content_length,
            self.socket if fields.get("HTTP_EXPECT") == "100-continue" else None,
            "HTTP_TRANSFER_ENCODING" in fields,
        )
        environ["wsgi.input"] = self.rfile if upgrade else self.wsgi_input
        environ["wsgi.input_terminated"] = not upgrade
        return environ

    # ------------------------------------------------------------------ writing

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        if self.server.closing:
            self.close_connection = True
        write = super().start_response(status, headers, exc_info)
        if (
            self.close_connection
            and self.request_version == "HTTP/1.1"
            and self.code != 101
            and not any(name.lower() == "connection" for name, _ in headers)
        ):
            self.response_headers.append((b"Connection", b"close"))
        return write

    def finalize_headers(self) -> None:
        if self.provided_date is None:
            self.provided_date = self.server.date(time())
            self.response_headers.append((b"Date", self.provided_date))
        super().finalize_headers()

    def process_result(self) -> None:
        if type(self.result) is list:
            self.result = [b"".join(self.result)]
        super().process_result()

    def _write_with_headers(self, data: bytes) -> None:
        self.headers_sent = True
        self.finalize_headers()
        lines = [b"HTTP/1.1 " + self.status]
        lines += [b"%b: %b" % header for header in self.response_headers]
        if len(data) > _ONE_PIECE or self.response_use_chunked:
            self._sendall(b"\r\n".join([*lines, b"", b""]))
            self._write(data)
        else:
            # pywsgi's own error pages have an empty str as body.
            self._sendall(b"\r\n".join([*lines, b"", data or b""]))

    # ------------------------------------------------------------------ logging

    def log_request(self) -> None:
        if self.server.logs_requests:
            super().log_request()

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        # The operator can do nothing about it, and anybody can fill a disk with it.
        log.debug("bad request from %s: %s", self.client_address, ex)
        return "400", _BAD_REQUEST


def _tls_options(
    certfile: str | os.PathLike[str] | None,
    keyfile: str | os.PathLike[str] | None,
    ssl_context: ssl.SSLContext | None,
) -> dict[str, Any]:
    if ssl_context is not None:
        if certfile is not None or keyfile is not None:
            raise ConfigError("give either ssl_context or certfile and keyfile")
        if not isinstance(ssl_context, gevent.ssl.SSLContext):
            raise ConfigError(
                "ssl_context would block the whole process; make it with "
                "gevent.ssl.SSLContext, or call gevent.monkey.patch_all() first"
            )
        return {"ssl_context": ssl_context}
    if certfile is None:
        if keyfile is not None:
            raise ConfigError("keyfile needs certfile beside it")
        return {}
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile, keyfile)
    context.set_alpn_protocols(["http/1.1"])
    return {"ssl_context": context}

"""Client socket: finds the TCP socket behind environ, watches it, takes it over.

WSGI says nothing about the connection, so this module knows where each server keeps it:

* Our own server: its connection object is in environ.
* gevent.pywsgi (gunicorn's gevent_pywsgi, gevent-websocket's handler): the socket is
  below the buffered reader in ``wsgi.input``.
* gunicorn's gevent worker: ``gunicorn.socket``.
* Werkzeug: ``werkzeug.socket``; it can be watched, not taken over.
"""

from __future__ import annotations

import contextlib
import gc
import select
import sys
from _socket import MSG_PEEK
from _socket import socket as PlainSocket
from collections.abc import Callable
from io import BufferedReader
from typing import TYPE_CHECKING, Any, Protocol, cast

from gevent import Greenlet, GreenletExit, get_hub, pywsgi
from gevent.monkey import get_original
from gevent.socket import socket as GeventSocket

from sockio.httpd.connection import CONNECTION, HttpConnection
from sockio.httpd.exchange import Exchange
from sockio.httpd.owner import Place
from sockio.httpd.shortcut import Waiter
from sockio.runtime.hangup import hang_up
from sockio.runtime.watchers import READ, drop

from .early_socket import rest_of

if TYPE_CHECKING:
    from socket import socket

    from sockio.types import Environ

__all__ = [
    "HangupWatch",
    "TakenSocket",
    "end_idle",
    "find",
    "may_give_way",
    "take_over",
    "watch",
]

#: Makes epoll objects; None: not on this system. In a patched process ``select`` no
#: longer has it, since waiting in it would block. We never wait in it.
_Epoll: Any = get_original("select", "epoll") if hasattr(select, "EPOLLRDHUP") else None


def find(environ: Environ) -> socket | None:
    """Return the socket that the request came on, or None where nobody can tell.

    It still belongs to the server: watch it, but neither read nor close it.
    """
    if environ.get("SERVER_PROTOCOL", "").startswith("HTTP/2"):
        return None  # Other requests share the connection.
    connection: HttpConnection | None = environ.get(CONNECTION)
    if connection is not None:
        return cast("socket", connection.sock)
    found = environ.get("gunicorn.socket")
    if found is None:
        found = environ.get("werkzeug.socket")
    if found is None:
        found = getattr(getattr(_reader(environ), "raw", None), "_sock", None)
    return cast("socket | None", found)


class Holder(Protocol):
    """Who holds a descriptor while its client waits."""

    def hold(self, place: Place, sock: Any) -> None:
        """Give way if newcomers to ``place`` need the descriptor of ``sock``."""


def may_give_way(environ: Environ, holder: Holder | None) -> None:
    """Let ``holder`` of the request's descriptor make room for newcomers.

    Only our own server asks for that. None: nobody holds it.
    """
    connection: HttpConnection | None = environ.get(CONNECTION)
    if connection is not None and holder is not None:
        holder.hold(connection.owner, connection.sock)


def watch(
    environ: Environ,
    on_hangup: Callable[[], object],
    waiter: Waiter | None = None,
) -> HangupWatch | OwnWatch | None:
    """Call ``on_hangup`` once, in the hub, when the client goes away meanwhile.

    None where nobody can tell. Close what is returned before the request ends.

    Args:
        waiter: Released in the hub, if our own server needs the descriptor.
    """
    connection: HttpConnection | None = environ.get(CONNECTION)
    if connection is not None:
        return OwnWatch(connection, on_hangup, waiter)
    sock = find(environ)
    return None if sock is None else HangupWatch(sock, on_hangup)


class OwnWatch:
    """A watch under our own server, which reads its connections all the time."""

    __slots__ = ("_connection",)

    def __init__(
        self,
        connection: HttpConnection,
        on_hangup: Callable[[], object],
        waiter: Waiter | None,
    ) -> None:
        self._connection = connection
        connection.watch(on_hangup, waiter)

    def close(self) -> None:
        """Stop watching."""
        self._connection.watch(None)


class HangupWatch:
    """Call ``on_hangup`` once, in the hub, when the peer has closed the connection.

    Only peeks: a pipelined request stays for the server. While such bytes wait, the
    hang-up behind them is seen on Linux only, elsewhere it goes unnoticed.
    Under TLS it is the TCP connection's end that counts.
    """

    __slots__ = ("_epoll", "_on_hangup", "_sock", "_watcher")

    def __init__(self, sock: socket, on_hangup: Callable[[], object]) -> None:
        #: The kernel's socket: gevent and ssl wrappers refuse to peek, or may wait.
        self._sock = cast(PlainSocket, getattr(sock, "_sock", sock))
        self._on_hangup = on_hangup
        self._epoll: Any = None
        self._watcher: Any = get_hub().loop.io(self._sock.fileno(), READ)
        self._watcher.start(self._on_readable)

    def close(self) -> None:
        """Stop watching; to be called before the server uses the connection again."""
        if self._watcher is not None:
            drop(self._watcher)
            self._watcher = None
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None

    def _on_readable(self) -> None:
        try:
            hung_up = not PlainSocket.recv(self._sock, 1, MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            hung_up = True
        if hung_up:
            self._hung_up()
        else:
            self._wait_behind_data()

    def _hung_up(self) -> None:
        self.close()
        self._on_hangup()

    def _wait_behind_data(self) -> None:
        # The descriptor stays readable until the server reads, so watching it would
        # spin. An epoll object of its own, which the loop can watch like any other
        # descriptor, tells the peer's end apart from its bytes.
        self.close()
        if _Epoll is None:
            return
        with contextlib.suppress(OSError):  # no descriptor left: do without
            self._epoll = _Epoll(1)
            self._epoll.register(self._sock.fileno(), select.EPOLLRDHUP)
            self._watcher = get_hub().loop.io(self._epoll.fileno(), READ)
            self._watcher.start(self._hung_up)


class TakenSocket:
    """A connection that the WSGI server no longer reads or writes."""

    __slots__ = ("_by_iteration_end", "early", "released", "sock", "tls", "upgraded")

    def __init__(
        self,
        sock: socket,
        early: bytes,
        *,
        released: bool,
        tls: bool = False,
        upgraded: bool = False,
        by_iteration_end: bool = False,
    ) -> None:
        #: Non-blocking; it is the caller's to close.
        self.sock = sock
        #: It is gevent's SSLSocket, which may hold decrypted bytes although its
        #: descriptor is not readable: receive until SSLWantReadError.
        self.tls = tls
        #: What the server had read past the request's headers.
        self.early = early
        #: False (TLS, under servers of others): the server would close the socket when
        #: the request ends, so its greenlet must wait until the connection is over.
        self.released = released
        #: The server has sent the 101 already (gevent-websocket).
        self.upgraded = upgraded
        self._by_iteration_end = by_iteration_end

    def finish(
        self,
        start_response: Callable[..., object],
        status: str = "101 Switching Protocols",
    ) -> list[bytes]:
        """Return what makes the server release the connection, for the WSGI callable.

        Args:
            start_response: As given to the WSGI callable.
            status: For the server's access log; nothing is sent.

        Raises:
            StopIteration: Under gunicorn's gevent worker; let it pass to the server.
        """
        if not self.released:
            _end(self.sock)
        if self._by_iteration_end:
            raise StopIteration
        # Any response would be written to a descriptor that is gone. An empty result
        # without a response ends the request quietly; only the access log misses the
        # status (gunicorn 27's access log even fails without headers).
        handler = getattr(start_response, "__self__", None)
        if isinstance(handler, Exchange):
            start_response(status, [])
        elif isinstance(handler, pywsgi.WSGIHandler):
            start_response(status, [])
            handler.headers_sent = True
            handler.close_connection = True
        return []


def take_over(environ: Environ) -> TakenSocket | None:
    """Take the connection from the server; None where we do not know how.

    ``finish`` of what is returned must be called at the end of the request.
    """
    connection: HttpConnection | None = environ.get(CONNECTION)
    if connection is not None:
        early = connection.take_over()
        sock = connection.sock
        return TakenSocket(sock, early, released=True, tls=connection.tls)
    found = find(environ)
    if not isinstance(found, GeventSocket):
        return None
    gunicorn = "gunicorn.socket" in environ
    if gunicorn:
        buffered = _unreader(environ)
    elif environ.get("SERVER_SOFTWARE", "").startswith("gevent/"):
        buffered = _reader(environ)
    else:
        return None  # Some other server in a patched process.
    if buffered is None:
        return None  # A middleware has replaced wsgi.input.
    websocket = environ.get("wsgi.websocket")
    if websocket is not None:
        # Otherwise its handler would end with a close frame.
        websocket.closed = True
    # Any subclass is TLS, and keeps its state in the object: that has to stay.
    released = type(found) is GeventSocket
    rest = rest_of(found)
    sock = _detach(found) if released else found
    if not released:
        sock.settimeout(0.0)
    # Only now: from here on, looking into pywsgi's buffer cannot wait for more.
    early = buffered.buf.getvalue() if gunicorn else _drain(buffered)
    return TakenSocket(
        cast("socket", sock),
        early + rest,
        released=released,
        tls=not released,
        upgraded=websocket is not None,
        by_iteration_end=gunicorn,
    )


def end_idle(*, fresh: bool) -> None:
    """End the connections of gevent.pywsgi and gunicorn that wait for another request.

    They wait for a long time, and a server that closes waits for them. One on which
    a request has just arrived is left alone.

    Args:
        fresh: Whether those are ended, too, that wait for their first request.
    """
    # The exception that ends each without a log line.
    ends: dict[Any, type[BaseException]] = {
        pywsgi.WSGIHandler.read_requestline.__code__: GreenletExit
    }
    parser = sys.modules.get("gunicorn.http.parser")
    if parser is not None:
        ends[parser.Parser.__next__.__code__] = StopIteration
    for thing in gc.get_objects():
        # Not isinstance(): a lazy object would be made for that, a dead proxy raises.
        if issubclass(type(thing), Greenlet):
            frame = thing.gr_frame
            while frame is not None and frame.f_code not in ends:
                frame = frame.f_back
            if frame is None:
                continue
            reader = frame.f_locals["self"]
            if not _has_arrived(reader) and (fresh or not _is_fresh(reader)):
                thing.kill(ends[frame.f_code], block=False)


def _is_fresh(reader: Any) -> bool:
    """Whether pywsgi's handler, or gunicorn's parser, waits for its first request."""
    first = reader.mesg if hasattr(reader, "unreader") else reader.requestline
    return first is None


def _has_arrived(reader: Any) -> bool:
    """Whether there is something to read for pywsgi's handler, or gunicorn's parser."""
    sock = reader.unreader.sock if hasattr(reader, "unreader") else reader.socket
    try:
        return bool(getattr(sock, "_sock", sock).recv(1, MSG_PEEK))
    except OSError:
        return False  # nothing has arrived, or it is closed


def _reader(environ: Environ) -> Any:
    source = environ.get("wsgi.input")
    # pywsgi: the buffered reader itself for upgrades, wrapped for other requests.
    return getattr(source, "rfile", source)


def _detach(sock: Any) -> PlainSocket:
    family, kind, proto = sock.family, sock.type, sock.proto
    plain = PlainSocket(family, kind, proto, sock.detach())
    plain.setblocking(False)
    return plain


def _end(sock: Any) -> None:
    # Dropping the references is not enough: the server reads on for another request,
    # and its buffered reader keeps the descriptor open.
    hang_up(sock)
    if sock.fileno() >= 0:
        PlainSocket(fileno=sock.detach()).close()


def _drain(reader: BufferedReader) -> bytes:
    try:
        waiting = len(reader.peek())
    except OSError:
        return b""  # nothing buffered, and nothing to be had from the descriptor
    return reader.read(waiting)


def _unreader(environ: Environ) -> Any:
    """Return gunicorn's buffer of bytes received and not parsed."""
    reader = getattr(environ.get("wsgi.input"), "reader", None)
    # A chunked body has it only through its request.
    return getattr(getattr(reader, "req", reader), "unreader", None)

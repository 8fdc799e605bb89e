"""One connection, served by one of the servers that we know, in this process."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import gevent
import gevent.socket
from gevent.pywsgi import WSGIHandler, WSGIServer
from geventwebsocket.handler import WebSocketHandler
from gunicorn.config import Config
from gunicorn.workers.ggevent import GeventWorker

from sockio.httpd.connections import Connections
from sockio.httpd.environ import common_environ
from sockio.httpd.options import HttpOptions
from sockio.testing import FakeClock
from sockio.types import WSGIApp

__all__ = ["LISTENER", "PEER", "SERVERS", "Worker", "serve"]

#: Where the servers listen, as they believe, and where the client comes from.
LISTENER = ("192.0.2.1", 8000)
PEER = ("127.0.0.1", 5000)


class Worker(GeventWorker):  # type: ignore[misc]
    """A worker of gunicorn that has no process of its own."""

    def __init__(self, app: WSGIApp, options: Mapping[str, Any]) -> None:
        self.alive = True
        self.cfg = Config()
        for name, value in options.items():
            self.cfg.set(name, value)
        self.nr = 0
        self.max_requests = sys.maxsize
        self.wsgi = app
        #: The lines of the access log.
        self.lines: list[str] = []
        self.log = SimpleNamespace(
            access=lambda resp, *_: self.lines.append(resp.status),
            debug=_ignore,
            exception=_ignore,
            info=_ignore,
            warning=_ignore,
        )


def _ignore(*_: Any) -> None:
    pass


def _gunicorn(app: WSGIApp, sock: Any, **options: Any) -> None:
    listener = SimpleNamespace(getsockname=lambda: LISTENER)
    Worker(app, options).handle(listener, sock, PEER)


def _pywsgi(app: WSGIApp, sock: Any, handler: type[Any] = WSGIHandler) -> None:
    environ = {"SERVER_NAME": LISTENER[0], "SERVER_PORT": str(LISTENER[1])}
    server = WSGIServer(LISTENER, app, environ=environ, log=None, error_log=None)
    handler(sock, PEER, server).handle()


def _geventwebsocket(app: WSGIApp, sock: Any) -> None:
    _pywsgi(app, sock, WebSocketHandler)


def _ours(app: WSGIApp, sock: Any) -> None:
    clock = FakeClock()
    environ = common_environ(LISTENER, secure=False)
    connections = Connections(
        app, HttpOptions(), environ, listener=LISTENER, clock=clock
    )
    plain = socket.socket(fileno=sock.detach())
    plain.setblocking(False)
    connections.take(plain, PEER)
    clock.settle()
    connections.close()
    connections.wait(20)


SERVERS: dict[str, Callable[..., None]] = {
    "gunicorn": _gunicorn,
    "pywsgi": _pywsgi,
    "geventwebsocket": _geventwebsocket,
    "ours": _ours,
}


def serve(kind: str, app: WSGIApp, data: bytes, **options: Any) -> bytes:
    """Let a server answer ``data``, behind which the client sends nothing more.

    Args:
        options: Settings of gunicorn.

    Blocks:
        Until the server has closed the connection, or has given it away.
    """
    ours, theirs = socket.socketpair()
    sock: Any = gevent.socket.socket(fileno=ours.detach())
    with gevent.socket.socket(fileno=theirs.detach()) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        greenlet = gevent.spawn(SERVERS[kind], app, sock, **options)
        greenlet.join()
        sock.close()
        greenlet.get()
        return b"".join(iter(lambda: peer.recv(65536), b""))

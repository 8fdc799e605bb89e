"""Caller: the server that calls the application now, found on the stack.

WSGI hands over little of what the server knows, and a middleware may have changed
that. So we look for the function of the server that has called the application.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeAlias

import gevent
from gevent import get_hub, pywsgi
from gevent.event import Event
from gevent.pool import Group
from gevent.socket import socket as GeventSocket

from sockio.httpd.connection import CONNECTION, HttpConnection
from sockio.httpd.exchange import Exchange
from sockio.types import Environ

__all__ = [
    "Caller",
    "Gunicorn",
    "Ours",
    "Pywsgi",
    "caller_of",
    "gunicorn_servers",
    "hold_gunicorn",
]

_PYWSGI = pywsgi.WSGIHandler.handle_one_response.__code__
_OURS = Exchange._answer.__code__
#: No StopIteration passes through them, and they run when the call has returned.
_GENERATORS = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR


class Gunicorn(NamedTuple):
    """Gunicorn's gevent worker."""

    worker: Any
    #: Its object for the request.
    request: Any
    sock: Any
    address: Any
    #: The name of the listening socket.
    listener: Any
    #: Whether a generator stands between the server and the application.
    generator: bool

    @property
    def plain(self) -> bool:
        """Whether the connection belongs to this request alone, and is not TLS."""
        return self.request.version < (2, 0) and type(self.sock) is GeventSocket


class Pywsgi(NamedTuple):
    """gevent.pywsgi, also under gunicorn, and with gevent-websocket's handler."""

    handler: Any
    #: Whether a generator stands between the server and the application.
    generator: bool

    @property
    def plain(self) -> bool:
        """Whether the connection is not TLS."""
        return type(self.handler.socket) is GeventSocket


class Ours(NamedTuple):
    """Our own HTTP server."""

    connection: HttpConnection
    exchange: Exchange
    #: Whether a generator stands between the server and the application.
    generator: bool

    @property
    def plain(self) -> bool:
        """Whether the connection is not TLS."""
        return not self.connection.tls


Caller: TypeAlias = Gunicorn | Pywsgi | Ours


def caller_of(environ: Environ) -> Caller | None:
    """Return the server that called the application with ``environ``.

    None: We do not know that server, or it did not call in this greenlet.
    """
    codes = _gunicorn_codes()
    generator = False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code is _PYWSGI:
            return Pywsgi(frame.f_locals["self"], generator)
        if code is _OURS:
            connection = environ.get(CONNECTION)
            if connection is None:
                return None
            return Ours(connection, frame.f_locals["self"], generator)
        if code in codes:
            known = frame.f_locals
            return Gunicorn(
                known["self"],
                known["req"],
                known["sock"],
                known["addr"],
                known["listener_name"],
                generator,
            )
        generator = generator or bool(code.co_flags & _GENERATORS)
        frame = frame.f_back
    return None


def _gunicorn_codes() -> tuple[CodeType, ...]:
    module = sys.modules.get("gunicorn.workers.base_async")
    if module is None:
        return ()
    worker = module.AsyncWorker
    names = ("handle_request", "handle_http2_request")
    return tuple(
        getattr(worker, name).__code__ for name in names if name in vars(worker)
    )


def gunicorn_servers() -> tuple[Any, list[Any]] | None:
    """Return the gunicorn worker that this process is, and its servers of gevent.

    They are known only to the function in which the process's first greenlet waits.
    """
    module = sys.modules.get("gunicorn.workers.ggevent")
    if module is None:
        return None
    frame: FrameType | None = get_hub().parent.gr_frame
    while frame is not None:
        if frame.f_code is module.GeventWorker.run.__code__:
            known = frame.f_locals
            servers = known.get("servers")
            return (known["self"], servers) if servers else None
        frame = frame.f_back
    return None


def hold_gunicorn() -> Callable[[], object] | None:
    """Have the gunicorn worker wait when it ends, as for one more connection.

    It waits for ``--graceful-timeout`` at most.

    Returns:
        What lets it go. None: This process is no worker, or does not serve yet.
    """
    _, servers = gunicorn_servers() or (None, ())
    if not servers:
        return None
    over: Any = Event()
    pool = servers[0].pool
    pool.size += 1
    # Not the pool's own method: that would take the place of a client.
    Group.add(pool, gevent.spawn(over.wait))
    let_go: Callable[[], object] = over.set
    return let_go

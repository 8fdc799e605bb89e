"""Receivers: how a WSGI server gets a connection that another process has accepted.

It serves the connection with its own code, as if it had accepted it: its application,
with all that is around it, its environ, limits, log and timeouts.
"""

from __future__ import annotations

import copy
import sys
from _socket import socket as PlainSocket
from collections.abc import Callable, Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol

import gevent
from gevent.pywsgi import WSGIServer

from sockio.engine.http.early_socket import with_early
from sockio.httpd.connections import LISTENING, Connections
from sockio.types import Environ

from .caller import Ours, Pywsgi, caller_of, gunicorn_servers

__all__ = ["OURS", "Receiver", "Served", "receiver_of"]


class Receiver(Protocol):
    """The WSGI server of this process, as the owner of sessions sees it."""

    def take(
        self,
        sock: PlainSocket,
        address: Any,
        early: bytes,
        *,
        listener: Any = None,
        skip: int = 0,
        own_line: bool = True,
    ) -> bool:
        """Serve a connection from now on; called in the hub.

        Args:
            sock: A socket of the kernel's that does not block.
            address: The client's, as the server that accepted it gave it.
            early: What was received from it and nobody has answered.
            listener: The name of the listening socket that it came in on. If this
                server does not listen there, any other of its sockets stands for it.
            skip: So many of the first bytes of the answer were sent already.
            own_line: Whether the server counts and logs the requests.

        Returns:
            False: The server has ended, or has too much to do. ``sock`` is untouched.
        """


def receiver_of(environ: Environ) -> Receiver | None:
    """Return the receiver of the server that calls the application now.

    It lasts as long as the process, and is the same for all requests. Gunicorn's is
    known at any time. None: We do not know the server.
    """
    found = gunicorn_servers()
    if found is not None:
        worker, servers = found
        return _GeventReceiver([Served(server, worker) for server in servers])
    caller = caller_of(environ)
    if isinstance(caller, Ours):
        owner = caller.connection.owner
        return _OurReceiver(owner) if isinstance(owner, Connections) else None
    if isinstance(caller, Pywsgi):
        return _GeventReceiver([Served(caller.handler.server)])
    return None


class _OurReceiver:
    """Our own HTTP server."""

    def __init__(self, connections: Connections | None = None) -> None:
        #: Those of a server that stands for one which does not listen here.
        self._connections = connections

    def take(
        self,
        sock: PlainSocket,
        address: Any,
        early: bytes,
        *,
        listener: Any = None,
        skip: int = 0,
        own_line: bool = True,
    ) -> bool:
        connections = LISTENING.get(listener, self._connections)
        # No server of ours answers before it calls the application.
        if connections is None or connections.over or skip:
            return False
        connections.take(sock, address, early=early, logged=own_line)
        return True


#: Our own servers of this process, before they have called the application.
OURS: Receiver = _OurReceiver()


class _GeventReceiver:
    """The servers of gevent, which share a process."""

    def __init__(self, servers: Iterable[Served]) -> None:
        self._servers = list(servers)

    def take(
        self,
        sock: PlainSocket,
        address: Any,
        early: bytes,
        *,
        listener: Any = None,
        skip: int = 0,
        own_line: bool = True,
    ) -> bool:
        served = self._servers[0]
        for other in self._servers:
            if other.listener == listener:
                served = other
        if served.full:
            return False
        served.serve(with_early(sock, early, skip), address, own_line=own_line)
        return True


class Served:
    """One server of gevent, and how it handles connections.

    It is served on when the server is closed: then its sessions are brought to an end.
    """

    def __init__(self, server: Any, worker: Any = None) -> None:
        self.listener = server.address
        self._pool = server.pool
        #: Connections that are handled beside the pool.
        self._beside = 0
        self._handle: Callable[[Any, Any], object]
        self._handle_quietly: Callable[[Any, Any], object]
        if isinstance(server, WSGIServer):
            self._handle = server.handle
            self._handle_quietly = partial(_handle_quietly, server)
        else:
            # A server that is closed has no socket, which the worker would ask.
            stand_in = SimpleNamespace(getsockname=lambda: self.listener)
            self._handle = partial(worker.handle, stand_in)
            self._handle_quietly = partial(_quiet(worker).handle, stand_in)

    @property
    def full(self) -> bool:
        """Whether the pool is full, and as much runs beside it."""
        pool = self._pool
        return pool is not None and pool.full() and self._beside >= pool.size

    def serve(self, sock: Any, address: Any, *, own_line: bool = True) -> None:
        """Handle a connection; in the hub, which must not wait for the pool."""
        handle = self._handle if own_line else self._handle_quietly
        pool = self._pool
        if pool is None:
            gevent.spawn(_handle_and_close, handle, sock, address)
        elif not pool.full():
            pool.spawn(_handle_and_close, handle, sock, address)
        else:
            self._beside += 1
            gevent.spawn(self._handle_beside, handle, sock, address)

    def _handle_beside(
        self, handle: Callable[[Any, Any], object], sock: Any, address: Any
    ) -> None:
        try:
            _handle_and_close(handle, sock, address)
        finally:
            self._beside -= 1


def _handle_and_close(
    handle: Callable[[Any, Any], object], sock: Any, address: Any
) -> None:
    try:
        handle(sock, address)
    finally:
        sock.close()


def _handle_quietly(server: Any, sock: Any, address: Any) -> None:
    """Do what gevent.pywsgi does, without lines in the access log."""
    handler = server.handler_class(sock, address, server)
    handler.log_request = _log_nothing
    handler.handle()


def _log_nothing(*_args: Any) -> None:
    pass


def _quiet(worker: Any) -> Any:
    """Return a worker of gunicorn that neither counts requests nor logs them.

    Even if it wants HTTP/2 of its clients, another worker sends it HTTP/1.
    """
    quiet = copy.copy(worker)
    quiet.log = _Changed(worker.log, access=_log_nothing)
    quiet.cfg = _Changed(worker.cfg, http2_cleartext="off")
    quiet.max_requests = sys.maxsize
    return quiet


class _Changed:
    """An object with some attributes of its own, and all others of another object."""

    def __init__(self, other: Any, **own: Any) -> None:
        self._other = other
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._other, name)

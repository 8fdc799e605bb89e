"""Our worker of gunicorn, in this process: with settings, without a master."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent import socket
from gunicorn.config import Config
from gunicorn.glogging import Logger

from sockio.integrations.gunicorn import Worker
from sockio.types import WSGIApp

from .http_wire import TIMEOUT, HttpConnection


def config(**settings: Any) -> Any:
    """Return gunicorn's settings: these, and the defaults."""
    cfg = Config()
    for name, value in settings.items():
        cfg.set(name, value)
    return cfg


class Quiet(Logger):  # type: ignore[misc]
    """gunicorn's logger, without files."""

    def __init__(self, cfg: Any) -> None:
        self.cfg = cfg


class Recorder(Quiet):
    """The same; what can be logged of each request is kept in ``accesses``."""

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.accesses: list[dict[str, Any]] = []

    def access(self, *known: Any) -> None:
        self.accesses.append(self.atoms(*known))


class ServingWorker:
    """A worker that serves, and connections to it."""

    def __init__(self, worker: Worker, listeners: list[Any]) -> None:
        self.worker = worker
        self.log = worker.log
        self._addresses = [listener.getsockname() for listener in listeners]
        self._run = gevent.spawn(worker.run)
        self._connections: list[HttpConnection] = []

    @property
    def address(self) -> Any:
        """The address of its first socket."""
        return self._addresses[0]

    def connect(self, number: int = 0) -> HttpConnection:
        """Return a connection to one of its sockets."""
        connection = HttpConnection(self._addresses[number], "localhost")
        self._connections.append(connection)
        return connection

    def end(self) -> None:
        """End the worker as a signal does, and its connections."""
        self.worker.alive = False
        self._run.get(timeout=TIMEOUT)
        for connection in self._connections:
            connection.close()
        self.worker.tmp.close()

    def wait(self) -> None:
        """Wait until it has ended by itself."""
        self._run.get(timeout=TIMEOUT)


def listener() -> Any:
    """Return a listening socket, as a master gives it to its workers."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(16)
    return sock


def make_worker(cfg: Any, log: Any, sockets: list[Any]) -> Worker:
    """Return a worker, as a master makes it."""
    return Worker(1, os.getppid(), sockets, None, 30, cfg, log)


@contextmanager
def serving(
    app: WSGIApp,
    *,
    log: type[Quiet] = Quiet,
    sockets: list[Any] | None = None,
    **settings: Any,
) -> Iterator[ServingWorker]:
    """Serve ``app`` with gunicorn's settings, on one port unless ``sockets`` says."""
    cfg = config(**settings)
    listeners = sockets or [listener()]
    worker = make_worker(cfg, log(cfg), listeners)
    worker.wsgi = app
    served = ServingWorker(worker, listeners)
    try:
        yield served
    finally:
        served.end()

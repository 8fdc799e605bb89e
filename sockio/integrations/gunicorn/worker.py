"""Worker: gunicorn's gevent worker, with our own HTTP server in it.

``gunicorn -k sockio.integrations.gunicorn.Worker module:app``
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
import gevent.ssl
from gunicorn.errors import HaltServer
from gunicorn.sock import ssl_context
from gunicorn.workers.ggevent import GeventWorker

from sockio.httpd.acceptor import Acceptor, NoRoom
from sockio.runtime import logs

from .connections import WorkerConnections
from .settings import refusals

__all__ = ["Worker"]

log = logs.get("server")

#: Seconds between two looks at whether it is to end.
LOOK = 0.25
#: The exit code of gunicorn if a setting is refused: the one for a worker that cannot
#: start.
REFUSED = 3


class Worker(GeventWorker):  # type: ignore[misc]
    """Serves one application on all sockets of gunicorn's master.

    Patching, signals, the heartbeat, reloading and privileges are those of gunicorn's
    gevent worker.
    """

    #: Whether it goes on; signals and ``count`` end that.
    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what gunicorn gives to its workers; called in the master.

        Raises:
            HaltServer: A setting cannot be honoured; gunicorn logs which.
        """
        super().__init__(*args, **kwargs)
        faults = list(refusals(self.cfg))
        if faults:
            self.tmp.close()
            raise HaltServer("; ".join(faults), REFUSED)
        #: Whether it serves by now.
        self.serving = False
        self._listening: list[_Listening] = []
        self._at_end: list[Callable[[], object]] = []

    def at_end(self, call: Callable[[], object]) -> None:
        """Call ``call`` when the worker ends, while its connections are still served.

        It may block; the worker waits for it.
        """
        self._at_end.append(call)

    def count(self) -> None:
        """Count a request; the last one of ``max_requests`` ends the worker."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            log.info("gunicorn's worker has served max_requests, and ends")
            self.alive = False

    def run(self) -> None:
        """Serve until the worker is to end, then end in an orderly way.

        Blocks:
            Until then.
        """
        context = self._tls_context()
        self._listening = [_Listening(self, sock, context) for sock in self.sockets]
        self.serving = True
        while self.alive:
            self.notify()
            gevent.sleep(LOOK)
        ending = gevent.spawn(self._end)
        while not ending.ready():
            self.notify()
            ending.join(LOOK)

    def _tls_context(self) -> Any:
        """Return gevent's context, if the settings ask for TLS.

        Raises:
            RuntimeError: The one that the hook ``ssl_context`` has made would block.
        """
        if not self.cfg.is_ssl:
            return None
        context = ssl_context(self.cfg)
        if not isinstance(context, gevent.ssl.SSLContext):
            raise RuntimeError(
                "ssl_context returned a context that would block the whole process; "
                "make it with gevent.ssl.SSLContext"
            )
        return context

    def _end(self) -> None:
        """Accept no more; end sessions, then connections, in ``graceful_timeout``."""
        end = time.monotonic() + self.cfg.graceful_timeout
        for listening in self._listening:
            listening.acceptor.close()
        gevent.joinall([gevent.spawn(call) for call in self._at_end])
        for listening in self._listening:
            listening.connections.close()
        for listening in self._listening:
            listening.connections.wait(max(end - time.monotonic(), 0.0))


class _Listening:
    """A listening socket, and the connections that came in on it."""

    def __init__(self, worker: Worker, sock: Any, context: Any) -> None:
        address = sock.getsockname()
        self.connections = WorkerConnections(
            worker, address, secure=context is not None
        )
        sock.setblocking(False)
        self.acceptor = _WorkerAcceptor(sock, self.connections, worker.cfg, context)
        self.acceptor.start()


class _WorkerAcceptor(Acceptor):
    """Accepts clients while there are less than ``worker_connections``.

    At the limit, room is made as if no descriptor were left.
    """

    def __init__(
        self, sock: Any, connections: WorkerConnections, cfg: Any, context: Any
    ) -> None:
        super().__init__(
            sock, connections.take, connections, context, processes=cfg.workers
        )
        if cfg.workers > 1:
            self.max_accept = 1
        self._connections = connections
        self._most: int = cfg.worker_connections

    def accept(self) -> tuple[int, Any]:
        over = self._connections.count - self._most
        if over >= 0:
            raise NoRoom(
                f"{self._most} connections are open",
                "the limit: gunicorn --worker-connections",
                "worker-connections",
                over=over,
            )
        return super().accept()

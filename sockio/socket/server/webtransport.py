"""WebTransport: the UDP ports of a server.

A port is bound in the process that serves. Where several processes serve together, one
of them has it and the others wait for it. So nothing of it may pass a fork.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sockio.engine.server import EngineServer
from sockio.errors import ConfigError
from sockio.httpd.listening_socket import Address
from sockio.runtime import logs, tasks
from sockio.runtime.reactor import Reactor
from sockio.siblings import supervisor

from . import gunicorn

if TYPE_CHECKING:
    from sockio.engine.quic.listener import Listener

__all__ = ["Listening", "Ports"]

log = logs.get("server")


class Listening(Protocol):
    """A port that is served."""

    @property
    def address(self) -> tuple[str, int]:
        """The interface and the port."""

    def close(self, timeout: float | None = None) -> None:
        """Stop serving it."""


class Ports:
    """Those of one server."""

    def __init__(
        self,
        reactor: Reactor,
        start: Callable[[], object],
        meets_others: Callable[[], bool],
    ) -> None:
        """Have no ports.

        Args:
            reactor: Of the server.
            start: Starts it.
            meets_others: Whether other processes may serve on the same address.
        """
        self._reactor = reactor
        self._start = start
        self._meets_others = meets_others
        #: Those that the start has to serve.
        self._early: list[Listener] = []

    def listen(
        self,
        engine: EngineServer,
        address: Address,
        certfile: str,
        keyfile: str,
        *,
        max_connections: int,
    ) -> Listening:
        """Serve WebTransport on a port: now, or from the start of the server on.

        Raises:
            ConfigError: Nobody could use it, or what it needs is not installed.
            OSError: It cannot be bound.
        """
        options = engine.options
        if "webtransport" not in options.transports:
            raise ConfigError(
                "listen_webtransport: nobody could use it; give Server(transports="
                '["polling", "websocket", "webtransport"])'
            )
        try:
            from sockio.engine.quic.listener import Listener
        except ModuleNotFoundError as exc:
            raise ConfigError(
                f"WebTransport needs the package {exc.name}: pip install "
                '"sockio[webtransport]"'
            ) from exc
        listener = Listener(
            address,
            self._reactor,
            certfile=certfile,
            keyfile=keyfile,
            on_session=engine.on_webtransport_session,
            idle_timeout=options.ping_interval + options.ping_timeout,
            session_timeout=options.upgrade_timeout,
            max_connections=max_connections,
        )
        if self._reactor.started:
            listener.bind(patient=self._shared)
            listener.serve()
            return listener
        self._early.append(listener)
        if not _under_gunicorn():
            listener.bind(patient=self._shared)
            # Some HTTP servers call the server only for a request, and none may come.
            tasks.spawn(self._begin, name="the start of the server")
        return listener

    def _begin(self) -> None:
        if any(not listener.closed for listener in self._early):
            self._start()

    @property
    def _shared(self) -> bool:
        """Whether another process that serves with this one may have a port."""
        return _under_gunicorn() or supervisor.supervised() or self._meets_others()

    def start(self) -> None:
        """Serve, in the process that serves."""
        early, self._early = self._early, []
        for listener in early:
            if listener.closed:
                continue
            try:
                listener.bind(patient=self._shared)
            except OSError as exc:
                # The rest of the server works without.
                log.error("WebTransport is not served: %s", exc.strerror)
            else:
                listener.serve()

    def release(self) -> None:
        """Let the processes that this one makes bind the ports."""
        for listener in self._early:
            listener.release()


def _under_gunicorn() -> bool:
    """Whether this process is a worker of gunicorn, or its master."""
    return gunicorn.worker() is not None or "gunicorn.arbiter" in sys.modules

"""Serving: an application by its name, in this process or in several."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sockio import build
from sockio.adapters.cluster.cluster import Cluster
from sockio.adapters.memory import MemoryAdapter
from sockio.adapters.registry import given
from sockio.httpd.listening_socket import Address, ListeningSocket
from sockio.httpd.options import RunSettings
from sockio.httpd.server import HTTPServer
from sockio.runtime.standard_streams import say
from sockio.socket.server.naming import server_named
from sockio.socket.server.server import Server
from sockio.socket.server.workers import serve_together

from .exit_codes import telling_mistakes
from .reports import Reports

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Program", "facts"]


@dataclass(frozen=True, slots=True)
class Program:
    """An application, and how it is to be served."""

    #: ``MODULE:NAME``.
    app: str
    address: Address
    workers: int
    options: RunSettings

    def serve(self, reports: Reports | None = None) -> None:
        """Serve until a signal comes.

        Args:
            reports: Go to the process that reloads this one; None: there is none.

        Raises:
            ConfigError: There is no such application.
            SystemExit: It cannot be served.

        Blocks:
            The whole process, until it has ended.
        """
        if reports is None and self.workers == 1:
            server = server_named(self.app)
            server._lifecycle.on_serving = lambda _: _tell(facts(server))
            server.run(self.address, **self.options)
            return
        where = self.address if reports is None else reports.listening
        token = _Token()
        serve_together(
            where,
            self.workers,
            lambda: _Worker(self.app, token, reports),
            **self.options,
        )


class _Worker:
    """An application that is imported in the process that serves it."""

    def __init__(self, name: str, token: _Token, reports: Reports | None) -> None:
        self._name = name
        self._token = token
        self._reports = reports

    def run_as_worker(
        self,
        listening: ListeningSocket,
        group: str,
        on_ready: Callable[[], object],
        **options: Unpack[RunSettings],
    ) -> None:
        """Serve until a signal comes."""
        with telling_mistakes():
            server = _imported(self._name, self._reports)

            def serving(http_server: HTTPServer) -> None:
                if self._reports is not None:
                    self._reports.serving(http_server._stop_accepting)
                if self._token.take():
                    _tell(facts(server))

            server._lifecycle.on_serving = serving
            server._lifecycle.run_as_worker(listening, group, on_ready, **options)


class _Token:
    """What the first of several processes takes, which then speaks for all."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        os.write(writer, b".")
        os.close(writer)

    def take(self) -> bool:
        """Whether nobody has taken it."""
        return bool(os.read(self._reader, 1))


def _imported(name: str, reports: Reports | None) -> Server[Any]:
    """Import an application; whatever comes of it, what was imported is reported."""
    try:
        return server_named(name)
    finally:
        if reports is not None:
            reports.begin()


def facts(server: Server[Any]) -> list[str]:
    """Return what the person who has started a server may want to know."""
    options = server.engine.options
    versions = (
        f"sockio {build.VERSION}, Python {platform.python_version()}, "
        f"gevent {version('gevent')}"
    )
    return [
        f"  transports  {', '.join(options.transports)}; path {options.prefix}",
        f"  adapter     {_adapter(server.options.adapter)}",
        f"  versions    {versions}",
    ]


def _adapter(provider: Any) -> str:
    if given(provider) is MemoryAdapter:
        return "none: a broadcast reaches the clients of this host"
    return repr(provider.bus if isinstance(provider, Cluster) else provider)


def _tell(lines: list[str]) -> None:
    say("".join(f"{line}\n" for line in lines))

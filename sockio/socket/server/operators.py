"""Operators: what a server answers to those who run it, beside its clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from sockio.adapters.accounting import AdapterStats
from sockio.engine.options import EngineOptions
from sockio.engine.server import EngineServer
from sockio.errors import ConfigError
from sockio.runtime.lag import Lag
from sockio.runtime.meter import Meter
from sockio.runtime.reactor import Reactor
from sockio.siblings.siblings import Siblings
from sockio.socket.options import Metrics, ServerOptions
from sockio.types import WSGIApp

from .health import Health
from .metrics.metering import Metering, check_package
from .metrics.sample import Sampler
from .namespaces import Namespaces

__all__ = ["Operators"]


class Operated(Protocol):
    """The server, as far as its operators see it."""

    @property
    def options(self) -> ServerOptions: ...
    @property
    def reactor(self) -> Reactor: ...
    @property
    def engine(self) -> EngineServer: ...
    def start(self) -> None: ...
    def sleep(self, seconds: float = 0) -> None: ...


class Operators:
    """The pages of one server for its operators, and what they need."""

    def __init__(self, server: Operated, namespaces: Namespaces) -> None:
        """Make the pages that the options ask for.

        Raises:
            ConfigError: A package that one of them needs is not installed.
        """
        options = server.options
        self._server = server
        self._namespaces = namespaces
        #: Whether the server takes no new clients any more.
        self.ending = False
        self._lag = Lag(server.reactor)
        #: What the server says about itself.
        self.health = Health(self, self._lag, options.slow_handler)
        self._metering: Metering | None = None
        if options.metrics is not None:
            self._metering = self._measured(options.metrics)
        #: The pages by path.
        self.pages = dict(self._pages(options))

    def _pages(self, options: ServerOptions) -> Iterator[tuple[str, WSGIApp]]:
        if options.health is not None:
            yield options.health, self.health.alive
        if options.ready is not None:
            yield options.ready, self.health.ready
        if options.metrics_path is not None:
            yield options.metrics_path, self.metrics

    def _measured(self, options: Metrics) -> Metering:
        """Count from now on, before there are clients."""
        reactor = self._server.reactor
        meter = Meter(reactor.clock.now, options.names, options.buckets)
        reactor.meter = meter
        sampler = Sampler(
            lambda: self._server.engine,
            self._namespaces,
            meter,
            self._lag,
            names=options.names,
            sleep=self._server.sleep,
        )
        reactor.observers.add(sampler.tallies)
        return Metering(options, sampler, lambda: not self.health.obstacles())

    @property
    def metrics(self) -> WSGIApp:
        """The page for Prometheus.

        Raises:
            ConfigError: Nothing is counted for it, or a package is not installed.
        """
        if self._metering is None:
            raise ConfigError(
                "metrics_app: nothing is counted for this page; give "
                "Server(metrics=True)"
            )
        check_package()
        return self._metering.page

    def meet(self, siblings: Siblings) -> None:
        """Speak for these processes, too."""
        if self._metering is not None:
            self._metering.meet(siblings, self._server.reactor)

    def check_paths(self, options: EngineOptions) -> None:
        """Check that no page is where clients look for the engine.

        Raises:
            ConfigError: One is.
        """
        for path in self.pages:
            if path.startswith(options.prefix):
                raise ConfigError(
                    f"{path!r} is below path={options.path!r}, where clients look for "
                    "the server: give the page another path"
                )

    def start(self) -> None:
        """Start the server, if it has not started."""
        self._server.start()

    def adapter_stats(self) -> AdapterStats | None:
        """Return how the server is connected to others; None: it is not to be."""
        return self._namespaces.adapter_stats()

    def close(self) -> None:
        """Measure no more; the server has ended."""
        self.ending = True
        self._lag.close()
        if self._metering is not None:
            self._metering.close()

"""Operators: what a server answers to those who run it, beside its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sockio.adapters.accounting import AdapterStats
from sockio.engine.options import EngineOptions
from sockio.errors import ConfigError
from sockio.runtime.lag import Lag
from sockio.runtime.reactor import Reactor
from sockio.socket.options import ServerOptions
from sockio.types import WSGIApp

from .health import Health
from .namespaces import Namespaces

__all__ = ["Operators"]


class Operators:
    """The pages of one server for its operators, and what they need."""

    def __init__(
        self,
        options: ServerOptions,
        namespaces: Namespaces,
        reactor: Reactor,
        start: Callable[[], None],
    ) -> None:
        """Make the pages that the options ask for.

        Args:
            options: The server's.
            namespaces: The server's.
            reactor: The server's.
            start: Starts the server, if it has not started.
        """
        self.start = start
        self._namespaces = namespaces
        #: Whether the server takes no new clients any more.
        self.ending = False
        self._lag = Lag(reactor)
        #: What the server says about itself.
        self.health = Health(self, self._lag, options.slow_handler)
        #: The pages by path.
        self.pages = dict(self._pages(options))

    def _pages(self, options: ServerOptions) -> Iterator[tuple[str, WSGIApp]]:
        if options.health is not None:
            yield options.health, self.health.alive
        if options.ready is not None:
            yield options.ready, self.health.ready

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

    def adapter_stats(self) -> AdapterStats | None:
        """Return how the server is connected to others; None: it is not to be."""
        return self._namespaces.adapter_stats()

    def close(self) -> None:
        """Measure no more; the server has ended."""
        self.ending = True
        self._lag.close()

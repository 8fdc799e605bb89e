"""Provider: what makes the adapters of a server, and owns what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Set
from typing import TYPE_CHECKING

from sockio.errors import ConfigError

from .accounting import AdapterStats
from .adapter import Adapter, LocalNamespace
from .directory import Directory
from .leases import Lease

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

__all__ = ["Provider"]


class Provider(ABC):
    """An adapter factory that is started and closed; it owns what its adapters share.

    One connection to a broker, for instance, serves all namespaces of a server. A
    provider belongs to one server alone.
    """

    @abstractmethod
    def __call__(self, nsp: LocalNamespace) -> Adapter:
        """Make the adapter of a namespace; its ``init`` comes after ``start``."""

    @abstractmethod
    def start(self, reactor: Reactor) -> None:
        """Start, in the process and hub that serve; never blocks."""

    @abstractmethod
    def close(self) -> None:
        """End; all its adapters have been closed."""

    def retire(self, seconds: float) -> None:
        """Close, since another provider has taken its place; its adapters are closed.

        Args:
            seconds: Which it has to tell other servers what was said.

        Blocks:
            Until they were told, at most so long.
        """
        self.close()

    @property
    def uids(self) -> Set[str]:
        """Under which other servers know this one's adapters, present and former."""
        return frozenset()

    def succeed(self, uids: Set[str]) -> object:
        """Hear nothing of adapters that the same server had before.

        What they have said may be on its way yet; our clients have got it.
        """
        return None

    def stats(self) -> AdapterStats | None:
        """Return how the server is connected to others; None: there are none."""
        return None

    def directory(self) -> Directory:
        """Return that in which the servers find each other.

        Raises:
            ConfigError: There is none.
        """
        raise ConfigError(
            f"advertise= with the adapter {self!r}: the machines find each other in a "
            "directory, which a Cluster has whose bus has one, as those of redis://, "
            "postgresql:// and mongodb:// have; processes of one host need no "
            "advertise="
        )

    def lease(self, name: str) -> Lease:
        """Compete for ``name`` with the other servers; call it after ``start``.

        Raises:
            ConfigError: The servers cannot agree on one of them.
        """
        raise ConfigError(
            f"every(singleton=True): with the adapter {self!r} servers cannot agree on "
            "one of them; use a Cluster whose bus has lease(), as those of sockio have"
        )

"""Registry: what ``adapter=`` may be, and the factory that it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sockio.errors import ConfigError

from .adapter import Adapter, AdapterFactory, LocalNamespace, Provider
from .memory import MemoryAdapter

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

_SUPPORTED = (
    "give None (this server only), a sockio.adapters.Cluster, or a callable that takes "
    "the namespace and returns an Adapter"
)


class Plain(Provider):
    """The provider of a callable whose adapters share nothing."""

    def __init__(self, make: AdapterFactory) -> None:
        self.make = make

    def __call__(self, nsp: LocalNamespace) -> Adapter:
        return self.make(nsp)

    def start(self, reactor: Reactor) -> None: ...
    def close(self) -> None: ...


def adapter_factory(adapter: AdapterFactory | str | None) -> Provider:
    """Return the provider that makes the adapters of a server's namespaces.

    Raises:
        ConfigError: ``adapter`` is none of what is supported; the text names that.
    """
    if adapter is None:
        return Plain(MemoryAdapter)
    if isinstance(adapter, Provider):
        return adapter
    if isinstance(adapter, str):
        # A URL may hold a password: only its scheme goes into the text.
        scheme, colon, _ = adapter.partition(":")
        shown = f"{scheme}:..." if colon else adapter
        raise ConfigError(f"adapter={shown!r}: no adapter of that name; {_SUPPORTED}")
    if not callable(adapter):
        raise ConfigError(
            f"adapter= is {type(adapter).__name__}, no adapter factory; {_SUPPORTED}"
        )
    return Plain(adapter)


def given(provider: Provider) -> AdapterFactory:
    """Return what ``adapter_factory`` was given."""
    return provider.make if isinstance(provider, Plain) else provider

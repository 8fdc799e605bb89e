"""Registry: what ``adapter=`` may be, and the factory it stands for."""

from __future__ import annotations

from sockio.errors import ConfigError

from .adapter import AdapterFactory
from .memory import MemoryAdapter

_SUPPORTED = (
    "give None (this server only) or a callable that takes the namespace "
    "and returns an Adapter"
)


def adapter_factory(adapter: AdapterFactory | str | None) -> AdapterFactory:
    """Return what makes the adapters of a server's namespaces.

    Raises:
        ConfigError: ``adapter`` names none; the text says what there is.
    """
    if adapter is None:
        return MemoryAdapter
    if isinstance(adapter, str):
        # A URL may hold a password: only its scheme goes into the text.
        scheme, colon, _ = adapter.partition(":")
        shown = f"{scheme}:..." if colon else adapter
        raise ConfigError(f"adapter={shown!r}: no adapter of that name; {_SUPPORTED}")
    if not callable(adapter):
        raise ConfigError(
            f"adapter= is {type(adapter).__name__}, which makes none; {_SUPPORTED}"
        )
    return adapter

"""Registry: what ``adapter=`` may be, and the factory that it leads to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sockio.errors import ConfigError
from sockio.siblings.place import Folder, can_meet

from .adapter import Adapter, AdapterFactory, LocalNamespace
from .buses.mongo.url import SCHEMES as MONGO
from .buses.postgres.url import SCHEMES as POSTGRES
from .buses.redis.url import SCHEMES as REDIS
from .buses.redis.url import parse as parse_redis
from .cluster.cluster import Cluster
from .leases import ALONE, Lease
from .memory import MemoryAdapter
from .packages import needed
from .provider import Provider

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

_SUPPORTED = (
    "give None (this server only), unix:/path (the processes of one host), "
    "redis://..., postgresql://..., mongodb://..., a sockio.adapters.Cluster, or a "
    "callable that takes the namespace and returns an Adapter"
)


class Plain(Provider):
    """The provider of a callable whose adapters share nothing."""

    def __init__(self, make: AdapterFactory) -> None:
        self.make = make

    def __call__(self, nsp: LocalNamespace) -> Adapter:
        return self.make(nsp)

    def start(self, reactor: Reactor) -> None: ...
    def close(self) -> None: ...

    def lease(self, name: str) -> Lease:
        """Hold ``name``, since there is no other server; see ``Provider``."""
        return ALONE if self.make is MemoryAdapter else super().lease(name)

    def __repr__(self) -> str:
        return repr(self.make)


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
        scheme, colon, rest = adapter.partition(":")
        if colon and scheme.lower() == "unix":
            return _siblings(rest)
        if colon and scheme.lower() in REDIS:
            return _redis(adapter)
        if colon and scheme.lower() in POSTGRES:
            return _postgres(adapter)
        if colon and scheme.lower() in MONGO:
            return _mongo(adapter)
        shown = f"{scheme}:..." if colon else adapter
        raise ConfigError(f"adapter={shown!r}: no adapter of that name; {_SUPPORTED}")
    if not callable(adapter):
        raise ConfigError(
            f"adapter= is {type(adapter).__name__}, no adapter factory; {_SUPPORTED}"
        )
    return Plain(adapter)


def _siblings(where: str) -> Cluster:
    """Return the cluster of the processes that meet in the folder ``where``."""
    path = where[2:] if where.startswith("///") else where
    if not path.startswith("/") or path.startswith("//"):
        raise ConfigError(
            f"adapter='unix:{where}': give the folder where the processes meet, from "
            "the root on: unix:/run/shop"
        )
    if "?" in path:
        raise ConfigError(f"adapter='unix:{where}': there are no options")
    if not can_meet():
        raise ConfigError(
            f"adapter='unix:{where}': this system has no Unix sockets that keep "
            "packets apart (SOCK_SEQPACKET), as Linux has; use a broker, or one process"
        )
    # It cannot be imported where there are no such sockets.
    from .buses.siblings import SiblingsBus

    return Cluster(SiblingsBus(Folder(path)))


def _redis(url: str) -> Cluster:
    """Return the cluster at a URL of Redis or Valkey."""
    with needed("redis", by="adapter='redis:...'"):
        from .buses.redis.bus import RedisBus
        from .buses.redis.streams import StreamsBus
    _, options = parse_redis(url, os.environ)
    bus = StreamsBus(url) if options.mode == "streams" else RedisBus(url)
    return Cluster(bus, requests_timeout=bus.requests_timeout)


def _postgres(url: str) -> Cluster:
    """Return the cluster at a URL of PostgreSQL."""
    with needed("psycopg", by="adapter='postgresql:...'", extra="postgres"):
        from .buses.postgres.bus import PostgresBus
    bus = PostgresBus(url)
    return Cluster(bus, requests_timeout=bus.requests_timeout)


def _mongo(url: str) -> Cluster:
    """Return the cluster at a URL of MongoDB."""
    modules = ("bson", "pymongo")
    with needed("pymongo", by="adapter='mongodb:...'", extra="mongo", modules=modules):
        from .buses.mongo.bus import MongoBus
    bus = MongoBus(url)
    return Cluster(bus, requests_timeout=bus.requests_timeout)


def given(provider: Provider) -> AdapterFactory:
    """Return what ``adapter_factory`` was given."""
    return provider.make if isinstance(provider, Plain) else provider

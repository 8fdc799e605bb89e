"""WHO RECEIVES A BROADCAST, here and on the other servers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

#: Where each public name lives; loaded on first use, so that a program that only
#: publishes needs no gevent.
_HOME = {
    "Account": "accounting",
    "Adapter": "adapter",
    "AdapterFactory": "adapter",
    "AdapterStats": "accounting",
    "Asking": "adapter",
    "BroadcastOptions": "addressing",
    "Bus": "cluster.bus",
    "Cluster": "cluster.cluster",
    "ClusterAdapter": "cluster.adapter",
    "Directory": "directory",
    "Exchange": "buses.in_process",
    "Flags": "addressing",
    "FoundSocket": "adapter",
    "Gap": "accounting",
    "Lease": "leases",
    "Leases": "leases",
    "LocalNamespace": "adapter",
    "LocalRooms": "cluster.bus",
    "LocalSocket": "adapter",
    "Log": "cluster.bus",
    "MemoryAdapter": "memory",
    "Message": "cluster.messages",
    "MessageType": "cluster.messages",
    "Provider": "provider",
    "Session": "adapter",
    "SiblingsBus": "buses.siblings",
}

if TYPE_CHECKING:
    from .accounting import Account as Account
    from .accounting import AdapterStats as AdapterStats
    from .accounting import Gap as Gap
    from .adapter import Adapter as Adapter
    from .adapter import AdapterFactory as AdapterFactory
    from .adapter import Asking as Asking
    from .adapter import FoundSocket as FoundSocket
    from .adapter import LocalNamespace as LocalNamespace
    from .adapter import LocalSocket as LocalSocket
    from .adapter import Session as Session
    from .addressing import BroadcastOptions as BroadcastOptions
    from .addressing import Flags as Flags
    from .buses.in_process import Exchange as Exchange
    from .buses.siblings import SiblingsBus as SiblingsBus
    from .cluster.adapter import ClusterAdapter as ClusterAdapter
    from .cluster.bus import Bus as Bus
    from .cluster.bus import LocalRooms as LocalRooms
    from .cluster.bus import Log as Log
    from .cluster.cluster import Cluster as Cluster
    from .cluster.messages import Message as Message
    from .cluster.messages import MessageType as MessageType
    from .directory import Directory as Directory
    from .leases import Lease as Lease
    from .leases import Leases as Leases
    from .memory import MemoryAdapter as MemoryAdapter
    from .provider import Provider as Provider

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__

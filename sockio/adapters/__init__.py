"""WHO RECEIVES A BROADCAST, here and on the other servers."""

from __future__ import annotations

from .adapter import (
    Adapter,
    AdapterFactory,
    BroadcastOptions,
    Flags,
    FoundSocket,
    LocalNamespace,
    LocalSocket,
    Session,
)
from .memory import MemoryAdapter

__all__ = [
    "Adapter",
    "AdapterFactory",
    "BroadcastOptions",
    "Flags",
    "FoundSocket",
    "LocalNamespace",
    "LocalSocket",
    "MemoryAdapter",
    "Session",
]

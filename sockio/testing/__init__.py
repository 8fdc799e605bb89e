"""For tests, yours and ours: clients without a network, a clock that you advance."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

#: Where each name lives; loaded on first use, since a test may patch things before.
_HOME = {
    "ClientSocket": "client_socket",
    "FakeClock": "clock",
    "HandshakeRefused": "client",
    "LiveServer": "live",
    "Received": "received",
    "TestClient": "client",
}

if TYPE_CHECKING:
    from .client import HandshakeRefused as HandshakeRefused
    from .client import TestClient as TestClient
    from .client_socket import ClientSocket as ClientSocket
    from .clock import FakeClock as FakeClock
    from .live import LiveServer as LiveServer
    from .received import Received as Received

__all__ = [*sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sockio.testing' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)

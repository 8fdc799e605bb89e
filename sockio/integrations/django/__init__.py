"""Django: its middlewares, sessions and users for the clients of Socket.IO."""

from __future__ import annotations

from .application import application

__all__ = ["application"]

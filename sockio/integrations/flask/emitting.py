"""Emitting: from a process without an application, through the message queue.

``SocketIO(message_queue="redis://...")`` is for such processes: Celery's, and scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sockio.emitter import Emitter
from sockio.errors import NotSupported

from .queue import adapter_url

__all__ = ["Emitting"]


class Emitting:
    """What such a process can do: reach the clients of all servers, hear none."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Make one that connects when it is used.

        Args:
            options: Those of a ``SocketIO``; most mean nothing here.

        Raises:
            ConfigError: There is no such queue.
        """
        url = adapter_url(options["message_queue"], options.get("channel"))
        self._emitter = Emitter(url)

    def emit(
        self,
        event: str,
        args: tuple[Any, ...],
        *,
        namespace: str,
        to: Any,
        without: Any,
        callback: Callable[..., Any] | None,
        local: bool,
    ) -> None:
        """Send an event; see ``Sending.emit``.

        Raises:
            NotSupported: The answers of clients do not reach this process.

        Blocks:
            Until the broker has taken it, at most some seconds.
        """
        if callback is not None:
            raise NotSupported(
                "callback=: this process has no application, and no client answers it"
            )
        operator: Any = self._emitter.of(namespace)
        if to is not None:
            operator = operator.to(to)
        if without is not None:
            operator = operator.except_(without)
        operator.emit(event, *args)

    def close(self) -> None:
        """Close the connection; it is opened again if it is needed."""
        self._emitter.close()

    def close_room(self, room: Any, namespace: str) -> None:
        """Take all clients out of a room.

        Blocks:
            Until the broker knows it, at most some seconds.
        """
        self._emitter.of(namespace).to(room).sockets_leave(room)

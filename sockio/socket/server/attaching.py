"""Attaching: how a server gets in front of the application of an HTTP server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.errors import ConfigError
from sockio.types import WSGIApp

__all__ = ["attach_to"]


def attach_to(
    server: Any, before: Callable[[WSGIApp | None], WSGIApp]
) -> Callable[[float | None], object]:
    """Have an HTTP server serve something in front of its application.

    Args:
        server: ``create_server()`` or ``gevent.pywsgi.WSGIServer``.
        before: Returns what to serve, in front of the application it is given.

    Returns:
        What stops the HTTP server; it is called with a timeout in seconds.

    Raises:
        ConfigError: ``server`` is no HTTP server.
    """
    for name in ("app", "application"):  # ours; gevent.pywsgi's
        if hasattr(server, name):
            setattr(server, name, before(getattr(server, name)))
            stop: Callable[[float | None], object]
            stop = getattr(server, "close" if name == "app" else "stop")
            return stop
    other = ""
    if isinstance(server, (str, tuple)):
        other = "; give an address to run() or listen()"
    elif callable(server):
        other = "; to serve in front of an application call attach(app)"
    raise ConfigError(
        f"Server({server!r}): give an HTTP server made by sockio.create_server() "
        f"or gevent.pywsgi.WSGIServer, a port, or nothing{other}"
    )

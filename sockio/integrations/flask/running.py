"""Running: socketio.run(app), with Werkzeug's reloader and its page for debugging."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import flask
from werkzeug._reloader import run_with_reloader

from sockio.httpd.listening_socket import Address, ListeningSocket
from sockio.httpd.server import HTTPServer
from sockio.integrations.front import Front
from sockio.socket.server.server import Server

__all__ = ["FlaskServer", "address_of", "reloading"]

#: Names that Werkzeug's ``run_simple`` has for options of the reloader.
_RELOADER_NAMES = {"reloader_interval": "interval"}


class FlaskServer(Server[Any]):
    """A server that serves all that an application has put around it."""

    def serve_for(self, app: flask.Flask, front: Front) -> None:
        """Let ``listen`` and ``run`` serve this application."""
        self._app = app
        self._front = front

    def listen(
        self, address: Address | ListeningSocket = 3000, **options: Any
    ) -> HTTPServer:
        """Serve on ``address``; see ``Server.listen``."""
        wrapped = self._app.wsgi_app is not self._front
        self._lifecycle.front = self._app if wrapped else self._front
        return super().listen(address, **options)


def address_of(app: flask.Flask, host: str | None, port: int | None) -> tuple[str, int]:
    """Return where to listen: by default where Flask does."""
    if port is None:
        _, colon, named = (app.config["SERVER_NAME"] or "").rpartition(":")
        port = int(named) if colon else 5000
    return host or "127.0.0.1", port


def reloading(
    serve: Callable[[], None],
    options: Mapping[str, Any] | None,
    extra_files: Iterable[str] | None,
) -> None:
    """Call ``serve`` in a process that starts again when the code has changed.

    Blocks:
        Until the process is ended.
    """
    renamed = {
        _RELOADER_NAMES.get(name, name): value
        for name, value in (options or {}).items()
    }
    if extra_files is not None:
        renamed["extra_files"] = extra_files
    run_with_reloader(serve, **renamed)


def access_log(on: bool) -> Any:
    """Return where a line for each request goes."""
    return sys.stderr if on else None

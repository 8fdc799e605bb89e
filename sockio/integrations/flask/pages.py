"""Pages: the WSGI callables of an application, with Socket.IO in front."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import flask
from werkzeug.debug import DebuggedApplication

from sockio.engine.http.mount import owns
from sockio.engine.http.response import Response
from sockio.runtime import logs
from sockio.runtime.patching import threads_are_greenlets
from sockio.socket.server.server import Server
from sockio.types import Environ, StartResponse, WSGIApp

__all__ = ["Front", "mount"]

log = logs.get("integrations.flask")

_REFUSAL = (
    "Flask's development server runs each request in a native thread, where Socket.IO "
    "cannot work. Start the application with socketio.run(app), which has the reloader "
    "and the debugger too; or make this the first line of the program: "
    "from gevent import monkey; monkey.patch_all()"
)


class Pages:
    """The application behind Socket.IO; the debugger may be put around it."""

    def __init__(self, app: WSGIApp) -> None:
        self.app = app

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request. Blocks."""
        return self.app(environ, start_response)

    def show_failures(self) -> None:
        """Answer a request that fails with Werkzeug's page for debugging."""
        if not isinstance(self.app, DebuggedApplication):
            self.app = DebuggedApplication(self.app, evalex=True)


class Front:
    """Answers what comes to an application; it is ``app.wsgi_app``."""

    def __init__(self, io: Server[Any], mounted: WSGIApp, pages: Pages) -> None:
        self._prefix = io.engine.options.prefix
        self._mounted = mounted
        self.pages = pages
        self._told = False

    @property
    def shortcut(self) -> Any:
        """What serves polling clients without WSGI, for our own HTTP server."""
        return getattr(self._mounted, "shortcut", None)

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request. Blocks."""
        software = environ.get("SERVER_SOFTWARE", "")
        by_threads = software.startswith("Werkzeug/") and not threads_are_greenlets()
        if by_threads and owns(environ, self._prefix):
            return self._refuse(environ, start_response)
        return self._mounted(environ, start_response)

    def _refuse(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if not self._told:
            self._told = True
            log.error(_REFUSAL)
        response = Response()
        response.headers["Content-Type"] = "text/plain; charset=UTF-8"
        response.end(503, _REFUSAL)
        return response.start(start_response, environ["REQUEST_METHOD"])


def mount(io: Server[Any], app: flask.Flask) -> Front:
    """Serve a server in front of an application, whatever serves that."""
    pages = Pages(app.wsgi_app)
    front = Front(io, io.attach(pages), pages)
    app.wsgi_app = front  # type: ignore[method-assign]
    return front

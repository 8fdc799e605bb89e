"""Front: Socket.IO in front of an application of a framework.

The development servers of frameworks run each request in a native thread, where our
server cannot work. They get an answer that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sockio.engine.http.mount import owns
from sockio.engine.http.response import Response
from sockio.runtime import logs
from sockio.runtime.log_fields import fields
from sockio.runtime.patching import threads_are_greenlets
from sockio.runtime.refusals import WRONG_SERVER
from sockio.socket.server.server import Server
from sockio.types import Environ, StartResponse, WSGIApp

__all__ = ["Front", "Pages"]

log = logs.get("integrations")


class Pages:
    """The application behind Socket.IO; something may be put around it."""

    def __init__(self, app: WSGIApp) -> None:
        self.app = app

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request. Blocks."""
        return self.app(environ, start_response)


class Front:
    """The WSGI callable to serve: Socket.IO, and the application for other paths."""

    def __init__(
        self,
        io: Server[Any],
        pages: Pages,
        threaded: str,
        advice: str,
    ) -> None:
        """Attach a server to an application.

        Args:
            io: The server.
            pages: The application.
            threaded: What the ``SERVER_SOFTWARE`` of the framework's server begins
                with.
            advice: What clients and the log are told if that server is used.
        """
        self.io = io
        self.pages = pages
        self._prefix = io.engine.options.prefix
        self._mounted = io.attach(pages)
        self._threaded = threaded
        self._advice = advice

    @property
    def shortcut(self) -> Any:
        """What serves polling clients without WSGI, for our own HTTP server."""
        return getattr(self._mounted, "shortcut", None)

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request. Blocks."""
        software = environ.get("SERVER_SOFTWARE", "")
        if (
            software.startswith(self._threaded)
            and owns(environ, self._prefix)
            and not threads_are_greenlets()
        ):
            return self._refuse(environ, start_response)
        return self._mounted(environ, start_response)

    def _refuse(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        level = WRONG_SERVER.level_now(log, self.io.reactor.repeats)
        code, advice = WRONG_SERVER.code, self._advice
        extra = fields(code=code, hint=advice)
        log.log(
            level,
            "refused with status 503; code=%s, hint: %s",
            code,
            advice,
            extra=extra,
        )
        response = Response()
        response.headers["Content-Type"] = "text/plain; charset=UTF-8"
        response.end(503, self._advice)
        return response.start(start_response, environ["REQUEST_METHOD"])

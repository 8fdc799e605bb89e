"""Middlewares: what runs for every HTTP request before it is verified."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from logging import DEBUG
from typing import TypeAlias

from sockio.errors import ConfigError
from sockio.httpd.masked import without_sid
from sockio.runtime import guards, logs
from sockio.runtime.deferred import done
from sockio.runtime.failures import shown
from sockio.runtime.listeners import Listener
from sockio.runtime.surroundings import Surroundings
from sockio.types import WSGIApp

from .http.request import Request
from .http.response import Response

log = logs.get("engine.server")

HttpMiddleware: TypeAlias = Callable[[Request, Response], object]
WsgiMiddleware: TypeAlias = Callable[[WSGIApp], WSGIApp]

_HOW = (
    "return to let the request pass, end the response to answer it; with one "
    "parameter it is a WSGI middleware"
)


class Verdict(Enum):
    """What the middlewares decided about a request."""

    PASSED = "passed"
    #: One returned False.
    REFUSED = "refused"
    FAILED = "failed"


class Middlewares:
    """The middlewares of one server, in order; WSGI ones wrap its application."""

    def __init__(self, app: WSGIApp, around: Callable[[], Surroundings]) -> None:
        #: Returns what surrounds calls of the application's code.
        self._around = around
        #: The application with the WSGI middlewares around it.
        self.app = app
        self._chain: list[HttpMiddleware] = []
        #: The middlewares that belong to the library.
        self._ours: set[HttpMiddleware] = set()
        #: Whether all middlewares belong to the library. These never block, and what
        #: they do to requests of open sessions depends on the headers alone.
        self.own = True

    def add(
        self, middleware: HttpMiddleware | WsgiMiddleware, *, own: bool = False
    ) -> None:
        """Add a middleware behind the others; a WSGI middleware wraps all of them.

        Raises:
            ConfigError: It is async, takes other arguments, or is a WSGI middleware
                that returned no application.
        """
        listener = Listener("use()", middleware)
        if listener.min_args == 1:
            app = middleware(self.app)  # type: ignore[call-arg,arg-type]
            if not callable(done(middleware, app)):
                raise ConfigError(
                    f"use(): {listener.describe()}, so it is a WSGI middleware, but it "
                    f"returned {app!r}: return an application, or take (request, "
                    "response)"
                )
            self.app = app  # type: ignore[assignment]
        else:
            guards.check("use()", middleware, "request and response", 2, _HOW)
            self._chain.append(middleware)  # type: ignore[arg-type]
            if own:
                self._ours.add(middleware)  # type: ignore[arg-type]
        self.own = self.own and own

    def run(self, request: Request, response: Response) -> Verdict:
        """Call each until one ends the response, refuses or fails. Blocks."""
        if log.isEnabledFor(DEBUG):
            url, origin = without_sid(request.url), request.header("origin")
            log.debug("request %r %r origin=%r", request.method, url, origin)
        try:
            for middleware in self._chain:
                passed = guards.passes(
                    middleware, self._ask(middleware, request, response)
                )
                if response.ended:
                    log.debug("answered by a middleware: %s", middleware)
                    break
                if not passed:
                    log.debug("refused by a middleware: %s", middleware)
                    return Verdict.REFUSED
        except Exception as exc:
            # A boundary: a middleware is user code, and the client gets an answer.
            log.error("an HTTP middleware failed", exc_info=shown(exc))
            return Verdict.FAILED
        return Verdict.PASSED

    def _ask(
        self, middleware: HttpMiddleware, request: Request, response: Response
    ) -> object:
        if middleware in self._ours:
            return middleware(request, response)
        args = (request, response)
        return self._around().call("http", middleware, args, request=request)

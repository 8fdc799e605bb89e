"""Middlewares: what runs for every HTTP request before it is verified."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeAlias

from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.types import WSGIApp

from .http.request import Request
from .http.response import Response

log = logs.get("engine.server")

HttpMiddleware: TypeAlias = Callable[[Request, Response], object]
WsgiMiddleware: TypeAlias = Callable[[WSGIApp], WSGIApp]


class Middlewares:
    """Those of one server, in order, and its application inside those of WSGI."""

    def __init__(self, app: WSGIApp) -> None:
        #: The application with the WSGI middlewares around it.
        self.app = app
        self._chain: list[HttpMiddleware] = []
        #: Whether none of them is the application's code: the library's own never
        #: block, and do to requests of open sessions nothing that depends on more than
        #: their headers.
        self.own = True

    def add(
        self, middleware: HttpMiddleware | WsgiMiddleware, *, own: bool = False
    ) -> None:
        """Add one behind the others; a WSGI middleware goes around all.

        Raises:
            ConfigError: It is async.
        """
        if inspect.iscoroutinefunction(middleware):
            raise ConfigError(f"use({middleware!r}) is async: give a plain function")
        self.own = self.own and own
        if _takes_two(middleware):
            self._chain.append(middleware)  # type: ignore[arg-type]
        else:
            self.app = middleware(self.app)  # type: ignore[call-arg,arg-type,assignment]

    def run(self, request: Request, response: Response) -> bool:
        """Call them until one ends the response; False where one failed. Blocks."""
        try:
            for middleware in self._chain:
                middleware(request, response)
                if response.ended:
                    break
        except Exception:
            # A boundary: a middleware is user code, and the client gets an answer.
            log.exception("an HTTP middleware failed")
            return False
        return True


def _takes_two(middleware: Callable[..., object]) -> bool:
    parameters = inspect.signature(middleware).parameters.values()
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    needed = [
        parameter
        for parameter in parameters
        if parameter.kind in positional and parameter.default is parameter.empty
    ]
    return len(needed) != 1

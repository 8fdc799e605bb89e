"""/socket.io/ -> engine, the rest -> your app."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sockio.engine.http.response import Response
from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.runtime.bell import BELL
from sockio.runtime.refusals import NOT_FOUND
from sockio.types import Environ, StartResponse, WSGIApp

__all__ = ["Mount", "attach", "owns"]

log = logs.get("engine.mount")

_NONE: Mapping[str, WSGIApp] = MappingProxyType({})


def owns(environ: Environ, prefix: str) -> bool:
    """Whether a request belongs to the engine: its path starts with ``prefix``.

    If the application is mounted below a path of its own, either the path it sees or
    the whole path may match.
    """
    if not prefix.isascii():
        prefix = prefix.encode().decode("latin-1")  # as PEP 3333 carries paths
    path: str = environ.get("PATH_INFO", "")
    if path.startswith(prefix):
        return True
    script: str = environ.get("SCRIPT_NAME", "")
    return script != "" and (script + path).startswith(prefix)


class Mount:
    """A WSGI application: the engine below a path, another application elsewhere.

    Args:
        engine: Gets the requests whose path starts with ``prefix``.
        prefix: Such as ``/socket.io/``.
        app: Gets all others; without one they are answered with 404.
        pages: Of these others, the paths that are not the application's.
    """

    __slots__ = ("_app", "_engine", "_pages", "_prefix")

    def __init__(
        self,
        engine: WSGIApp,
        prefix: str,
        app: WSGIApp | None = None,
        pages: Mapping[str, WSGIApp] = _NONE,
    ) -> None:
        self._engine = engine
        self._prefix = prefix
        self._app = app
        self._pages = pages

    @property
    def shortcut(self) -> Any:
        """The engine's shortcut, for our own HTTP server."""
        return getattr(self.owner, "shortcut", None)

    @property
    def owner(self) -> Any:
        """The engine; if that is a method, its object."""
        return getattr(self._engine, "__self__", self._engine)

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request. Blocks."""
        if BELL.armed:
            BELL.ring()
        if owns(environ, self._prefix):
            return self._engine(environ, start_response)
        path = environ.get("PATH_INFO", "")
        if self._pages:
            page = self._pages.get(path) or self._pages.get(
                environ.get("SCRIPT_NAME", "") + path
            )
            if page is not None:
                return page(environ, start_response)
        if self._app is not None:
            log.debug("%r is the application's: ours begin with %r", path, self._prefix)
            return self._app(environ, start_response)
        log.debug(
            "%r answered with status 404: ours begin with %r; %s",
            path,
            self._prefix,
            NOT_FOUND,
            extra=NOT_FOUND.fields(),
        )
        response = Response()
        response.headers["Content-Type"] = "text/plain; charset=UTF-8"
        response.end(404, b"Not Found")
        return response.start(start_response, environ["REQUEST_METHOD"])


def attach(
    engine: WSGIApp,
    prefix: str,
    app: WSGIApp,
    pages: Mapping[str, WSGIApp] = _NONE,
) -> Mount:
    """Put the engine in front of an application; return what is to be served.

    An application that serves through its attribute ``wsgi_app``, as Flask does, gets
    that replaced, so that serving it, or running it, serves the engine too.
    """
    inner: WSGIApp | None = getattr(app, "wsgi_app", None)
    if inner is None and not callable(app):
        raise ConfigError(
            f"attach({app!r}): give a WSGI application; a port is for listen()"
        )
    if inner is None:
        return Mount(engine, prefix, app, pages)
    mount = Mount(engine, prefix, inner, pages)
    app.wsgi_app = mount  # type: ignore[attr-defined]
    return mount

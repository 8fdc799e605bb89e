"""Application: Socket.IO in front of a Django project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, overload

import django
from django.core.cache import caches
from django.core.wsgi import get_wsgi_application

from sockio.engine.http import cors
from sockio.engine.http.cors import Cors
from sockio.engine.http.request import Request
from sockio.errors import ConfigError
from sockio.integrations.front import Front, Pages
from sockio.runtime.leftovers import close_connections
from sockio.runtime.surroundings import Call
from sockio.socket.server.server import Server
from sockio.types import Environ, StartResponse, WSGIApp

from .handshake import Handshakes
from .origins import is_trusted
from .request import DjangoRequest
from .setting import named_server

__all__ = ["application", "has_front", "mount"]

_ADVICE = (
    "runserver runs each request in a native thread, where Socket.IO cannot work. Put "
    '"sockio.integrations.django" into INSTALLED_APPS, and start the project with '
    "manage.py runsocketio, which reloads and serves static files too"
)

#: The attribute of a server with what is served: the project behind it.
_FRONT = "_django_front"


@overload
def application(io: Server[Any] | None = None) -> WSGIApp: ...
@overload
def application(io: Environ, start_response: StartResponse) -> Iterable[bytes]: ...
def application(
    io: Any = None, start_response: StartResponse | None = None
) -> WSGIApp | Iterable[bytes]:
    """Put a server in front of the project; return the WSGI callable to serve.

    It is such a callable itself, for ``WSGI_APPLICATION``; then the server is that of
    the setting SOCKIO.

    Args:
        io: The server; None: that of the setting SOCKIO. Or the environ of a request.
        start_response: As WSGI says.

    Raises:
        ConfigError: There is no server, or a setting is wrong.

    Blocks:
        As long as the request does, if there is one.
    """
    if start_response is not None:
        return mount()(io, start_response)
    return mount(io)


def mount(io: Server[Any] | None = None, pages: WSGIApp | None = None) -> Front:
    """Put a server in front of the project, if it is not there yet.

    Args:
        io: The server; None: that of the setting SOCKIO.
        pages: What serves the project's pages; None: Django's WSGI handler.

    Raises:
        ConfigError: There is no server, or a setting is wrong.
    """
    django.setup(set_prefix=False)  # so that the server's module can import models
    if io is None:
        io = named_server()
    if not isinstance(io, Server):
        raise ConfigError(f"application({io!r}): give a sockio.Server, or nothing")
    front: Front | None = vars(io).get(_FRONT)
    if front is None:
        handshakes = Handshakes(io)
        engine = io.engine
        if engine.options.cors is None:
            trusted = Cors(origin=_judge, credentials=True)
            engine.middlewares.add(cors.middleware(trusted), own=True)
        # It lets requests of open sessions pass, and so belongs to the library.
        engine.middlewares.add(handshakes, own=True)
        engine.keep = DjangoRequest
        io.around(_tidy)
        front = Front(
            io,
            Pages(pages or get_wsgi_application()),
            "WSGIServer/",
            _ADVICE,
        )
        setattr(io, _FRONT, front)
    return front


def has_front(io: Server[Any]) -> bool:
    """Whether the server is in front of the project."""
    return _FRONT in vars(io)


def _judge(origin: str, request: Request) -> bool:
    """Let the pages of trusted origins read what the engine answers to polls."""
    return is_trusted(origin)


def _tidy(call: Call) -> Iterator[None]:
    """Close what Django closes at the end of a request.

    Workers close the database connections themselves, when a call has ended. Functions
    that are called about a request run in the greenlet of its WSGI server.
    """
    try:
        yield
    finally:
        caches.close_all()
        if call.kind == "http":
            close_connections()

"""KeptRequest: what a session keeps of its first request, in little space.

There are as many as there are sessions, and most are never looked at. What belongs to
the WSGI server (the connection, the body) is released with the request itself; the rest
is packed, and texts that many clients send are shared.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from operator import itemgetter
from sys import intern
from typing import Any, TypeAlias

from sockio.httpd.connection import CONNECTION
from sockio.types import Environ

from .request import Request

__all__ = ["KeptRequest", "without_server"]

#: What the server needs back, or what would keep the connection's objects alive.
_SERVERS_OWN = frozenset(
    {
        CONNECTION,
        "gunicorn.socket",
        "sockio.websocket",
        "sockio.webtransport",
        "werkzeug.socket",
        "wsgi.file_wrapper",
        "wsgi.input",
        "wsgi.websocket",
    }
)
#: Texts that are different for each client.
_UNIQUE = frozenset(
    {"HTTP_COOKIE", "HTTP_SEC_WEBSOCKET_KEY", "REMOTE_ADDR", "REMOTE_PORT"}
)


def without_server(environ: Environ) -> Environ:
    """Return a copy of an environ without what belongs to the WSGI server."""
    return {name: environ[name] for name in environ if name not in _SERVERS_OWN}


class KeptRequest(Request):
    """A request without its body, after the WSGI server has finished it.

    ``environ`` has all its texts and whatever WSGI middlewares put there. It may be
    changed: once somebody has read it, it stays unpacked.
    """

    __slots__ = ("_address", "_names", "_values")

    def __init__(self, request: Request) -> None:
        self.method = request.method
        self.trusted_proxies = request.trusted_proxies
        self._address = request.remote_address
        environ = request.environ
        self._names, common, others = _plan(tuple(environ))
        values = common(environ)
        # A middleware may have put in something that is not text.
        with suppress(TypeError):
            values = tuple(map(intern, values))
        self._values = values + others(environ)

    def __getattr__(self, name: str) -> Any:
        # Called for the slot of Request as long as that is empty.
        if name != "environ":
            raise AttributeError(name)
        self.environ = environ = self._unpacked()
        self._names = self._values = ()
        return environ

    def _unpacked(self) -> Environ:
        environ: Environ = dict(zip(self._names, self._values, strict=True))
        environ["wsgi.input"] = io.BytesIO()
        return environ

    def _view(self) -> Request:
        """Return an ordinary request, to answer one question."""
        environ = self._unpacked() if self._names else self.environ
        return Request(environ, self.trusted_proxies)

    @property
    def path(self) -> str:
        return self._view().path

    @property
    def url(self) -> str:
        return self._view().url

    @property
    def query(self) -> Mapping[str, str]:
        return self._view().query

    @property
    def headers(self) -> Mapping[str, str]:
        return self._view().headers

    def header(self, name: str, default: str | None = None) -> str | None:
        return self._view().header(name, default)

    @property
    def is_upgrade(self) -> bool:
        return self._view().is_upgrade

    @property
    def wants_close(self) -> bool:
        return self._view().wants_close

    @property
    def remote_address(self) -> str:
        return self._address

    @property
    def secure(self) -> bool:
        return self._view().secure

    @property
    def host(self) -> str:
        return self._view().host


#: Takes some values out of an environ.
Take: TypeAlias = Callable[[Environ], tuple[Any, ...]]


@lru_cache(maxsize=256)
def _plan(names: tuple[str, ...]) -> tuple[tuple[str, ...], Take, Take]:
    """Return which of ``names`` are kept, and what takes their values.

    The texts that other clients may send too come first, then all others. Clients of
    one kind send the same headers, so they share the tuple of names.
    """
    kept = [name for name in names if name not in _SERVERS_OWN]
    common = [name for name in kept if name.isupper() and name not in _UNIQUE]
    others = [name for name in kept if name not in common]
    return (*common, *others), _taker(common), _taker(others)


def _taker(names: list[str]) -> Take:
    if len(names) < 2:  # itemgetter gives no tuple then
        return lambda environ: tuple([environ[name] for name in names])
    return itemgetter(*names)

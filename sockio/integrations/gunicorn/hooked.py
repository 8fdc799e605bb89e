"""Hooked: a request and its answer, as gunicorn's hooks and access log know them."""

from __future__ import annotations

from sockio.httpd.access_format import header_lines
from sockio.httpd.connection import HttpConnection
from sockio.httpd.exchange import Exchange
from sockio.types import Environ

__all__ = ["HookedRequest", "HookedResponse"]


class HookedRequest:
    """What ``pre_request`` and ``post_request`` get as ``req``."""

    def __init__(self, environ: Environ, connection: HttpConnection) -> None:
        self.method: str = environ["REQUEST_METHOD"]
        self.uri: str = environ["RAW_URI"]
        self.path: str = self.uri.partition("?")[0]
        self.query: str = environ["QUERY_STRING"]
        self.fragment = ""
        protocol: str = environ["SERVER_PROTOCOL"]
        self.version: tuple[int, ...] = tuple(map(int, protocol[5:].split(".")))
        self.scheme: str = environ["wsgi.url_scheme"]
        self.peer_addr = connection.address
        self.remote_addr = connection.address
        self.body = environ["wsgi.input"]
        self._head = connection.heads.raw

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names, in capitals, and values, in the order in which they came."""
        lines = self._head.decode("latin-1").split("\r\n")[1:-2]
        fields = (line.partition(":") for line in lines)
        return [(name.upper(), value.strip(" \t")) for name, _, value in fields]


class HookedResponse:
    """What ``post_request`` and the access log get as ``resp``."""

    def __init__(self, exchange: Exchange) -> None:
        head = exchange.head
        #: Such as ``200 OK``; ``000`` if the client got no answer.
        self.status = "000" if head is None else head.status
        self.status_code = 0 if head is None else head.code
        #: Bytes of the body.
        self.sent = exchange.sent
        self.headers = header_lines(head)

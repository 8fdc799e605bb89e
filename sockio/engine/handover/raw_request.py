"""Raw request: the head of a request, as it can be read by its server once more.

Servers keep a head in parts, so it is put together again. The server that gets it makes
the same environ of it. And ``let_go`` ends a request whose connection was given away.
"""

from __future__ import annotations

import re
from _socket import AF_INET, AF_INET6, inet_pton
from collections.abc import Callable, Iterable
from inspect import GEN_CREATED, getgeneratorstate
from struct import pack
from typing import Any, NamedTuple

from sockio.engine.http.client_socket import TakenSocket
from sockio.types import Environ

from .caller import Gunicorn, Ours, Pywsgi, caller_of

__all__ = ["RawRequest", "let_go", "raw_request", "without_proxy_header"]

#: What HTTP/2 could carry, and HTTP/1 could not.
_TARGET = re.compile(r"[!-~\x80-\xff]+")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")

#: The beginning of a PROXY header of version 2, and its families of addresses.
_PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n"
_FAMILIES = {"TCP4": (0x11, AF_INET), "TCP6": (0x21, AF_INET6)}


class RawRequest(NamedTuple):
    """A request that the application is called for."""

    #: Request line and headers, with the empty line at their end; where the connection
    #: began with a PROXY header, that is in front.
    head: bytes
    #: The client's address, as its server gave it.
    address: Any
    #: The name of the listening socket that the connection came in on.
    listener: Any
    #: Bytes of the answer that the server has sent already: gevent-websocket's 101.
    answered: int
    #: Whether the connection can be given away: it is plain TCP or a Unix socket,
    #: nobody has read from the body, and no generator stands between the server and us.
    given: bool


def raw_request(environ: Environ) -> RawRequest | None:
    """Return the request that the application is called for, now, with ``environ``.

    If the connection cannot be given away, the head has no ``Expect``: who reads the
    body here makes the server answer that.

    None: We do not know the server, or ``environ`` is not of the request that it
    called for.
    """
    caller = caller_of(environ)
    if isinstance(caller, Gunicorn):
        found = _of_gunicorn(caller, environ)
    elif isinstance(caller, Pywsgi):
        found = _of_pywsgi(caller, environ)
    elif isinstance(caller, Ours):
        found = _of_ours(caller, environ)
    else:
        return None
    # An application may call us for requests that it makes up.
    query = environ.get("QUERY_STRING", "").encode("latin-1", "replace")
    return found if found is not None and query in found.head else None


def let_go(
    taken: TakenSocket, environ: Environ, start_response: Callable[..., object]
) -> list[bytes]:
    """Return what ends the request, whose connection was taken, without an answer.

    This server writes no line to its access log, and does not count the request.

    Raises:
        StopIteration: Under gunicorn's gevent worker; let it pass to the server.
    """
    caller = caller_of(environ)
    if isinstance(caller, Gunicorn):
        caller.worker.nr -= 1
    elif isinstance(caller, Pywsgi):
        caller.handler.log_request = _log_nothing
    elif isinstance(caller, Ours):
        caller.connection.logged = False
    return taken.finish(start_response)


def _log_nothing() -> None:
    pass


def _of_gunicorn(caller: Gunicorn, environ: Environ) -> RawRequest | None:
    request = caller.request
    if getattr(request.cfg, "protocol", "http") != "http":
        return None  # The other process would expect uwsgi's protocol.
    given = (
        caller.plain
        and not caller.generator
        and environ.get("wsgi.input") is request.body
        and _untouched(request)
    )
    version = request.version
    fields = request.headers
    if version >= (2, 0):
        version = (1, 1)
        if not _fits(request.uri, fields):
            return None
    # Gunicorn has answered it, if it does; older releases do not say.
    if not given or getattr(request, "_expected_100_continue", True):
        fields = _without_expect(fields)
    line = "{} {} HTTP/{}.{}".format(request.method, request.uri, *version)
    head = _proxy_header(request) + _head(line, fields)
    return RawRequest(head, caller.address, caller.listener, 0, given)


def _untouched(request: Any) -> bool:
    """Whether nobody has read from the body of a request to gunicorn."""
    body = request.body
    reader = body.reader
    chunks = getattr(reader, "parser", None)
    if body.buf.tell():
        return False
    if chunks is not None:
        return getgeneratorstate(chunks) == GEN_CREATED
    length = next((v for name, v in request.headers if name == "CONTENT-LENGTH"), "0")
    return getattr(reader, "length", None) == int(length)


def _fits(target: str, fields: Iterable[tuple[str, str]]) -> bool:
    """Whether a request that came by HTTP/2 can be written as HTTP/1."""
    return bool(_TARGET.fullmatch(target)) and all(
        _TOKEN.fullmatch(name) and _VALUE.fullmatch(value) for name, value in fields
    )


def _proxy_header(request: Any) -> bytes:
    """Return the PROXY header with what gunicorn knows from that of the connection."""
    info = getattr(request, "proxy_protocol_info", None)
    if not info:
        return b""
    family, known = info["proxy_protocol"], info["client_addr"] is not None
    addresses = info["client_addr"], info["proxy_addr"]
    ports = info["client_port"], info["proxy_port"]
    if known and request.cfg.proxy_protocol != "v2":
        return "PROXY {} {} {} {} {}\r\n".format(family, *addresses, *ports).encode()
    if not known:
        # Two of them: a health check of the proxy, or addresses of another family.
        return _PROXY_2 + (b"\x20\0" if family == "LOCAL" else b"\x21\1") + b"\0\0"
    code, kind = _FAMILIES[family]
    block = b"".join(inet_pton(kind, address) for address in addresses)
    block += pack(">HH", *ports)
    return _PROXY_2 + pack(">BBH", 0x21, code, len(block)) + block


def without_proxy_header(head: bytes) -> bytes:
    """Return the head of a request without the PROXY header of its connection."""
    if head.startswith(_PROXY_2):
        return head[16 + int.from_bytes(head[14:16], "big") :]
    return head.partition(b"\r\n")[2] if head.startswith(b"PROXY ") else head


def _of_pywsgi(caller: Pywsgi, environ: Environ) -> RawRequest:
    handler = caller.handler
    body = handler.wsgi_input
    source = environ.get("wsgi.input")
    given = (
        caller.plain
        and not caller.generator
        # For an upgrade, it is the reader itself.
        and (source is body or source is handler.rfile)
        and not body.position
        and body.chunk_length < 0
    )
    fields = handler.headers.raw_items()
    # It has no socket any more when it has sent the permission.
    if not given or body.socket is None:
        fields = _without_expect(fields)
    head = _head(handler.requestline, fields)
    listener = handler.server.address
    return RawRequest(
        head, handler.client_address, listener, handler.response_length, given
    )


def _of_ours(caller: Ours, environ: Environ) -> RawRequest:
    connection, body = caller.connection, caller.exchange.body
    given = (
        caller.plain
        and not caller.generator
        and environ.get("wsgi.input") is body
        and not body.begun
    )
    head = connection.heads.raw
    if not given:
        lines = head.split(b"\r\n")
        head = b"\r\n".join(line for line in lines if line[:7].lower() != b"expect:")
    listener = connection.owner.listener
    return RawRequest(head, connection.address, listener, 0, given)


def _head(line: str, fields: Iterable[tuple[str, str]]) -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in fields), "\r\n"]
    return "\r\n".join(lines).encode("latin-1")


def _without_expect(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [field for field in fields if field[0].upper() != "EXPECT"]

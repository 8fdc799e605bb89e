"""Proxy: requests whose connection cannot go, answered by the owner all the same.

The owner gets one end of a pair of sockets in the place of the client's connection.
This process sends the request into the other end, and the answer to the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any

import gevent
from gevent.socket import socket as GeventSocket

from sockio.engine.http.client_socket import TakenSocket, watch
from sockio.runtime import logs
from sockio.runtime.hangup import hang_up, say_no_more
from sockio.types import Environ, StartResponse

__all__ = ["for_one_request", "relay", "splice"]

log = logs.get("engine.handover")

_SIZE = 65536
#: Seconds that a client has to close its connection after the owner has.
_GOODBYE = 1.0
#: Headers that concern one connection only (RFC 9110, 7.6.1), or the body's form.
_OWN = frozenset(
    {"connection", "keep-alive", "te", "transfer-encoding", "content-length", "expect"}
)


def for_one_request(head: bytes, *, body: bool) -> bytes:
    """Return the head of a request that is the only one on its connection.

    Args:
        head: The request line and the headers, with the empty line.
        body: Whether a body in chunks follows.
    """
    line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [field for field in fields if _name(field) not in _OWN]
    kept.append(b"Connection: close")
    if body:
        kept.append(b"Transfer-Encoding: chunked")
    return b"\r\n".join([line, *kept, b"", b""])


def _name(field: bytes) -> str:
    return field.partition(b":")[0].strip().lower().decode("latin-1")


def relay(
    sock: GeventSocket,
    head: bytes,
    environ: Environ,
    start_response: StartResponse,
    refuse: Callable[[], Iterable[bytes]],
) -> Iterable[bytes]:
    """Send a request to its owner, and answer with what comes back.

    Args:
        sock: This process's end of the pair; it is closed at the end.
        head: The request line and the headers, with the empty line.
        refuse: Answers the request if the owner does not.

    Blocks:
        Until the owner has answered.
    """
    gone = watch(environ, lambda: hang_up(sock))
    try:
        answer = _ask(sock, head, environ)
    except (OSError, HTTPException) as exc:
        log.debug("no answer from the owner of a session: %s", exc)
        hang_up(sock)
        return refuse()
    finally:
        if gone is not None:
            gone.close()
    headers = [
        (name, value)
        for name, value in answer.getheaders()
        if name.lower() not in _OWN or name.lower() == "content-length"
    ]
    start_response(f"{answer.status} {answer.reason}", headers)
    return _body(answer, sock)


def _ask(sock: GeventSocket, head: bytes, environ: Environ) -> HTTPResponse:
    method = environ["REQUEST_METHOD"]
    body = method not in ("GET", "HEAD", "OPTIONS")
    with suppress(BrokenPipeError, ConnectionResetError):
        # The owner may refuse a request before all of its body has come.
        sock.sendall(for_one_request(head, body=body))
        if body:
            source = environ["wsgi.input"]
            while part := source.read(_SIZE):
                sock.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            sock.sendall(b"0\r\n\r\n")
    answer = HTTPResponse(sock, method=method)
    answer.begin()
    return answer


def _body(answer: HTTPResponse, sock: GeventSocket) -> Iterator[bytes]:
    try:
        while part := answer.read1(_SIZE):
            yield part
    finally:
        answer.close()
        hang_up(sock)


def splice(sock: GeventSocket, taken: TakenSocket) -> None:
    """Carry all bytes between the owner and a client until either side ends.

    Args:
        sock: This process's end of the pair.
        taken: The client's connection.

    Blocks:
        Until then.
    """
    client: Any = taken.sock
    if taken.released:
        client = GeventSocket(fileno=client.detach())
    client.settimeout(None)
    upwards = gevent.spawn(_carry, client, sock)
    try:
        _carry(sock, client)
        hang_up(sock)
        upwards.join(_GOODBYE)
    finally:
        upwards.kill()
        for each in (sock, client):
            hang_up(each)


def _carry(source: Any, target: Any) -> None:
    with suppress(OSError):
        while data := source.recv(_SIZE):
            target.sendall(data)
    say_no_more(target)

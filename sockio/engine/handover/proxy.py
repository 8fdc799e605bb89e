"""Proxy: requests whose connection cannot go, answered by the owner all the same.

The owner of a session gets the request on another connection: for a sibling, that is
one end of a pair of sockets in the place of the client's connection. This process sends
the request into the other end, and the answer to the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

import gevent
from gevent.socket import socket as GeventSocket

from sockio.engine.http.client_socket import TakenSocket, watch
from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.delays import Calls
from sockio.runtime.hangup import hang_up, say_no_more
from sockio.types import Environ, StartResponse

from .answer import Answer

__all__ = [
    "Abandoned",
    "Stall",
    "ask",
    "for_one_request",
    "is_short",
    "relay",
    "respond",
    "rewritten",
    "splice",
]

log = logs.get("engine.handover")

_SIZE = 65536
#: A body up to this size is read before any of it goes to the client.
_AT_ONCE = 1 << 20
#: Seconds that a client has to close its connection after the owner has.
_GOODBYE = 1.0
#: Headers that concern one connection only (RFC 9110, 7.6.1), or the body's form.
_OWN = frozenset(
    {"connection", "keep-alive", "te", "transfer-encoding", "content-length", "expect"}
)
#: Headers of an answer that are not passed on: this server writes its own.
_ANEW = _OWN - {"content-length"} | {"date", "server"}


class Abandoned(OSError):
    """The client has gone, and wants no answer any more."""


def for_one_request(head: bytes, *, body: bool) -> bytes:
    """Return the head of a request that is the only one on its connection.

    Args:
        head: The request line and the headers, with the empty line.
        body: Whether a body in chunks follows.
    """
    more = [b"Connection: close"]
    if body:
        more.append(b"Transfer-Encoding: chunked")
    return rewritten(head, more)


def rewritten(head: bytes, more: Iterable[bytes], *without: str) -> bytes:
    """Return a head for another connection.

    Args:
        head: The request line and the headers, with the empty line.
        more: Headers to add.
        without: Names of headers to leave out, in lower case, with hyphens.
    """
    line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    dropped = _OWN.union(without)
    kept = [field for field in fields if _name(field) not in dropped]
    return b"\r\n".join([line, *kept, *more, b"", b""])


def _name(field: bytes) -> str:
    name = field.partition(b":")[0].strip().lower().replace(b"_", b"-")
    return name.decode("latin-1")


def relay(
    sock: GeventSocket,
    head: bytes,
    environ: Environ,
    start_response: StartResponse,
    refuse: Callable[[], Iterable[bytes]],
) -> Iterable[bytes]:
    """Send a request to a sibling, and answer with what comes back.

    Args:
        sock: This process's end of the pair; it is closed at the end.
        head: The request line and the headers, with the empty line.
        refuse: Answers the request if the owner does not.

    Blocks:
        Until the owner has answered.
    """
    body = environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS")
    try:
        answer = ask(sock, for_one_request(head, body=body), environ, chunked=body)
        return respond(answer, start_response, lambda reusable: hang_up(sock))
    except OSError as exc:
        log.debug("no answer from the owner of a session: %s", exc)
        hang_up(sock)
        return refuse()


def ask(
    sock: GeventSocket,
    head: bytes,
    environ: Environ,
    *,
    length: int = 0,
    chunked: bool = False,
) -> Answer:
    """Send a request to its owner; return the beginning of the answer.

    Args:
        sock: A connection to the owner. If the client goes away meanwhile, it ends.
        head: As it is to be sent.
        length: Bytes of the body, which is in ``environ``.
        chunked: Whether the body has no length, and is sent in chunks.

    Raises:
        Abandoned: The client has gone.
        OSError: There is no answer.

    Blocks:
        Until it begins, as long as the timeout of ``sock`` allows.
    """
    abandoned = False

    def on_hangup() -> None:
        nonlocal abandoned
        abandoned = True
        hang_up(sock)

    gone = watch(environ, on_hangup)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            # The owner may refuse a request before all of its body has come.
            _send(sock, head, environ, length, chunked)
        return Answer(sock, environ["REQUEST_METHOD"])
    except OSError as exc:
        if abandoned:
            raise Abandoned(*exc.args) from exc
        raise
    finally:
        if gone is not None:
            gone.close()


def _send(
    sock: GeventSocket, head: bytes, environ: Environ, length: int, chunked: bool
) -> None:
    if chunked:
        sock.sendall(head)
        while part := environ["wsgi.input"].read(_SIZE):
            sock.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        sock.sendall(b"0\r\n\r\n")
        return
    waiting = head
    while length:
        part = environ["wsgi.input"].read(min(length, _SIZE))
        if not part:
            raise OSError("the body of the request is cut short")
        length -= len(part)
        sock.sendall(waiting + part)
        waiting = b""
    if waiting:
        sock.sendall(waiting)


def respond(
    answer: Answer, start_response: StartResponse, end: Callable[[bool], object]
) -> Iterable[bytes]:
    """Answer the client as the owner does.

    Args:
        answer: The owner's.
        end: Called at the end; says whether the owner's connection can be used again.

    Raises:
        OSError: The owner does not go on. Either ``start_response`` was not called, or
            the iterator raises it, so that the client gets no answer that looks whole.

    Blocks:
        Until all of a short answer is there.
    """
    fields = [field for field in answer.headers if field[0].lower() not in _ANEW]
    parts: Iterable[bytes] = _Body(answer, end)
    if is_short(answer):
        parts = list(parts)
    start_response(answer.status, fields)
    return parts


def is_short(answer: Answer) -> bool:
    """Whether all of an answer is read before any of it goes to the client."""
    return answer.length is not None and answer.length <= _AT_ONCE


class _Body:
    """The body of an answer, as a WSGI server takes it."""

    def __init__(self, answer: Answer, end: Callable[[bool], object]) -> None:
        self._answer = answer
        self._end: Callable[[bool], object] | None = end

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            part = self._answer.read()
        except OSError:
            self.close()
            raise
        if not part:
            self.close(self._answer.reusable)
            raise StopIteration
        return part

    def close(self, reusable: bool = False) -> None:
        """End; the server calls this in any case."""
        end, self._end = self._end, None
        if end is not None:
            end(reusable)


class Stall:
    """Ends two connections when nothing has gone from one to the other for a while."""

    def __init__(self, delays: Calls, seconds: float) -> None:
        self._delays = delays
        self._seconds = seconds
        self._socks: tuple[Any, ...] = ()
        self._timer: Timer | None = None
        #: Whether something has gone since the last look.
        self.moved = False

    def watch(self, *socks: Any) -> None:
        """Begin to look."""
        self._socks = socks
        self._timer = self._delays.call_later(self._seconds, self._look)

    def _look(self) -> None:
        if self.moved:
            self.moved = False
            self._timer = self._delays.call_later(self._seconds, self._look)
            return
        log.debug("nothing has gone through a connection for %.1f s", self._seconds)
        for sock in self._socks:
            with suppress(OSError):  # it has ended already
                # Without a farewell of TLS, which this side would wait for.
                getattr(sock, "_sock", sock).shutdown(SHUT_RDWR)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def splice(
    sock: GeventSocket,
    taken: TakenSocket,
    first: bytes = b"",
    stall: Stall | None = None,
) -> None:
    """Carry all bytes between the owner and a client until either side ends.

    Args:
        sock: The connection to the owner.
        taken: The client's connection.
        first: What the owner has sent already.
        stall: Looks at what the owner sends.

    Blocks:
        Until then.
    """
    client: Any = taken.sock
    if taken.released:
        client = GeventSocket(fileno=client.detach())
    client.settimeout(None)
    if stall is not None:
        stall.watch(sock, client)
    upwards = gevent.spawn(_carry, client, sock)
    try:
        _carry(sock, client, first, stall)
        hang_up(sock)
        upwards.join(_GOODBYE)
    finally:
        upwards.kill()
        if stall is not None:
            stall.stop()
        for each in (sock, client):
            hang_up(each)


def _carry(
    source: Any, target: Any, data: bytes = b"", stall: Stall | None = None
) -> None:
    with suppress(OSError):
        if data:
            target.sendall(data)
        while data := source.recv(_SIZE):
            target.sendall(data)
            if stall is not None:
                stall.moved = True
    say_no_more(target)

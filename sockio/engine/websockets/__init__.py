"""How a WebSocket is got out of a WSGI server: the first backend that recognises it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sockio.engine.http.client_socket import take_over
from sockio.engine.http.request import Request
from sockio.engine.options import EngineOptions
from sockio.errors import ProtocolError
from sockio.protocol.websocket import deflate, handshake
from sockio.protocol.websocket.deflate import Agreed
from sockio.protocol.websocket.payload import encode_text
from sockio.runtime.reactor import Reactor
from sockio.types import StartResponse

from .native import NativeWebSocket
from .websocket import WebSocket

__all__ = ["READY_MADE", "WebSocket", "accept", "check", "refuse"]

#: The key under which an environ that no server made carries its WebSocket; it is told
#: the headers of the answer by ``accepted``.
READY_MADE = "sockio.websocket"

#: The headers that decide about a handshake, with their names in environ.
_READ = (
    ("upgrade", "HTTP_UPGRADE"),
    ("connection", "HTTP_CONNECTION"),
    ("sec-websocket-key", "HTTP_SEC_WEBSOCKET_KEY"),
    ("sec-websocket-version", "HTTP_SEC_WEBSOCKET_VERSION"),
)


def check(request: Request) -> list[tuple[str, str]]:
    """Return the headers that answer the WebSocket handshake in ``request``.

    Raises:
        ProtocolError: It is not a proper WebSocket handshake.
    """
    environ = request.environ
    return handshake.answer({name: environ.get(key, "") for name, key in _READ})


def accept(
    request: Request,
    reactor: Reactor,
    options: EngineOptions,
    headers: Iterable[tuple[str, str]],
) -> WebSocket | None:
    """Answer the handshake with ``headers`` and return the WebSocket.

    None: the server that made ``request.environ`` lets nobody have the connection.
    """
    answer = [*headers]
    if READY_MADE in request.environ:
        made: WebSocket = request.environ[READY_MADE].accepted(answer)
        return made
    agreed = _negotiate(request, options)
    if agreed is not None:
        answer.append(("Sec-WebSocket-Extensions", agreed.header))
    taken = take_over(request.environ)
    if taken is None:
        return _accept_elsewhere(request, reactor, options, _response([*headers]))
    websocket = NativeWebSocket(
        taken,
        reactor,
        max_payload=options.max_http_buffer_size,
        agreed=None if taken.upgraded else agreed,
    )
    if not taken.upgraded:
        websocket.write_raw(_response(answer))
    return websocket


def refuse(
    request: Request,
    reactor: Reactor,
    options: EngineOptions,
    message: str,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Answer an upgrade request with 400 and ``message``, and return the WSGI result.

    If the server has sent the 101 already, the client gets a close frame 1008 instead.
    """
    taken = take_over(request.environ) if "wsgi.websocket" in request.environ else None
    if taken is not None:
        websocket = NativeWebSocket(
            taken, reactor, max_payload=options.max_http_buffer_size
        )
        websocket.start(_Refused())
        websocket.dismiss(1008, message)
        return websocket.finish(start_response)
    body = encode_text(message)
    headers = [
        ("Connection", "close"),
        ("Content-Type", "text/html"),
        ("Content-Length", str(len(body))),
    ]
    if request.header("sec-websocket-version") != handshake.VERSION:
        headers.append(("Sec-WebSocket-Version", handshake.VERSION))
    start_response("400 Bad Request", headers)
    return [] if request.method == "HEAD" else [body]


class _Refused:
    """The receiver of a WebSocket that is about to be closed."""

    def on_message(self, data: str | bytes) -> None: ...
    def on_drained(self) -> None: ...
    def on_closed(self, error: object) -> None: ...


def _negotiate(request: Request, options: EngineOptions) -> Agreed | None:
    offer = request.header("sec-websocket-extensions")
    if offer is None or options.per_message_deflate is None:
        return None
    try:
        return deflate.negotiate(offer, options.per_message_deflate)
    except ProtocolError:
        return None  # an unreadable offer is declined


def _accept_elsewhere(
    request: Request, reactor: Reactor, options: EngineOptions, answer: bytes
) -> WebSocket | None:
    from . import simple_websocket  # its package is needed under such servers only

    if not simple_websocket.recognises(request.environ):
        return None
    return simple_websocket.accept(
        request.environ,
        reactor,
        max_payload=options.max_http_buffer_size,
        answer=answer,
    )


def _response(headers: Sequence[tuple[str, str]]) -> bytes:
    lines = ["HTTP/1.1 101 Switching Protocols"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

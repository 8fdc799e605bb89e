"""Refusals: what clients are told if the process that has their session is not reached.

Most of them go out on a connection that no WSGI server has any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sockio.engine.http.access_log import hide_sid
from sockio.engine.http.response import Response
from sockio.runtime.hangup import hang_up
from sockio.types import Environ, StartResponse

__all__ = ["UNAVAILABLE", "UNKNOWN", "refuse", "unavailable"]

_BODY = b'{"code":1,"message":"Session ID unknown"}'
#: The process that had the session has gone.
UNKNOWN = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)
#: The process that has the session does not take the request.
UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)

#: How often more is read of what a client has sent, before its connection ends.
_MOST_READS = 32


def refuse(sock: Any, answer: bytes, *, begun: bool = False) -> None:
    """Answer, and end the connection; never blocks.

    Args:
        sock: Plain, and does not block.
        answer: One of the above.
        begun: Whether the client has a part of an answer, so that it gets none.
    """
    with suppress(OSError):
        if not begun:
            sock.send(answer)
        # If something is unread at the end, the client may lose the answer.
        for _ in range(_MOST_READS):
            if not sock.recv(65536):
                break
    hang_up(sock)


def unavailable(
    environ: Environ, start_response: StartResponse
) -> Iterable[bytes] | None:
    """Answer that the process cannot be reached now; None: an upgrade is asked."""
    if "HTTP_UPGRADE" in environ:
        return None
    response = Response()
    response.headers["Retry-After"] = "1"
    response.end(503, b"Service Unavailable")
    hide_sid(environ, start_response)
    return response.start(start_response, environ["REQUEST_METHOD"])

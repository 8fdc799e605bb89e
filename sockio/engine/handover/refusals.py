"""Refusals: what clients are told if the process that has their session is not reached.

Most of them go out on a connection that no WSGI server has any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sockio.engine.http.access_log import hide_sid
from sockio.engine.http.response import Response
from sockio.runtime import logs
from sockio.runtime.hangup import hang_up
from sockio.runtime.refusals import PROCESS_UNREACHABLE, Cause
from sockio.runtime.repeats import Repeats
from sockio.types import Environ, StartResponse

__all__ = ["UNAVAILABLE", "UNKNOWN", "refuse", "tell", "unavailable"]

log = logs.get("engine.handover")

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


def tell(repeats: Repeats, cause: Cause, tag: str) -> None:
    """Log that the client of another process's session is turned away.

    Args:
        repeats: Counts the lines that clients cause.
        cause: Why.
        tag: That of the process.
    """
    level = cause.level_now(log, repeats)
    extra = cause.fields()
    log.log(level, "refused: %s has the session; %s", tag, cause, extra=extra)


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
    environ: Environ, start_response: StartResponse, repeats: Repeats, tag: str
) -> Iterable[bytes] | None:
    """Answer that the process cannot be reached now; None: an upgrade is asked.

    Args:
        environ: Of the request.
        start_response: The same.
        repeats: Counts the lines that clients cause.
        tag: That of the process.
    """
    if "HTTP_UPGRADE" in environ:
        return None
    tell(repeats, PROCESS_UNREACHABLE, tag)
    response = Response()
    response.headers["Retry-After"] = "1"
    response.end(503, b"Service Unavailable")
    hide_sid(environ, start_response)
    return response.start(start_response, environ["REQUEST_METHOD"])

"""Refusals: answers on a connection that no WSGI server has any more."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sockio.runtime.hangup import hang_up

__all__ = ["UNAVAILABLE", "UNKNOWN", "refuse"]

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

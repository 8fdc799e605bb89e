"""Hang-up: end a connection so that the peer notices it.

Closing a descriptor is not the same as ending its connection: while a forked child also
holds the descriptor, the peer does not notice the close. So the connections of our
clients end here. A descriptor whose connection somebody else continues is closed
without this.

The sockets are plain or TLS, of gevent, or of the standard library and do not block.
Nothing here waits, and another greenlet may wait for what such a socket receives.
"""

from __future__ import annotations

from contextlib import suppress
from socket import SHUT_RDWR, SHUT_WR
from typing import Any

__all__ = ["hang_up", "say_no_more"]


def hang_up(sock: Any) -> None:
    """End the connection at once, and close its socket; what was not sent is lost."""
    _shut_down(sock, SHUT_RDWR)
    with suppress(OSError):
        sock.close()


def say_no_more(sock: Any) -> None:
    """Tell the peer that nothing follows what was sent; it may still send."""
    _shut_down(sock, SHUT_WR)


def _shut_down(sock: Any, how: int) -> None:
    if sock.fileno() < 0:
        return  # it is closed already
    secure = getattr(sock, "_sslobj", None)
    if secure is not None:
        # Not ``unwrap``: gevent's waits for the peer's farewell, even beside a reader.
        # The peer may be gone, or the kernel may take nothing.
        with suppress(OSError):
            secure.shutdown()
    with suppress(OSError):  # the connection has ended already
        # gevent's own method would remove TLS before all that arrived has been read.
        getattr(sock, "_sock", sock).shutdown(how)

"""Hang-up: the end of a connection, as the peer is told of it.

To close a descriptor is another thing than to end its connection: while a child that
was forked meanwhile holds the descriptor too, the peer learns nothing of a close. So
the connections of our clients end here. A descriptor with which somebody else goes on
is closed without this.

The sockets are plain or TLS, of the standard library or of gevent, and do not block.
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
    """Tell the peer that nothing follows what was sent; it may go on sending."""
    _shut_down(sock, SHUT_WR)


def _shut_down(sock: Any, how: int) -> None:
    if sock.fileno() < 0:
        return  # somebody has closed it
    goodbye = getattr(sock, "unwrap", None)
    if goodbye is not None:
        # The peer may have gone, or the kernel may take nothing.
        with suppress(OSError, ValueError):
            goodbye()
    with suppress(OSError):  # it has ended already
        # gevent's object would take TLS off before those who read have read to the end.
        getattr(sock, "_sock", sock).shutdown(how)

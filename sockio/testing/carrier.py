"""Carrier: what a client's socket in a test asks of the connection that carries it."""

from __future__ import annotations

from typing import Any, Protocol

from sockio.protocol.client import Client
from sockio.runtime.mailbox import Mailbox
from sockio.socket.server.server import Server

from .activity import Activity

__all__ = ["Carrier"]


class Carrier(Protocol):
    """What a socket asks of the connection that carries it."""

    #: The server.
    io: Server[Any]
    #: What the client knows.
    core: Client
    #: Real seconds for which anything is waited for.
    timeout: float
    activity: Activity
    #: Calls what is put in, one after the other, in a worker.
    mailbox: Mailbox

    def flush(self) -> None:
        """Send what the core has to send."""

    def check(self) -> None:
        """Raise an error of the application's code, if there is one to raise."""

    def left(self) -> None:
        """A socket has left its namespace."""

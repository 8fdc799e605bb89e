"""WebSocket: what a backend must offer, however it gets it out of a WSGI server.

Each backend is asked whether it recognises an environment; the first that does accepts
the WebSocket and determines what the WSGI callable does afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sockio.protocol.engineio.wire import Wire
from sockio.types import StartResponse


class Receiver(Protocol):
    """What a WebSocket reports to, in the hub or in the reading greenlet."""

    def on_message(self, data: str | bytes) -> None: ...
    def on_drained(self) -> None: ...
    def on_closed(self, error: object) -> None: ...


class WebSocket(Protocol):
    """One accepted WebSocket."""

    @property
    def writable(self) -> bool:
        """Whether a message sent at this instant would leave at once."""

    @property
    def ready(self) -> bool:
        """Whether the kernel takes what is sent."""

    @property
    def pending_size(self) -> int:
        """Bytes sent that the kernel has not taken."""

    @property
    def unfinished(self) -> int:
        """Bytes received of a message that is not complete yet."""

    def start(self, receiver: Receiver) -> None:
        """Deliver messages from now on."""

    def offer(self, wire: Wire) -> bool:
        """Send the packets of ``wire``, one message each; False: not ready for it.

        Never blocks.
        """

    def pause(self) -> None:
        """Deliver nothing more, and read nothing more, until ``resume``."""

    def resume(self) -> None:
        """Deliver what has come, and read again."""

    def close(self, code: int | None = None, reason: str = "") -> None:
        """Send a close frame; from now on no message is delivered."""

    def finish(self, start_response: StartResponse) -> Iterable[bytes]:
        """Return what the WSGI callable has to return, or raise; after ``start``.

        Blocks:
            Until the WebSocket has ended, where the server does not release the socket.
        """
